// Random requests: those that the description allows, and those that it does not.

package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// drawEvent draws an object that the schema of the table events allows.
func (c *contract) drawEvent(t *rapid.T) map[string]any {
	table := c.doc.Components.Schemas["events"].Value
	event := map[string]any{}
	for _, name := range sortedKeys(table.Properties) {
		if slices.Contains(table.Required, name) || rapid.IntRange(0, 4).Draw(t, "has "+name) == 0 {
			event[name] = c.drawValue(t, name)
		}
	}
	if rapid.Bool().Draw(t, "has a field that the schema does not name") {
		event["x_"+rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name")] = drawJSON(t, 2)
	}
	return event
}

func (c *contract) drawValue(t *rapid.T, name string) any {
	s := c.doc.Components.Schemas["events"].Value.Properties[name].Value
	if len(s.Enum) > 0 {
		return rapid.SampledFrom(s.Enum).Draw(t, name)
	}
	most := 1 << 10
	if s.MaxLength != nil {
		most = int(*s.MaxLength)
	}
	switch {
	case s.Type.Includes("object"):
		return rapid.MapOfN(rapid.StringN(1, 10, 40), rapid.StringN(0, 20, -1), 0, 4).Draw(t, name)
	case s.Format == "date-time":
		at := time.Now().Add(time.Duration(rapid.Int64Range(-int64(100*time.Hour), int64(time.Minute)).Draw(t, name)))
		if rapid.Bool().Draw(t, "in milliseconds") {
			return at.UnixMilli()
		}
		return at.Format(time.RFC3339Nano)
	case s.Extensions["x-decimal"] != nil:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?`).Draw(t, name)
	case s.Pattern != "":
		return rapid.StringMatching(s.Pattern).Filter(func(v string) bool { return len(v) <= most }).Draw(t, name)
	case s.Type.Includes("string"):
		return rapid.StringN(int(s.MinLength), min(most, 40), -1).Draw(t, name)
	case s.Type.Includes("integer"):
		return rapid.Int32Range(0, 1<<31-1).Draw(t, name)
	}
	t.Fatalf("no generator for the property %s", name)
	return nil
}

// drawJSON draws any value.
func drawJSON(t *rapid.T, depth int) any {
	switch rapid.IntRange(0, 4+min(depth, 1)*2).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Float64().Draw(t, "number")
	case 3:
		return rapid.Int64().Draw(t, "integer")
	case 4:
		return rapid.String().Draw(t, "string")
	case 5:
		return []any{drawJSON(t, depth-1), drawJSON(t, depth-1)}
	}
	return map[string]any{rapid.String().Draw(t, "key"): drawJSON(t, depth-1)}
}

// drawPost draws a request that the description allows, with events that all are
// valid.
func (c *contract) drawPost(t *rapid.T) *exchange {
	x := &exchange{method: http.MethodPost, target: "/v1/events", header: http.Header{}}
	var events []any
	for range rapid.IntRange(1, 4).Draw(t, "events") {
		events = append(events, c.drawEvent(t))
	}
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		x.body = encode(events[0])
		x.header.Set("Content-Type", "application/json")
	case 1:
		x.body = encode(events)
		x.header.Set("Content-Type", "application/json")
	case 2:
		for _, e := range events {
			x.body = append(x.body, encode(e)...)
		}
		x.header.Set("Content-Type", "application/x-ndjson")
	case 3:
		x.body = encode(drawCloudEvent(t, events[0]))
		x.header.Set("Content-Type", "application/cloudevents+json")
	case 4:
		for i, e := range events {
			events[i] = drawCloudEvent(t, e)
		}
		x.body = encode(events)
		x.header.Set("Content-Type", "application/cloudevents-batch+json")
	case 5:
		e := drawCloudEvent(t, events[0])
		x.body = encode(e["data"])
		x.header.Set("Content-Type", "application/json")
		delete(e, "data")
		for name, value := range e {
			x.header.Set("ce-"+name, value.(string))
		}
	}
	if rapid.Bool().Draw(t, "compressed") {
		x.body = compress(x.body)
		x.header.Set("Content-Encoding", "gzip")
	}
	query := url.Values{}
	for _, name := range []string{"atomic", "dry_run"} {
		if rapid.IntRange(0, 3).Draw(t, "has "+name) == 0 {
			query.Set(name, fmt.Sprint(rapid.Bool().Draw(t, name)))
		}
	}
	if len(query) > 0 {
		x.target += "?" + query.Encode()
	}
	if rapid.IntRange(0, 4).Draw(t, "has preferences") == 0 {
		x.header.Set("Prefer", rapid.SampledFrom([]string{"wait=0", "handling=strict", "handling=lenient, wait=0", "respond-async"}).Draw(t, "Prefer"))
	}
	return x
}

// drawCloudEvent makes an event a CloudEvent.
func drawCloudEvent(t *rapid.T, event any) map[string]any {
	data := event.(map[string]any)
	e := map[string]any{"specversion": "1.0", "type": data["type"], "data": data}
	// Neither percent-encoded nor quoted: these stand for something else in a header.
	e["id"] = rapid.StringMatching(`[!#$&-~]{1,20}`).Draw(t, "id")
	e["source"] = rapid.StringMatching(`/[a-z0-9/]{0,20}`).Draw(t, "source")
	if rapid.Bool().Draw(t, "has a subject and an extension") {
		e["subject"] = rapid.StringMatching(`[a-z0-9]{1,20}`).Draw(t, "subject")
		e["x"] = rapid.StringMatching(`[a-z0-9]{1,5}`).Draw(t, "x")
	}
	for _, name := range []string{"type", "id", "time"} { // the event's are the attributes
		delete(data, name)
	}
	return e
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps, lists and scalars always encode
	}
	return append(text, '\n')
}

func compress(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// The things that a mutation puts in the place of what is allowed.
var (
	otherMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECTED", "QUERY", "post", "!"}
	otherTargets = []string{
		"/", "/v1", "/v1/", "/v1/events/", "/v1/events/schema", "/v1/events/schema/", "/v1/rejected", "/v1/rejected/schema",
		"/v1/receipts", "/v1/receipts/", "/v1/receipts/schema", "/v1/receipts/0.1.1", "/v1/ev%65nts", "/v1/events%2fschema", "/v1/../v1/events",
		"/v1/EVENTS", "/v1/events;a=b", "/openapi.json", "/openapi.yaml", "/healthz", "/readyz", "/metrics", "/admin/tenants",
		"/debug/pprof/", "/v1/receipts/00000000000000000000000000000000.1.1", "/v1/%00", "/v2/events", "/problems/syntax", "/favicon.ico",
	}
	otherQueries = []string{
		"atomic=maybe", "dry_run=", "dry_run=true&dry_run=true", "atomic=1&dry_run=0", "dryrun=true", "%zz", "a;b", "=", "&", "atomic", "atomic=%00",
	}
	otherFields = []string{
		"Accept", "Accept-Encoding", "Authorization", "Content-Encoding", "Content-Type", "Cookie", "Expect", "Forwarded", "Idempotency-Key",
		"If-Match", "If-Modified-Since", "If-None-Match", "Origin", "Parquay-Request-Id", "Prefer", "Range", "Traceparent", "X-Api-Key",
		"X-Forwarded-For", "X-Http-Method-Override", "Ce-Id", "Ce-Source", "Ce-Specversion", "Ce-Subject", "Ce-Time", "Ce-Type", "Ce-Extension",
	}
	otherValues = []string{
		"", "*", "gzip", "zstd", "br", "gzip, gzip", "identity", "x-gzip", "100-continue", "application/json", "application/json; charset=utf-16",
		"application/cloudevents+json", "application/cloudevents-batch+json", "application/cloudevents+avro", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "text/csv", "text/html", "handling=strict", "handling=strict, wait=0", "wait=-1", `wait="0"`, "return=minimal",
		`"key"`, "key", `"k1"`, `W/"tag"`, "1.0", "0.3", "message.sent", "2026-01-01T00:00:00Z", "not a time", "https://example.com", "bytes=0-1",
		"Bearer x", "Bearer pqy_00000000_00000000", "Basic YTpi", "Basic !", "Digest x", strings.Repeat("k", 300), "%22%F0%9F%98%80%22",
	}
	otherBodies = []string{
		"", " ", "{", "}", "[]", "[[]]", "null", "0", `"text"`, "{}", "[{}]", "{}{}", "{},{}", `{"type":"message.sent"}`, `{"type":"message.sent"`,
		`{"type":"message.sent"} x`, `{"type":null}`, `{"type":1}`, `{"type":"message.sent","type":"message.sent"}`, `{"type":"\ud800"}`,
		`{"type":"message.sent","time":"1999-01-01T00:00:00Z"}`, `{"type":"message.sent"}` + "\n{}", "\xef\xbb\xbf{}", "\xff", "a=b&c=d",
		`{"specversion":"1.0","id":"1","source":"/s","type":"message.sent","data":{"channel":"sms"}}`,
		`[{"specversion":"1.0","id":"1","source":"/s","type":"message.sent"},{"specversion":"0.3"}]`,
		strings.Repeat("[", 100), strings.Repeat(`{"a":`, 100), "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd\x04\x00",
	}
)

// mutate changes a request into one that may be anything but no HTTP.
func mutate(t *rapid.T, x *exchange) {
	for range rapid.IntRange(1, 4).Draw(t, "mutations") {
		path, query, _ := strings.Cut(x.target, "?")
		switch rapid.IntRange(0, 6).Draw(t, "mutation of") {
		case 0:
			x.method = rapid.SampledFrom(otherMethods).Draw(t, "method")
		case 1:
			path = rapid.SampledFrom(otherTargets).Draw(t, "target")
		case 2:
			path += "/" + url.PathEscape(rapid.String().Draw(t, "segment"))
		case 3:
			query = rapid.SampledFrom(otherQueries).Draw(t, "query")
		case 4, 5:
			name := rapid.SampledFrom(otherFields).Draw(t, "field")
			value := rapid.OneOf(rapid.SampledFrom(otherValues), rapid.StringMatching(`[ -~]{0,40}`)).Draw(t, name)
			x.header.Add(name, value)
		case 6:
			x.body = drawBody(t, x.body)
		}
		x.target = "/" + strings.TrimLeft(path, "/") // another beginning is no path
		if query != "" {
			x.target += "?" + query
		}
	}
	// What would only make the test wait, or belongs to the transport.
	for i, v := range x.header["Prefer"] {
		x.header["Prefer"][i] = waits.ReplaceAllString(v, "wait=0")
	}
	if expect := x.header["Expect"]; len(expect) > 0 {
		x.header["Expect"] = []string{"100-continue"}
	}
}

var waits = regexp.MustCompile(`(?i)wait\s*=\s*"?\d+"?`)

// drawBody draws a body near to another one.
func drawBody(t *rapid.T, body []byte) []byte {
	switch body = bytes.Clone(body); rapid.IntRange(0, 4).Draw(t, "body") {
	case 0:
		return rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
	case 1:
		return body[:rapid.IntRange(0, len(body)).Draw(t, "cut")]
	case 2:
		if len(body) > 0 {
			body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		return body
	case 3:
		return encode(drawJSON(t, 3))
	}
	return []byte(rapid.SampledFrom(otherBodies).Draw(t, "text"))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
