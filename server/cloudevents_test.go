package server

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	cloudEvent   = `{"specversion":"1.0","id":"e-1","source":"/shop","type":"message.sent","data":{"message_id":"m-1"}}`
	noCloudEvent = `{"specversion":"0.3","id":"e-1","source":"/shop","type":"message.sent"}`
)

// CloudEvents are taken like any other events, and each way of taking a body holds
// for them.
func TestCloudEvents(t *testing.T) {
	binary := func(more ...string) []string {
		return append([]string{"Ce-Specversion", "1.0", "Ce-Id", "e-1", "Ce-Source", "/shop", "Ce-Type", "message.sent", "Content-Type", "application/json"}, more...)
	}
	structured := func(more ...string) []string {
		return append([]string{"Content-Type", "application/cloudevents+json"}, more...)
	}
	batch := []string{"Content-Type", "application/cloudevents-batch+json; charset=utf-8"}
	for name, test := range map[string]struct {
		query, body string
		header      []string
		status      int
		kind        string
		rows        map[string]int
	}{
		"binary":                 {"", `{"message_id":"m-1"}`, binary(), 202, "", map[string]int{"events": 1}},
		"binary without data":    {"", "", binary(), 202, "", map[string]int{"events": 1}},
		"binary, compressed":     {"", string(gzipped(t, []byte(`{"message_id":"m-1"}`))), binary("Content-Encoding", "gzip"), 202, "", map[string]int{"events": 1}},
		"binary, broken":         {"", `{"message_id":`, binary(), 400, "/problems/syntax", map[string]int{}},
		"binary, dry run":        {"?dry_run=1", `{}`, binary(), 200, "", map[string]int{}},
		"structured":             {"", cloudEvent, structured(), 202, "", map[string]int{"events": 1}},
		"structured, another id": {"", noCloudEvent, structured(), 422, "/problems/events-rejected", map[string]int{"rejected": 1}},
		"batch":                  {"", "[" + cloudEvent + "," + cloudEvent + "]", batch, 202, "", map[string]int{"events": 2}},
		"batch, one invalid":     {"", "[" + cloudEvent + "," + noCloudEvent + "]", batch, 207, "", map[string]int{"events": 1, "rejected": 1}},
		"batch, strict":          {"?atomic=1", "[" + cloudEvent + "," + noCloudEvent + "]", batch, 422, "/problems/strict", map[string]int{}},
		"another format":         {"", "x", []string{"Content-Type", "application/cloudevents+avro"}, 415, "/problems/content-type", map[string]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			intake := newFakeIntake(t)
			s := start(t, testConfig(intake))
			got := s.do("POST", s.url+"/v1/events"+test.query, strings.NewReader(test.body), test.header...)
			if got.status != test.status || got.fields(t).Type != test.kind {
				t.Errorf("%d %s, want %d %s", got.status, got.body, test.status, test.kind)
			}
			if got.header.Get("Accept-Encoding") != "" {
				t.Error("content codings are named where none was wrong")
			}
			if diff := cmp.Diff(test.rows, intake.rows()); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			for _, b := range intake.mu.stored {
				if test.rows["events"] == 1 && test.rows["rejected"] == 0 && !bytes.Contains(b.Bytes, []byte("e-1")) {
					t.Errorf("the event's id is not in its batch: %q", b.Bytes)
				}
			}
		})
	}
}

// In binary mode the headers are a part of the event, and so of what a key stands
// for; other headers are not.
func TestKeysOfCloudEvents(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	post := func(header ...string) reply {
		header = append([]string{"Idempotency-Key", "k", "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/s", "Ce-Type", "a.b"}, header...)
		return s.do("POST", s.url+"/v1/events", strings.NewReader(cloudEvent), header...)
	}
	first := post()
	for _, same := range [][]string{nil, {"User-Agent", "x"}, {"Accept", "application/json"}} {
		if got := post(same...); got.header.Get("Idempotency-Replayed") != "true" || cmp.Diff(essence(first), essence(got)) != "" {
			t.Errorf("%q: %d %s", same, got.status, got.body)
		}
	}
	for _, other := range [][]string{
		{"Ce-Id", "2"},
		{"Ce-Subject", "x"},
		{"Content-Type", "text/plain"},
		{"Content-Type", "application/cloudevents+json"},
	} {
		if got := post(other...); got.status != 422 || got.fields(t).Type != "/problems/idempotency-mismatch" {
			t.Errorf("%q: %d %s", other, got.status, got.body)
		}
	}
	if intake.commits() != 1 {
		t.Errorf("%d commits", intake.commits())
	}
	// No two lists of headers are one text.
	post("Idempotency-Key", "k-2", "Ce-A", "xCe-By")
	if got := post("Idempotency-Key", "k-2", "Ce-A", "x", "Ce-B", "y"); got.status != 422 || got.fields(t).Type != "/problems/idempotency-mismatch" {
		t.Errorf("a header within another: %d %s", got.status, got.body)
	}
}
