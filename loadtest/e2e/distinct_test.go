package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/e2e/check"
)

// million is how many distinct things of a kind `make faults` makes up. An ordinary run
// makes up fewer of those that cost a request each, but more than any table holds.
const million = 1_000_000

func fewer() int {
	if os.Getenv("E2E_FULL") != "" {
		return million
	}
	return million / 5
}

// TestDistinctKeys posts events with a million distinct unknown keys: a few in each
// of many events, and as many and as long as an event may have. They cost no column,
// no series and no memory (I6), and are there in _extra.
func TestDistinctKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, attackedEnv...)
	s.start()
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	next, events := 0, 0
	post := func(bodies, perBody, keys int, tail string) {
		for range bodies {
			var body bytes.Buffer
			for range perBody {
				body.WriteString(`{"type":"a.b"`)
				for range keys {
					fmt.Fprintf(&body, `,"k%d%s":1`, next, tail)
					next++
				}
				body.WriteString("}\n")
			}
			s.deliver(client, body.Bytes())
			events += perBody
		}
	}
	post(1, 1, 1, "")
	s.await("a file is stored", flushWithin, func() bool { return len(s.rows("events")) > 0 })
	s.sameSeries(t, 1, million/2/10/1000, func(n int) { post(n, 1000, 10, "") })
	s.sameSeries(t, 1, million/2/1000/10, func(n int) { post(n, 10, 1000, strings.Repeat("x", 240)) })
	if next < million {
		t.Errorf("%d keys", next)
	}
	s.withinMemory()
	s.drain()

	found, inExtra := 0, 0
	var columns []string
	for name, rows := range s.rows("events") {
		described, _, err := check.Describe(filepath.Join(s.bucket, name))
		if err != nil {
			t.Fatal(err)
		}
		if columns == nil {
			columns = described
		}
		if !slices.Equal(described, columns) {
			t.Errorf("%s has the columns %q, another file %q", name, described, columns)
		}
		for _, row := range rows {
			found++
			inExtra += strings.Count(row.Row["_extra"], `":1`)
		}
	}
	if found != events || inExtra != next {
		t.Errorf("%d rows with %d unknown keys, want %d with %d", found, inExtra, events, next)
	}
}

// deliver posts a body until it is accepted.
func (s *site) deliver(client *http.Client, body []byte) {
	s.Helper()
	for begin := time.Now(); ; time.Sleep(unhurried) {
		a, err := s.body(client, "", body, true)
		switch {
		case err == nil && a.status == http.StatusAccepted:
			return
		case err != nil || a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable:
			s.Fatalf("answered %d %s, %v", a.status, a.kind, err)
		case time.Since(begin) > flushWithin:
			s.Fatalf("not accepted within %v: %d %s", flushWithin, a.status, a.kind)
		}
	}
}

// TestDistinctRequests sends a million requests of distinct paths, methods, tables,
// header names, queries and request ids: none leaves a series or memory behind (I6).
func TestDistinctRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, attackedEnv...)
	s.start()
	number := func(to []byte, i int) []byte { return strconv.AppendInt(to, int64(i), 10) }
	kinds := []struct {
		name    string
		request func(to []byte, i int) []byte
		status  int
	}{
		{"paths", func(to []byte, i int) []byte { return append(number(append(to, "GET /p"...), i), plainHead...) }, 404},
		{"methods", func(to []byte, i int) []byte {
			return append(number(append(to, "M"...), i), " /v1/events"+plainHead...)
		}, 405},
		{"tables", func(to []byte, i int) []byte { return append(number(append(to, "POST /v1/t"...), i), emptyHead...) }, 404},
		{"queries", func(to []byte, i int) []byte {
			return append(number(append(to, "GET /healthz?q"...), i), plainHead...)
		}, 200},
		{"request ids", func(to []byte, i int) []byte {
			to = append(number(append(to, "GET /healthz HTTP/1.1\r\nHost: parquay\r\nParquay-Request-Id: r"...), i), "\r\nX-"...)
			return append(number(to, i), ": a\r\n\r\n"...)
		}, 200},
	}
	begin := s.gateway.Peak()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s.sameSeries(t, 4, fewer()/len(kinds), func(n int) {
				if answers := s.flood(n, k.request); answers[k.status] != n {
					t.Errorf("answers by status: %v, want %d for all %d", answers, k.status, n)
				}
			})
		})
	}
	s.grownBy(begin, requestsGrow)
	s.honest(10, nil)
}

// requestsGrow is what a gateway may grow by under requests that store nothing, from
// its start on: the heap that it lives with. 200,000 entries of a table that forgot
// its bound would be more.
const requestsGrow = 24 << 20

// The ends of small requests, from the path on.
const (
	plainHead = " HTTP/1.1\r\nHost: parquay\r\n\r\n"
	emptyHead = " HTTP/1.1\r\nHost: parquay\r\nContent-Length: 0\r\n\r\n"
)
