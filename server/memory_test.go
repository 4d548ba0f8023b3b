package server

import (
	"strings"
	"testing"
)

// TestBatchesShareMemory: batches, rejected ones too, are in memory that goes back to
// where all requests take it from.
func TestBatchesShareMemory(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	for range 2 {
		if got := s.post(strings.Repeat(event, 200) + bad); got.status != 207 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	intake.mu.Lock()
	defer intake.mu.Unlock()
	if len(intake.mu.stored) != 4 {
		t.Fatalf("%d batches", len(intake.mu.stored))
	}
	for _, b := range intake.mu.stored {
		if b.Memory == nil || b.Memory != intake.mu.stored[0].Memory {
			t.Errorf("a batch of table %s is in memory of its own", b.Table.Name())
		}
	}
}
