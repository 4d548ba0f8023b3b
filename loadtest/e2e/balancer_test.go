package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// balancer is a small one: it deals requests to gateways in turn, and takes one to
// the next gateway when it gets no answer, 502 or 503, as balancers do that retry.
type balancer struct {
	url       string
	transport *http.Transport

	mu struct {
		sync.Mutex
		backends []string
		turn     int
		answers  map[string]int // by backend
		retries  int
	}
}

// patience is how long a balancer looks for a gateway that takes a request.
const patience = 10 * time.Second

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	b.mu.answers = map[string]int{}
	server := httptest.NewServer(b)
	b.url = server.URL
	t.Cleanup(func() { server.Close(); b.transport.CloseIdleConnections() })
	return b
}

// add has a gateway get requests.
func (b *balancer) add(backend string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.backends = append(b.mu.backends, backend)
}

// remove has a gateway get no more. Until then one that has ended is tried in vain.
func (b *balancer) remove(backend string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.backends = slices.DeleteFunc(b.mu.backends, func(other string) bool { return other == backend })
}

// answers is how many answers a gateway has given.
func (b *balancer) answers(backend string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.answers[backend]
}

func (b *balancer) retries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.retries
}

func (b *balancer) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.backends) == 0 {
		return ""
	}
	b.mu.turn++
	return b.mu.backends[b.mu.turn%len(b.mu.backends)]
}

// ServeHTTP passes on the first answer that is not 502 or 503, for as long as its
// patience lasts.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	for begin := time.Now(); time.Since(begin) < patience; {
		backend := b.next()
		if backend != "" && b.pass(w, r, backend, body) {
			return
		}
		b.mu.Lock()
		b.mu.retries++
		b.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	w.WriteHeader(http.StatusBadGateway)
}

// pass gives a request to a gateway and its answer to the client, unless it must be
// taken to another one.
func (b *balancer) pass(w http.ResponseWriter, r *http.Request, backend string, body []byte) bool {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, backend+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header = r.Header.Clone()
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusServiceUnavailable {
		return false
	}
	b.mu.Lock()
	b.mu.answers[backend]++
	b.mu.Unlock()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(text) // in vain if the client is gone
	return true
}
