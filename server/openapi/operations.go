// The list of operations: what can be asked for, and everything that may be
// answered. Description is made from it.

package openapi

import (
	"net/http"

	"parquay/server/problems"
)

// operation is what one method of one path does.
type operation struct {
	method     string
	path       string // {table} stands for each of the tables
	id         string // of the operation, with {table} likewise
	summary    string
	text       string
	open       bool     // needs no credential
	parameters []string // names of components
	bodies     []body   // forms of the request's body; none: it has none
	answers    []answer // those that are not problems
	problems   []problems.Kind
	headers    []string // names of components: what every answer may have
}

// body is a form of a request's or an answer's body.
type body struct {
	contentType string
	schema      object
}

// answer is a status with what comes with it.
type answer struct {
	status  int
	text    string
	headers []string // names of components
	bodies  []body
}

// operations is the list.
func operations() []operation {
	return []operation{postEvents(), getSchema(), getReceipt(), getDescription(), getWelcome(), getHealth(), getReadiness()}
}

func postEvents() operation {
	kept := []string{"Parquay-Durability", "Parquay-Receipt", "Preference-Applied", "Idempotency-Replayed"}
	outcome := []body{{jsonType, ref("schemas", "Outcome")}}
	return operation{
		method: http.MethodPost, path: "/v1/{table}", id: "post_{table}",
		summary: "Posts events to the table {table}",
		text: "The body is one JSON object, an array of objects, or objects one after the other. The gateway looks at the bytes: " +
			"but for CloudEvents, the Content-Type may be anything.",
		parameters: []string{
			"Atomic", "DryRun", "Prefer", "IdempotencyKey", "ContentEncoding", "RequestId",
			"CeSpecversion", "CeId", "CeSource", "CeType", "CeTime", "CeSubject",
		},
		bodies: []body{
			{jsonType, object{"anyOf": list{tableRef, object{"type": "array", "minItems": 1, "items": tableRef}}}},
			{"application/x-ndjson", ref("schemas", "NDJSON")},
			{"application/cloudevents+json", ref("schemas", "CloudEvent")},
			{"application/cloudevents-batch+json", object{"type": "array", "minItems": 1, "items": ref("schemas", "CloudEvent")}},
			{"*/*", object{"description": "Any of these, whatever it is called."}},
		},
		answers: []answer{
			{
				http.StatusOK, "Every event was accepted, and is in the bucket (Prefer: wait); or is valid (dry_run), and nothing was kept.",
				kept, outcome,
			},
			{http.StatusAccepted, "Every event was accepted.", kept, outcome},
			{
				http.StatusMultiStatus, "Some events were accepted, and some were rejected; or would have been (dry_run), and nothing was kept.",
				kept, outcome,
			},
		},
		problems: []problems.Kind{
			problems.Syntax, problems.CorruptBody, problems.IncompleteBody, problems.Parameter, problems.IdempotencyKey,
			problems.Forbidden, problems.CrossOrigin,
			problems.BodyTimeout, problems.BodyTooLarge, problems.RequestTooLarge, problems.ContentEncoding, problems.ContentType,
			problems.EventsRejected, problems.Strict, problems.IdempotencyMismatch, problems.TenantFull,
			problems.IdempotencyTenantFull, problems.RateLimited,
			problems.ClientGone, problems.Busy, problems.JournalFull, problems.JournalFailed, problems.Stopping,
			problems.IdempotencyFull,
		},
	}
}

func getSchema() operation {
	validators := []string{"ETag", "Cache-Control"}
	return operation{
		method: http.MethodGet, path: "/v1/{table}/schema", id: "schema_{table}",
		summary:    "The schema of the table {table}",
		text:       "The JSON Schema that the gateway checks events against, as its operator wrote it.",
		parameters: []string{"IfNoneMatch", "RequestId"},
		answers: []answer{
			{http.StatusOK, "The document.", validators, []body{{schemaType, ref("schemas", "TableSchema")}}},
			{http.StatusNotModified, "The document is the one that If-None-Match names.", validators, nil},
		},
	}
}

func getReceipt() operation {
	return operation{
		method: http.MethodGet, path: "/v1/receipts/{receipt}", id: "receipt",
		summary:    "Where the rows of a request are",
		text:       "The process that gave the receipt answers for it, for a while after the rows are in the bucket.",
		parameters: []string{"Receipt", "RequestId"},
		answers:    []answer{{http.StatusOK, "pending, or stored and in which files.", nil, []body{{jsonType, ref("schemas", "Receipt")}}}},
		problems:   []problems.Kind{problems.UnknownReceipt},
	}
}

func getDescription() operation {
	return operation{
		method: http.MethodGet, path: "/openapi.json", id: "openapi",
		summary:    "This description",
		text:       "It names the tables that the credential's tenant may post to.",
		parameters: []string{"RequestId"},
		answers:    []answer{{http.StatusOK, "The description.", []string{"Cache-Control"}, []body{{ContentType, ref("schemas", "Description")}}}},
	}
}

func getWelcome() operation {
	return operation{
		method: http.MethodGet, path: "/", id: "welcome", open: true,
		summary:    "How to post an event, in ten lines",
		parameters: []string{"RequestId"},
		answers:    []answer{{http.StatusOK, "The lines.", []string{"Cache-Control"}, []body{plain}}},
	}
}

func getHealth() operation {
	return operation{
		method: http.MethodGet, path: "/healthz", id: "health", open: true,
		summary:    "Whether the process lives",
		parameters: []string{"RequestId"},
		answers:    []answer{{http.StatusOK, "It does.", nil, []body{plain}}},
	}
}

func getReadiness() operation {
	return operation{
		method: http.MethodGet, path: "/readyz", id: "readiness", open: true,
		summary:    "Whether requests should be sent here",
		parameters: []string{"RequestId"},
		answers: []answer{
			{http.StatusOK, "They should.", nil, []body{plain}},
			{http.StatusServiceUnavailable, "They should not: the body says why.", nil, []body{plain}},
		},
	}
}
