package storefault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// memory is a store that remembers what it was sent.
type memory struct {
	mu   sync.Mutex
	puts []string // bodies, in order
	keys []string
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Method == http.MethodPut {
		m.puts = append(m.puts, string(body))
		m.keys = append(m.keys, r.URL.EscapedPath()+" of "+r.Host)
	}
	w.Header().Set("ETag", "tag")
	_, _ = io.WriteString(w, "stored")
}

func (m *memory) bodies() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.puts, " ")
}

// between starts a store and a proxy before it.
func between(t *testing.T) (*memory, *Proxy) {
	t.Helper()
	store := &memory{}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	p, err := Start(server.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return store, p
}

// put sends a body as one attempt, on a connection of its own.
func put(t *testing.T, p *Proxy, key, body string) (status int, answer string, err error) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL()+"/bucket/"+key, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// What each verdict has the client and the store see.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		verdict Verdict
		status  int    // 0: the connection was reset
		stored  string // what the store got
	}{
		{Pass(), 200, "abc"},
		{LoseAnswer(), 0, "abc"},
		{Reset(), 0, ""},
		{Hold(0), 0, ""},
		{Duplicate(), 200, "abc abc"},
		{Answer(503, "SlowDown"), 503, ""},
		{AnswerAfter(500, "InternalError"), 500, "abc"},
	} {
		t.Run(c.verdict.String(), func(t *testing.T) {
			store, p := between(t)
			p.Set(Rule{Do: c.verdict})
			status, text, err := put(t, p, "a%3Db", "abc")
			if status != c.status || (err != nil) != (c.status == 0) || err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client saw %d %q, %v; want %d", status, text, err, c.status)
			}
			if status >= 400 && !strings.Contains(text, "<Code>") {
				t.Errorf("the error is %q", text)
			}
			if got := store.bodies(); got != c.stored {
				t.Errorf("the store got %q, want %q", got, c.stored)
			}
			for _, key := range store.keys {
				if want := "/bucket/a%3Db of " + strings.TrimPrefix(p.URL(), "http://"); key != want {
					t.Errorf("the store was asked for %q, want %q", key, want)
				}
			}
			if n := p.Count(c.verdict); n != 1 {
				t.Errorf("%d requests are counted", n)
			}
		})
	}
}

// A request that is held lands after its retry, when it is told to or by itself.
func TestHold(t *testing.T) {
	store, p := between(t)
	p.Set(Rule{Times: 1, Do: Hold(0)})
	if _, _, err := put(t, p, "a", "first"); err == nil {
		t.Error("a held request was answered")
	}
	if _, _, err := put(t, p, "a", "retry"); err != nil {
		t.Error(err)
	}
	if got := p.Land(); len(got) != 1 || got[0].Status != 200 || p.Held() != 0 {
		t.Errorf("landed with %v, %d are still held", got, p.Held())
	}
	p.Set(Rule{Times: 1, Do: Hold(time.Millisecond)})
	if _, _, err := put(t, p, "a", "last"); err == nil {
		t.Error("a held request was answered")
	}
	for p.Count(Verdict{name: landed}) < 2 {
		time.Sleep(time.Millisecond)
	}
	if got := store.bodies(); got != "retry first last" {
		t.Errorf("the store got %q", got)
	}
}

