package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"parquay/loadtest/e2e/check"
)

// The table of TestSchemaChange before and after: a column goes, one comes.
const (
	ordersBefore = `{"type":"object","additionalProperties":true,"required":["sku"],"properties":{
		"sku":{"type":"string"},
		"quantity":{"type":"integer"},
		"note":{"type":"string"}}}`
	ordersAfter = `{"type":"object","additionalProperties":true,"required":["sku"],"properties":{
		"sku":{"type":"string"},
		"colour":{"type":"string"},
		"quantity":{"type":"integer"}}}`
)

// TestSchemaChange kills a gateway and starts it again with another schema: what
// was accepted under the old one gets into files with the old columns, as it was
// accepted.
func TestSchemaChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h") // the window is open when it is killed
	schemas := filepath.Join(s.work, "schemas")
	s.env = append(s.env, "PARQUAY_SCHEMAS="+schemas)
	write := func(document string) {
		if err := os.MkdirAll(schemas, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(schemas, "orders.json"), []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	post := func(body string) {
		t.Helper()
		if status, answer := s.post("/v1/orders", body); status != 202 {
			t.Fatalf("%d %s", status, answer)
		}
	}

	write(ordersBefore)
	s.start()
	post(`{"sku":"old","quantity":1,"note":"n","colour":"red"}`)
	s.kill()
	write(ordersAfter)
	s.start()
	post(`{"sku":"new","quantity":2,"note":"n","colour":"red"}`)
	s.stop(stopWithin)

	want := map[string][]string{
		"old": {"sku", "quantity", "note", "received_at", "_extra"},
		"new": {"sku", "colour", "quantity", "received_at", "_extra"},
	}
	wantRows := map[string]string{
		"old": `[_extra="{\"colour\":\"red\"}" note="n" quantity="1" sku="old"]`,
		"new": `[_extra="{\"note\":\"n\"}" colour="red" quantity="2" sku="new"]`,
	}
	found := map[string]int{}
	for name, rows := range s.rows("orders") {
		columns, _, err := check.Describe(filepath.Join(s.bucket, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			sku := row.Row["sku"]
			found[sku]++
			if !slices.Equal(columns, want[sku]) {
				t.Errorf("the file of %q has the columns %q, want %q", sku, columns, want[sku])
			}
			if got := fmt.Sprint(row.Lines()); got != wantRows[sku] {
				t.Errorf("the row of %q is %s, want %s", sku, got, wantRows[sku])
			}
		}
	}
	if found["old"] != 1 || found["new"] != 1 || len(found) != 2 {
		t.Errorf("rows by sku: %v", found)
	}
}
