package server

import (
	"strings"
	"testing"
)

func TestReceipt(t *testing.T) {
	r := Receipt{Incarnation: strings.Repeat("0a", 16), Window: 7, Frame: 1<<64 - 1}
	if got, err := ParseReceipt(r.String()); err != nil || got != r {
		t.Errorf("ParseReceipt(%s) = %v, %v", r, got, err)
	}
	for _, text := range []string{
		"", ".", "..", "0a.1.1",
		strings.Repeat("0", 32), strings.Repeat("0", 32) + ".1", strings.Repeat("0", 32) + ".1.",
		strings.Repeat("0", 32) + ".1.1.1", strings.Repeat("0", 32) + ".01.1", strings.Repeat("0", 32) + ".+1.1",
		strings.Repeat("0", 32) + ".1.18446744073709551616", strings.Repeat("x", 32) + ".1.1", strings.Repeat("0", 31) + ".1.1",
	} {
		if got, err := ParseReceipt(text); err == nil {
			t.Errorf("ParseReceipt(%q) = %v", text, got)
		}
	}
}
