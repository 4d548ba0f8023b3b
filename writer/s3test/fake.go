package s3test

// This file is a store in memory that speaks as much of S3's protocol as a bucket
// needs, and whose properties can be taken away one by one.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Flaws are what a store does otherwise than S3.
type Flaws struct {
	Winners                 int           // creates of a key that are confirmed, each replacing the one before; 0 is one, as it should be
	Exists                  bool          // any create is answered 412
	Repeats                 bool          // puts come twice, and the second answer counts: something in between does that
	Forgets                 bool          // puts are confirmed and not kept
	Invisible               int           // reads of a key that find nothing, before it is visible
	Spoils                  bool          // the first byte of a body is changed
	NoCondition, NoChecksum bool          // puts with that header are answered 501
	NoRead, NoDelete        bool          // such requests are answered 403
	NoOther                 string        // puts are answered 403 but for keys with this in them
	Ahead                   time.Duration // of its clock
	Status                  int           // what every request is answered; 0 for what it deserves
}

// Fake is such a store.
type Fake struct {
	Endpoint string

	mu struct {
		sync.Mutex
		flaws   Flaws
		objects map[string][]byte
		creates map[string]int
		reads   map[string]int
	}
}

// NewFake starts a store, which ends with its test. It checks no credentials.
func NewFake(t testing.TB, flaws Flaws) *Fake {
	t.Helper()
	f := &Fake{}
	f.mu.flaws = flaws
	f.mu.objects, f.mu.creates, f.mu.reads = map[string][]byte{}, map[string]int{}, map[string]int{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.Endpoint = server.URL
	return f
}

// Change gives the store other flaws.
func (f *Fake) Change(flaws Flaws) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.flaws = flaws
}

// Keys lists the objects, in no order, with their bucket's name before them.
func (f *Fake) Keys() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.mu.objects {
		list = append(list, key)
	}
	return list
}

// ServeHTTP answers a request.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	flaws := f.mu.flaws
	w.Header().Set("ETag", `"of a fake"`)
	if flaws.Ahead != 0 {
		w.Header().Set("Date", time.Now().Add(flaws.Ahead).UTC().Format(http.TimeFormat))
	}
	status := flaws.Status
	if status == 0 {
		status = f.answerLocked(w, r, key, body)
	}
	if status != 0 {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", strings.ReplaceAll(http.StatusText(status), " ", ""))
	}
}

// answerLocked answers what is no error, and returns the status of what is one.
func (f *Fake) answerLocked(w http.ResponseWriter, r *http.Request, key string, body []byte) int {
	flaws := f.mu.flaws
	content, present := f.mu.objects[key]
	switch r.Method {
	case http.MethodPut:
		if flaws.Repeats {
			f.putLocked(r, key, bytes.Clone(body))
		}
		return f.putLocked(r, key, body)
	case http.MethodGet, http.MethodHead:
		f.mu.reads[key]++
		switch {
		case flaws.NoRead:
			return http.StatusForbidden
		case !present || f.mu.reads[key] <= flaws.Invisible:
			return http.StatusNotFound
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content) // a client that is gone wants nothing
		return 0
	case http.MethodDelete:
		if flaws.NoDelete {
			return http.StatusForbidden
		}
		delete(f.mu.objects, key)
		w.WriteHeader(http.StatusNoContent)
		return 0
	}
	return http.StatusMethodNotAllowed
}

func (f *Fake) putLocked(r *http.Request, key string, body []byte) int {
	flaws := f.mu.flaws
	if !strings.Contains(key, flaws.NoOther) {
		return http.StatusForbidden
	}
	conditional := r.Header.Get("If-None-Match") != ""
	summed := r.Header.Get("X-Amz-Checksum-Crc32") != "" || r.Header.Get("X-Amz-Checksum-Crc32c") != ""
	if flaws.NoCondition && conditional || flaws.NoChecksum && summed {
		return http.StatusNotImplemented
	}
	if conditional {
		if flaws.Exists || f.mu.creates[key] >= max(1, flaws.Winners) {
			return http.StatusPreconditionFailed
		}
		f.mu.creates[key]++
	}
	if flaws.Spoils {
		body[0] ^= 0x20
	}
	if !flaws.Forgets {
		f.mu.objects[key] = body
	}
	return 0
}
