package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The memory that a gateway under attack may have resident: its setting, by which
// the runtime's limit is set too, and what that does not count, which are the pages
// of the binary, of generated code and of the kernel's for its threads.
const (
	attackedMemory = 256 << 20
	memorySlack    = 64 << 20
)

// attackedEnv is a gateway with little memory for the default limits of a body.
var attackedEnv = []string{"PARQUAY_MEMORY=256MiB", "PARQUAY_RING_BYTES=128MiB"}

// withinMemory checks the peak of the gateway's resident memory.
func (s *site) withinMemory() {
	s.Helper()
	if os.Getenv("E2E_RACE") != "" {
		s.Log("no bound on memory holds under the race detector")
		return
	}
	peak := s.gateway.Peak()
	s.Logf("peak of resident memory: %d MiB of %d MiB", peak>>20, (attackedMemory+memorySlack)>>20)
	if peak > attackedMemory+memorySlack {
		s.Errorf("%d MiB were resident, %d MiB more than PARQUAY_MEMORY", peak>>20, (peak-attackedMemory)>>20)
	}
	if peak == 0 {
		s.Log("resident memory can't be told here")
	}
}

// grownBy checks how far the peak has risen above what it was.
func (s *site) grownBy(before, limit int64) {
	s.Helper()
	grown := s.gateway.Peak() - before
	s.Logf("peak of resident memory: %d MiB, %d KiB more than before", s.gateway.Peak()>>20, grown>>10)
	if grown > limit && os.Getenv("E2E_RACE") == "" {
		s.Errorf("resident memory grew by %d KiB, more than %d KiB", grown>>10, limit>>10)
	}
}

// honest posts single events, as a client that comes back when it is told to, until
// n of them were accepted.
func (s *site) honest(n int, config *tls.Config) {
	s.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}
	defer client.CloseIdleConnections()
	begin := time.Now()
	for accepted := 0; accepted < n; {
		response, err := client.Post(s.gateway.Events+"/v1/events", "application/json", strings.NewReader(`{"type":"a.honest"}`))
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusAccepted {
				accepted++
				continue
			}
			if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
				s.Fatalf("an honest request was answered %d", response.StatusCode)
			}
		}
		if time.Since(begin) > flushWithin {
			s.Fatalf("of %d honest requests %d were accepted within %v (%v)", n, accepted, flushWithin, err)
		}
		time.Sleep(unhurried)
	}
}

// unhurried is how long an honest client waits before it tries again.
const unhurried = 50 * time.Millisecond

// answer is what a body was answered.
type answer struct {
	status             int
	kind               string // the problem's type without /problems/
	header             http.Header
	Type               string
	Accepted, Rejected int
	Errors             []struct{ Field, Code string }
}

// body posts a body, encoded in some way, with or without a Content-Length.
func (s *site) body(client *http.Client, coding string, body []byte, known bool) (a answer, err error) {
	var content io.Reader = bytes.NewReader(body)
	if !known {
		content = io.MultiReader(content)
	}
	request, err := http.NewRequest(http.MethodPost, s.gateway.Events+"/v1/events", content)
	if err != nil {
		return a, err
	}
	if coding != "" {
		request.Header.Set("Content-Encoding", coding)
	}
	return do(client, request)
}

// do sends a request and reads its answer, which must be JSON.
func do(client *http.Client, request *http.Request) (a answer, err error) {
	a.status, a.header, err = exchange(client, request, &a)
	a.kind = strings.TrimPrefix(a.Type, "/problems/")
	return a, err
}

// exchange sends a request and decodes the JSON of its answer.
func exchange(client *http.Client, request *http.Request, into any) (status int, header http.Header, err error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return 0, nil, fmt.Errorf("%d with %.100q: %w", response.StatusCode, text, err)
	}
	return response.StatusCode, response.Header, nil
}

// connect opens a connection to the listener for events.
func (s *site) connect(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.address(), startWithin)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
