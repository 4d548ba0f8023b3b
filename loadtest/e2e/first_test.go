package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestFirstUse is what somebody does who has just got the binary: start it in an
// empty directory, without settings, and post with curl. Then the power fails.
func TestFirstUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.env = nil
	s.start()
	s.curl(`{"type":"message.sent","recipient":"+15550100"}`)
	s.kill()
	s.start()
	s.await("the event is in a file", flushWithin, func() bool { return len(s.rows("events")) == 1 })
	s.curl(`{"type":"message.read","recipient":"+15550100"}`)
	s.stop(stopWithin)

	named := regexp.MustCompile(`^events/tenant=default/dt=\d{4}-\d\d-\d\d/hour=\d\d/[^/]+\.parquet$`)
	count := map[string]int{}
	for name, rows := range s.rows("events") {
		if !named.MatchString(name) {
			t.Errorf("file %s", name)
		}
		for _, row := range rows {
			count[row.Row["type"]]++
		}
	}
	if count["message.sent"] != 1 || count["message.read"] != 1 {
		t.Errorf("rows by type: %v", count)
	}
	if want := filepath.Join(s.work, "parquay-data", "bucket"); s.bucket != want {
		t.Errorf("the files are in %s", s.bucket)
	}
}

// TestWindow waits for an event to get into a file by itself.
func TestWindow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	s.curl(`{"type":"message.sent"}`)
	s.await("the event is in a file", flushWithin, func() bool { return len(s.rows("events")) == 1 })
	s.await("the journal is empty", flushWithin, func() bool { return len(s.journal()) == 0 })
}

// curl posts an event as people do. Where there is no curl, it is done with the
// content type that curl would send.
func (s *site) curl(body string) {
	s.Helper()
	answer := ""
	if path, err := exec.LookPath("curl"); err == nil {
		output, err := exec.Command(path, "-sS", "-d", body, s.gateway.Events+"/v1/events").Output()
		if err != nil {
			s.Fatal(err)
		}
		answer = string(output)
	} else {
		_, answer = s.post("/v1/events", body)
	}
	var got struct{ Accepted, Rejected int }
	if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Accepted != 1 || got.Rejected != 0 {
		s.Fatalf("the answer is %q", answer)
	}
}
