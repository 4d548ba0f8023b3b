package cloudevents

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

// TestDocsExample: the CloudEvent of docs/http-api.md becomes the row beside it.
func TestDocsExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## CloudEvents\n")
	_, rest, _ := strings.Cut(section, "```json\n")
	event, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "```json\n")
	row, _, _ := strings.Cut(rest, "```")

	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &fields); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, v := range fields {
		var compact bytes.Buffer
		if err := json.Compact(&compact, v); err != nil {
			t.Fatal(err)
		}
		want[name] = strings.Trim(compact.String(), `"`)
	}
	d := schema.NewDecoder(schema.Events(), limits)
	received := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	if err := Decode(d, Structured, nil, []byte(event), received, noLimit); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]string{want}, rowsOf(t, d, schema.Events())); diff != "" {
		t.Errorf("%v; row (-docs +got):\n%s", d.Errors(), diff)
	}
}
