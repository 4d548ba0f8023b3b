// docs/http-api.md is kept whole: every route, parameter and header field of the
// gateway's own description stands in its tables.

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"parquay/schema"
	"parquay/server/openapi"
)

func TestHTTPAPIPage(t *testing.T) {
	events := schema.Events()
	var text bytes.Buffer
	if err := openapi.New(openapi.Config{Tables: []*schema.Table{events}, Credentials: true}).Write(&text, []string{events.Name()}); err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths      map[string]map[string]any
		Components struct {
			Parameters map[string]struct{ Name, In string }
			Headers    map[string]any
		}
	}
	if err := json.Unmarshal(text.Bytes(), &description); err != nil {
		t.Fatal(err)
	}
	page := readDocument(t, "../../docs/http-api.md")
	_, fields, _ := strings.Cut(page, "\n## All header fields\n")
	ofRequests, ofAnswers, ok := strings.Cut(fields, "\nOf answers:\n")
	if !ok || len(description.Paths) == 0 || len(description.Components.Parameters) == 0 || len(description.Components.Headers) == 0 {
		t.Fatal("the page has no table of fields, or the description nothing to compare it with")
	}

	for path, operations := range description.Paths {
		path = strings.Replace(path, "/v1/events", "/v1/{table}", 1)
		for method := range operations {
			if row := "\n| `" + strings.ToUpper(method) + " " + path + "` |"; !strings.Contains(page, row) {
				t.Errorf("there is no row of the route %q", strings.TrimSpace(row))
			}
		}
	}
	for _, p := range description.Components.Parameters {
		switch {
		case p.In == "query" && !strings.Contains(page, "`?"+p.Name+"="):
			t.Errorf("the parameter %s is not described", p.Name)
		case p.In == "header" && strings.HasPrefix(p.Name, "ce-"):
		case p.In == "header" && !strings.Contains(ofRequests, "`"+p.Name+"`"):
			t.Errorf("the field %s is not in the table of requests", p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(description.Components.Headers)) {
		if !strings.Contains(ofAnswers, "`"+name+"`") {
			t.Errorf("the field %s is not in the table of answers", name)
		}
	}
}