// Bytes that flip are one of the body or one of the answer.
func TestFlips(t *testing.T) {
	store, p := between(t)
	const body = "0123456789"
	p.Set(Rule{Do: FlipBody()})
	for range 20 {
		if _, _, err := put(t, p, "a", body); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range store.puts {
		differ := 0
		for i := range got {
			if got[i] != body[i] {
				differ++
			}
		}
		if len(got) != len(body) || differ != 1 {
			t.Errorf("the store got %q of %q", got, body)
		}
	}

	e := &exchange{proxy: p}
	whole := (&reply{status: 200, header: http.Header{"Etag": {"tag"}}, body: []byte("stored")}).bytes()
	if flipped := e.flipped(whole); len(flipped) != len(whole) || bytes.Equal(flipped, whole) {
		t.Errorf("the answer is %q of %q", flipped, whole)
	}
	p.Set(Rule{Do: FlipAnswer()})
	seen := map[string]bool{}
	for range 50 {
		status, text, err := put(t, p, "a", "")
		seen[http.StatusText(status)+text] = true
		_ = err // an answer that can't be read is one of the outcomes
	}
	if len(seen) < 3 {
		t.Errorf("flipped answers look all alike: %v", seen)
	}
}

// A slow request takes the time of its bytes, both ways, and its client feels it.
func TestSlow(t *testing.T) {
	_, p := between(t)
	p.Set(Rule{Do: Slow(100)})
	begin := time.Now()
	status, text, err := put(t, p, "a", strings.Repeat("x", 25)) // 5 to a step, and 6 of the answer
	if status != 200 || text != "stored" || err != nil {
		t.Errorf("%d %q, %v", status, text, err)
	}
	if took := time.Since(begin); took < 5*step {
		t.Errorf("it took %v", took)
	}
}

// Silence ends with the client, or with the proxy.
func TestSilent(t *testing.T) {
	store := &memory{}
	server := httptest.NewServer(store)
	defer server.Close()
	p, err := Start(server.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Set(Rule{Do: Silent()})
	client := &http.Client{Timeout: 50 * time.Millisecond}
	if _, err := client.Get(p.URL()); err == nil {
		t.Error("silence was answered")
	}
	if n := p.Count(Silent()); n != 1 {
		t.Errorf("%d silences are counted", n)
	}
	ended := make(chan error, 1)
	wait := func(n int) {
		go func() {
			_, _, err := put(t, p, "a", "x")
			ended <- err
		}()
		for p.Count(Silent()) < n {
			time.Sleep(time.Millisecond)
		}
	}
	wait(2)
	p.Break()
	if err := <-ended; err == nil {
		t.Error("a break is an answer")
	}
	wait(3)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the end of the proxy is an answer")
	}
	if got := store.bodies(); got != "" {
		t.Errorf("the store got %q", got)
	}
}

// Rules choose by method, key, number and chance; the first that takes one decides.
func TestRules(t *testing.T) {
	_, p := between(t)
	statuses := func(n int, key string) (got []int) {
		for range n {
			status, _, err := put(t, p, key, "x")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, status)
		}
		return got
	}
	p.Set(
		Rule{Method: http.MethodGet, Do: Reset()},
		Rule{Key: regexp.MustCompile(`/tenant=a/`), Do: Answer(403, "AccessDenied")},
		Rule{After: 1, Times: 2, Do: Answer(503, "SlowDown")},
	)
	for key, want := range map[string][]int{"tenant=a/1": {403, 403}, "tenant=b/1": {200, 503, 503, 200, 200}} {
		got := statuses(len(want), key)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: answered %v, want %v", key, got, want)
				break
			}
		}
	}
	if n := p.Answered(http.MethodPut, 200); n != 3 {
		t.Errorf("%d puts are counted as stored, want 3", n)
	}

	p.Set(Rule{Share: 0.3, Do: Answer(500, "InternalError")})
	failed := 0
	for _, status := range statuses(200, "x") {
		if status == 500 {
			failed++
		}
	}
	if failed < 30 || failed > 90 {
		t.Errorf("%d of 200 failed, and 60 are to", failed)
	}
	if p.Faults()[Answer(500, "InternalError").String()] != failed {
		t.Errorf("faults are counted as %v", p.Faults())
	}
}

// A store that is away breaks the connections.
func TestAway(t *testing.T) {
	p, err := Start("http://127.0.0.1:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, _, err := put(t, p, "a", "x"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("put = %v, want a reset", err)
	}
}

// Requests in flight are counted as their clients see them.
func TestInFlight(t *testing.T) {
	_, p := between(t)
	p.Set(Rule{Do: Slow(20)})
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if _, _, err := put(t, p, "a", "xxxxx"); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n := p.MostInFlight(); n < 2 || n > 5 {
		t.Errorf("%d in flight of 5", n)
	}
}

// A put that its client has given up is none in flight when the next one comes, however
// soon that is.
func TestInFlightGivenUp(t *testing.T) {
	_, p := between(t)
	p.Set(Rule{Do: Silent()})
	transport := &http.Transport{DisableKeepAlives: true}
	for n := range 300 {
		ctx, giveUp := context.WithCancel(t.Context())
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			for p.Count(Silent()) <= n {
				time.Sleep(50 * time.Microsecond)
			}
			giveUp()
		}()
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, p.URL()+"/bucket/a", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transport.RoundTrip(request); err == nil {
			t.Fatal("silence was answered")
		}
		<-heard
	}
	if n := p.MostInFlight(); n != 1 {
		t.Errorf("%d in flight of 1", n)
	}
}
