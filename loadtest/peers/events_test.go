package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	now := time.Date(2026, 11, 23, 7, 0, 1, 0, time.UTC)
	e := generate(1234, 100, now)
	if e.bodies() != 13 || e.count() != 1234 || e.bytes() != int64(len(e.text)) {
		t.Fatalf("%d bodies of %d events and %d bytes", e.bodies(), e.count(), e.bytes())
	}
	var again []byte
	for i := range e.bodies() {
		again = append(append(again, e.body(i)...), '\n')
	}
	if !bytes.Equal(again, e.text) {
		t.Error("the bodies are not the events")
	}
	hours := map[string]int{}
	for line := range bytes.Lines(e.text) {
		var event struct{ Time time.Time }
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		hours[event.Time.UTC().Format("2006-01-02T15")]++
	}
	if hours["2026-11-23T06"] != 1234 {
		t.Errorf("the events are of the hours %v", hours)
	}
	sum := int64(0)
	for _, n := range e.sent() {
		sum += n
	}
	if sum != 1234 {
		t.Errorf("%d events are said to be sent", sum)
	}
	if first := e.first(250); first.bodies() != 3 || !bytes.Equal(first.body(2), e.lines(200, 250)[:len(e.lines(200, 250))-1]) {
		t.Error("the first 250 events are others")
	}
	if s := e.single(); s.bodies() != 1234 || bytes.Count(s.body(7), []byte("\n")) != 0 {
		t.Error("single events are not single")
	}
	if again := generate(1234, 100, now); !bytes.Equal(again.text, e.text) {
		t.Error("the second time there are other events")
	}
}

func TestEventFiles(t *testing.T) {
	e := generate(1001, 100, time.Now())
	dir := filepath.Join(t.TempDir(), "events")
	if err := e.write(dir); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil || len(names) != runtime.NumCPU() {
		t.Fatalf("there are %d files (%v)", len(names), err)
	}
	slices.Sort(names)
	var all []byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if !bytes.Equal(all, e.text) {
		t.Error("the files are not the events")
	}
}
