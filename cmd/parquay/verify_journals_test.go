package main

import (
	"path/filepath"
	"strings"
	"testing"

	"parquay/buffer/journal/vfs"
)

// What is in a journal is told as it is at the moment, whoever uses it.
func TestInJournals(t *testing.T) {
	dir := t.TempDir()
	g := openTest(t, dir, vfs.OS{}, "PARQUAY_FLUSH_INTERVAL", "1h")
	stop, _ := running(t, g)
	in := inJournals([]string{t.TempDir(), dir})
	check := func(when, incarnation string, window uint64, want bool) {
		t.Helper()
		if got, err := in(incarnation, window); got != want || err != nil {
			t.Errorf("%s: window %d of %s is in it: %t, %v", when, window, incarnation, got, err)
		}
	}
	incarnation := g.incarnation.String()
	check("at first", incarnation, 1, false)
	if status, text := request(t, "POST", "http://"+g.server.Addr().String()+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	check("with an event", incarnation, 1, true)
	check("with an event", incarnation, 2, false)
	check("with an event", strings.Repeat("f", len(incarnation)), 1, false)
	check("with an event", "nobody", 1, false)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	check("after it", incarnation, 1, false)
	if _, err := inJournals([]string{filepath.Join(dir, "elsewhere")})(incarnation, 1); err == nil {
		t.Error("a journal that is not there is no error")
	}
}
