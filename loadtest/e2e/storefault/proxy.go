// Package storefault is a proxy before an object store that spoils requests: it loses
// answers, holds requests back, breaks connections, changes bytes, or answers by
// itself, as its rules say. What it did is counted, so that a test which means to
// inject a fault can see that it happened.
package storefault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// receiveBuffer is the kernel's buffer of a connection from a client. It is small, so
// that a slow proxy slows its clients and not only itself.
const receiveBuffer = 32 << 10

// Proxy is a running proxy. It is safe for concurrent use.
type Proxy struct {
	target    *url.URL
	listener  net.Listener
	server    *http.Server
	transport *http.Transport
	served    chan struct{} // closed when the server has ended
	quit      chan struct{} // closed by Close: ends what is held open

	work sync.WaitGroup // requests, and deliveries of those that are held

	mu struct {
		sync.Mutex
		closed   bool // nothing joins the work any more
		random   *rand.Rand
		rules    []*armed
		log      []Request
		held     []*exchange
		silent   map[*exchange]*net.TCPConn
		inFlight int // puts
		most     int
		patient  chan struct{} // closed when silence ends
	}
}

// Request is what became of a request.
type Request struct {
	Method      string
	Key         string // the path, bucket included
	Conditional bool   // it may not replace an object
	Verdict     string // the name of the rule's verdict
	Status      int    // what the store answered; 0 if it was not asked, or did not answer
	At          time.Time
}

// Start runs a proxy before the store at a URL, on a free port. It passes everything
// until Set. The seed decides its random choices.
func Start(target string, seed uint64) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("parse the store's URL: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{
		target: u, listener: listener,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		served:    make(chan struct{}), quit: make(chan struct{}),
	}
	p.mu.random = rand.New(rand.NewPCG(seed, 0))
	p.mu.patient = make(chan struct{})
	p.mu.silent = map[*exchange]*net.TCPConn{}
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.serve),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			_ = c.(*net.TCPConn).SetReadBuffer(receiveBuffer) // a larger one only weakens a test
			return ctx
		},
	}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // it ends with Close
	}()
	return p, nil
}

// URL is where clients find the proxy.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Close ends every connection and everything that is held. It is called once.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	close(p.quit)
	err := p.server.Close()
	<-p.served
	p.work.Wait()
	p.transport.CloseIdleConnections()
	return err
}

// Set replaces the rules, for requests that come from now on. Their counts of
// requests begin anew.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.rules = nil
	for _, r := range rules {
		p.mu.rules = append(p.mu.rules, &armed{Rule: r})
	}
}

// Break resets the connections that are silent.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.mu.patient)
	p.mu.patient = make(chan struct{})
}

// broken is closed by the next Break.
func (p *Proxy) broken() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.patient
}

// Log lists the requests that were answered or broken, in that order.
func (p *Proxy) Log() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mu.log)
}

// Count is how many requests a verdict of this kind has met so far.
func (p *Proxy) Count(v Verdict) int {
	return p.count(func(r Request) bool { return r.Verdict == v.name })
}

// Answered is how many requests of a method the store has answered with a status.
func (p *Proxy) Answered(method string, status int) int {
	return p.count(func(r Request) bool { return r.Method == method && r.Status == status })
}

func (p *Proxy) count(is func(Request) bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.mu.log {
		if is(r) {
			n++
		}
	}
	return n
}

// Faults counts the requests that did not simply pass, by verdict.
func (p *Proxy) Faults() map[string]int {
	faults := map[string]int{}
	for _, r := range p.Log() {
		if r.Verdict != passed {
			faults[r.Verdict]++
		}
	}
	return faults
}

// MostInFlight is how many puts were under way at once at most, as their client saw
// it: a request is over when it is answered or its connection ends.
func (p *Proxy) MostInFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.most
}

// InFlight is how many puts are under way now. After [Proxy.Set] those are over, once it
// was 0, that went by the rules before.
func (p *Proxy) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.inFlight
}

// Held is how many requests are held back at the moment.
func (p *Proxy) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.held)
}

// Land applies the requests that are held back, in the order in which they came, and
// returns what became of them.
func (p *Proxy) Land() (landed []Request) {
	p.mu.Lock()
	held := p.mu.held
	p.mu.held = nil
	p.mu.Unlock()
	for _, e := range held {
		landed = append(landed, p.land(e))
	}
	return landed
}

// land applies a request whose client is gone.
func (p *Proxy) land(e *exchange) Request {
	_, _ = e.apply(context.Background(), e.body) // the log has what came of it
	e.verdict = landed
	return p.note(e)
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if !p.join() {
		panic(http.ErrAbortHandler)
	}
	defer p.work.Done()
	e := &exchange{proxy: p, w: w, r: r}
	p.enter(e)
	defer p.leave(e) // where the client went before it was answered
	verdict := p.judge(r)
	e.verdict = verdict.name
	verdict.act(e)
}

// join begins a piece of work, unless the proxy ends.
func (p *Proxy) join() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.closed {
		p.work.Add(1)
	}
	return !p.mu.closed
}

// enter counts a put. A client that gives one up may begin the next before the proxy
// has heard of that: the silent ones are looked at, whose clients do so.
func (p *Proxy) enter(e *exchange) {
	if e.r.Method != http.MethodPut {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, c := range p.mu.silent {
		if gone(c) {
			p.leaveLocked(other)
		}
	}
	e.counted = true
	p.mu.inFlight++
	p.mu.most = max(p.mu.most, p.mu.inFlight)
}

// leave ends what enter began. It comes before the client can know, since that may
// begin the next put at once.
func (p *Proxy) leave(e *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaveLocked(e)
}

func (p *Proxy) leaveLocked(e *exchange) {
	if e.counted {
		e.counted = false
		p.mu.inFlight--
	}
}

// hush has a connection's client looked for as long as it is silent.
func (p *Proxy) hush(e *exchange, c *net.TCPConn) (over func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.silent[e] = c
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.mu.silent, e)
	}
}

// note logs what became of a request, before its client can know.
func (p *Proxy) note(e *exchange) Request {
	r := Request{
		Method: e.r.Method, Key: strings.TrimPrefix(e.r.URL.Path, "/"), Conditional: e.r.Header.Get("If-None-Match") != "",
		Verdict: e.verdict, Status: e.status, At: time.Now(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.log = append(p.mu.log, r)
	return r
}

// hold keeps a request for Land, or for a moment that comes by itself.
func (p *Proxy) hold(e *exchange, d time.Duration) {
	if d > 0 {
		p.work.Go(func() { // the request is still at work: Close waits for both
			select {
			case <-time.After(d):
				p.land(e)
			case <-p.quit:
			}
		})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.held = append(p.mu.held, e)
}

// number draws evenly from 0 to n-1.
func (p *Proxy) number(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.random.IntN(n)
}

// errGone is returned when the client has closed its connection.
var errGone = errors.New("the client is gone")
