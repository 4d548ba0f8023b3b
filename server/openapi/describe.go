// From an operation of the list to its part of the document.

package openapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parquay/server/problems"
)

type (
	object = map[string]any
	list   = []any
)

// tableRef refers to the schema of the table that {table} stands for.
var tableRef = ref("schemas", "{table}")

func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

// tenantsOnly are the problems that do not occur where there are no credentials.
var tenantsOnly = []problems.Kind{problems.Unauthorized, problems.TooManyFailures, problems.Forbidden, problems.RateLimited}

// What every answer has, and what those to a tenant with limits have.
var (
	everyHeader  = []string{"Parquay-Request-Id"}
	limitHeaders = []string{"RateLimit", "RateLimit-Policy"}
)

// secure completes what does not depend on the operation alone.
func (o *operation) secure(cfg Config) {
	o.headers = everyHeader
	if cfg.Credentials && !o.open {
		o.problems = append(o.problems, problems.Unauthorized, problems.TooManyFailures)
		o.headers = slices.Concat(everyHeader, limitHeaders)
	}
	if !cfg.Credentials {
		o.problems = slices.DeleteFunc(o.problems, func(k problems.Kind) bool { return slices.Contains(tenantsOnly, k) })
	}
	o.problems = append(o.problems, problems.Internal)
}

// describe is the document's operation object.
func (o *operation) describe() object {
	d := object{"operationId": o.id, "summary": o.summary, "responses": o.responses()}
	if o.text != "" {
		d["description"] = o.text
	}
	if o.open {
		d["security"] = list{}
	}
	var parameters list
	for _, name := range o.parameters {
		parameters = append(parameters, ref("parameters", name))
	}
	d["parameters"] = parameters
	if o.bodies != nil {
		d["requestBody"] = object{"required": true, "content": content(o.bodies)}
	}
	return d
}

// responses has the answers, and the problems by their status.
func (o *operation) responses() object {
	r := object{}
	for _, a := range o.answers {
		r[strconv.Itoa(a.status)] = a.describe(o.headers)
	}
	byStatus := map[int][]problems.Kind{}
	for _, k := range o.problems {
		byStatus[k.Status()] = append(byStatus[k.Status()], k)
	}
	for status, kinds := range byStatus {
		a := problem(kinds)
		r[strconv.Itoa(status)] = a.describe(o.headers)
	}
	return r
}

// describe is the document's response object. more are headers beside the answer's.
func (a *answer) describe(more []string) object {
	headers := object{}
	for _, name := range slices.Concat(a.headers, more) {
		headers[name] = ref("headers", name)
	}
	d := object{"description": a.text, "headers": headers}
	if a.bodies != nil {
		d["content"] = content(a.bodies)
	}
	return d
}

func content(bodies []body) object {
	c := object{}
	for _, b := range bodies {
		c[b.contentType] = object{"schema": b.schema}
	}
	return c
}

// problem is the answer that problems of one status have in common.
func problem(kinds []problems.Kind) answer {
	var titles []string
	var types list
	for _, k := range kinds {
		titles = append(titles, fmt.Sprintf("%s: %s.", strings.TrimPrefix(k.Type(), "/problems/"), k.Title()))
		types = append(types, k.Type())
	}
	narrowed := object{"properties": object{"type": object{"enum": types}, "status": object{"const": kinds[0].Status()}}}
	return answer{
		status: kinds[0].Status(), text: strings.Join(titles, " "), headers: problemHeaders(kinds),
		bodies: []body{{problemType, object{"allOf": list{ref("schemas", "Problem"), narrowed}}}},
	}
}

// problemHeaders are what comes with the problems of one status.
func problemHeaders(kinds []problems.Kind) (headers []string) {
	for _, k := range kinds {
		more := map[problems.Kind][]string{
			problems.MethodNotAllowed: {"Allow"},
			problems.Unauthorized:     {"WWW-Authenticate"},
			problems.ContentEncoding:  {"Accept-Encoding"},
			problems.EventsRejected:   {"Parquay-Durability", "Parquay-Receipt", "Idempotency-Replayed", "Preference-Applied"},
			problems.Strict:           {"Preference-Applied"},
		}[k]
		if k.Retry() > 0 {
			more = append(more, "Retry-After")
		}
		headers = append(headers, more...)
	}
	return headers
}

// marshal encodes a piece of the document.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode the OpenAPI description: %v", err)) // maps, lists and strings always encode
	}
	return text
}
