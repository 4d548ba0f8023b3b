package schema

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got; -update writes it anew):\n%s", path, d)
	}
}

func TestDDL(t *testing.T) {
	golden(t, "events.sql", Events().DDL(DDLOptions{Location: "s3://bucket/prefix/"}))
	golden(t, "rejected.sql", Rejected().DDL(DDLOptions{
		Location: "s3://bucket", Table: "analytics.refused", Tenants: []string{"acme", "globex"}, From: "2026-11-01",
	}))
	quotes := compile(t, `{"type": "object", "properties": {
		"l": {"type": "array", "items": {"type": "string"}, "description": "It's a \\ path,\nin \"lines\" of `+"`text`"+`."},
		"n": {"type": "number"}, "b": {"type": "boolean"}, "i": {"type": "integer"}
	}}`)
	golden(t, "quotes.sql", quotes.DDL(DDLOptions{Location: "s3://o'brien", Table: "odd`name"}))
}
