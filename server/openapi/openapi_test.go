package openapi

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
	"parquay/server/problems"
)

// described is what the tests look at of a description.
type described struct {
	OpenAPI    string
	Security   []map[string][]string
	Components map[string]map[string]json.RawMessage
	Paths      map[string]map[string]struct {
		OperationID string
		Security    []map[string][]string
		Responses   map[string]json.RawMessage
	}
}

func write(t *testing.T, cfg Config, tables ...string) (string, described) {
	t.Helper()
	var text strings.Builder
	if err := New(cfg).Write(&text, tables); err != nil {
		t.Fatal(err)
	}
	var d described
	if err := json.Unmarshal([]byte(text.String()), &d); err != nil {
		t.Fatalf("%v in %s", err, text.String())
	}
	return text.String(), d
}

func clicks(t *testing.T) *schema.Table {
	t.Helper()
	table, err := schema.Compile("clicks", []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema",
		"$id":"https://example.com/clicks","type":"object","properties":{"url":{"type":"string","x-encoding":"plain"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Every problem is an answer somewhere; those that need credentials only where
// there are some.
func TestEveryProblemIsDescribed(t *testing.T) {
	for _, credentials := range []bool{false, true} {
		_, d := write(t, Config{Tables: []*schema.Table{schema.Events()}, Credentials: credentials}, "events")
		answers := string(d.Components["responses"]["NotFound"]) + string(d.Components["responses"]["MethodNotAllowed"])
		for _, methods := range d.Paths {
			for _, o := range methods {
				for _, r := range o.Responses {
					answers += string(r)
				}
			}
		}
		for _, k := range problems.All() {
			want := credentials || !slices.Contains(tenantsOnly, k)
			if got := strings.Contains(answers, `"`+k.Type()+`"`); got != want {
				t.Errorf("credentials %v: %s is described: %v", credentials, k.Type(), got)
			}
			if !strings.Contains(string(d.Components["schemas"]["ProblemType"]), `"`+k.Type()+`"`) {
				t.Errorf("%s is no problem type", k.Type())
			}
		}
	}
}

// References lead somewhere, and nothing stands there in vain.
func TestReferences(t *testing.T) {
	for _, credentials := range []bool{false, true} {
		text, d := write(t, Config{Tables: []*schema.Table{schema.Events(), clicks(t)}, Credentials: credentials}, "clicks", "events")
		checkReferences(t, text, d)
	}
}

func checkReferences(t *testing.T, text string, d described) {
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"#/components/(\w+)/([\w-]+)"`).FindAllStringSubmatch(text, -1) {
		used[m[1]+" "+m[2]] = true
		if d.Components[m[1]][m[2]] == nil {
			t.Errorf("%s leads nowhere", m[0])
		}
	}
	for kind, named := range d.Components {
		for name := range named {
			// The text refers to responses, and security to schemes by their name.
			if kind != "responses" && kind != "securitySchemes" && !used[kind+" "+name] {
				t.Errorf("nobody refers to %s/%s", kind, name)
			}
		}
	}
}

// A reader sees the tables asked for, each with the schema it has.
func TestTables(t *testing.T) {
	cfg := Config{Tables: []*schema.Table{schema.Events(), clicks(t)}}
	for _, tables := range [][]string{nil, {"clicks"}, {"clicks", "events"}} {
		text, d := write(t, cfg, tables...)
		for _, name := range []string{"clicks", "events"} {
			visible := slices.Contains(tables, name)
			_, post := d.Paths["/v1/"+name]
			_, get := d.Paths["/v1/"+name+"/schema"]
			if got := d.Components["schemas"][name] != nil; got != visible || post != visible || get != visible {
				t.Errorf("of %q: %s: schema %v, POST %v, GET %v", tables, name, got, post, get)
			}
		}
		if strings.Contains(text, "{table}") {
			t.Error("a template is left")
		}
	}
	_, d := write(t, cfg, "clicks")
	if got := d.Paths["/v1/clicks"]["post"].OperationID; got != "post_clicks" {
		t.Errorf("operation %q", got)
	}
	want := `{"properties":{"url":{"type":"string","x-encoding":"plain"}},"type":"object"}`
	if diff := cmp.Diff(want, string(d.Components["schemas"]["clicks"])); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestSecurity(t *testing.T) {
	events := []*schema.Table{schema.Events()}
	for _, test := range []struct {
		cfg  Config
		want []string
	}{
		{Config{Tables: events}, nil},
		{Config{Tables: events, Credentials: true}, []string{"basic", "bearer", "header"}},
		{Config{Tables: events, Credentials: true, ClientCertificates: true}, []string{"basic", "bearer", "certificate", "header"}},
	} {
		_, d := write(t, test.cfg, "events")
		if diff := cmp.Diff(test.want, slices.Sorted(maps.Keys(d.Components["securitySchemes"]))); diff != "" {
			t.Errorf("schemes (-want +got):\n%s", diff)
		}
		var asked []string
		for _, one := range d.Security {
			asked = append(asked, slices.Collect(maps.Keys(one))...)
		}
		slices.Sort(asked)
		if diff := cmp.Diff(test.want, asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
		for path, open := range map[string]bool{"/": true, "/healthz": true, "/readyz": true, "/openapi.json": false} {
			if got := d.Paths[path]["get"].Security != nil; got != open {
				t.Errorf("%s: open: %v", path, got)
			}
		}
	}
}

func TestWriteFails(t *testing.T) {
	r, w := io.Pipe()
	gone := errors.New("gone")
	if err := r.CloseWithError(gone); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{}).Write(w, nil); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
