package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestBinary: what -binary names is measured, and not what would be built.
func TestBinary(t *testing.T) {
	t.Chdir(t.TempDir())
	const says = "it is me that is measured"
	if err := os.WriteFile("gateway", []byte("#!/bin/sh\necho "+says+"\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, what := range [][]string{{"-n", "10", "-singles", "0"}, {"-n", "0", "-singles", "10"}, {"-noisy"}} {
		err := run(t.Context(), append(what, "-binary", "gateway", "-dir", t.TempDir()), io.Discard)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q measures another gateway: %v", what, err)
		}
	}
}
