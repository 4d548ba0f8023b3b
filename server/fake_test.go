// An Intake that holds whoever uses it to the contract, and a server around it.

package server

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"parquay/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeIntake accepts what fits its limit, and fails the test for every breach of
// the contract of Intake and Reservation.
type fakeIntake struct {
	t testing.TB

	limit     int64                       // bytes at a time; 0: any number
	reserve   func(bytes int64) error     // may refuse a Reserve
	grow      func(bytes int64) error     // may refuse a Grow
	commit    func(context.Context) error // runs in Commit once the batches are taken
	forgetful bool                        // keeps no batches, for benchmarks
	quick     bool                        // puts what is committed into the bucket at once
	waiting   atomic.Int32                // calls of Await

	mu struct {
		sync.Mutex
		tenants  map[string]int
		open     int   // reservations that nobody released yet
		held     int64 // bytes of open reservations
		peak     int64 // the most held at a time
		reserves int
		stored   []storedBatch
		frames   []*fakeFrame // of each commit
	}
}

// fakeFrame is what a commit made durable.
type fakeFrame struct {
	tenant string
	put    chan struct{} // closed once it is in the bucket
}

type storedBatch struct {
	*schema.Batch
	sum uint32
}

func newFakeIntake(t testing.TB) *fakeIntake {
	f := &fakeIntake{t: t}
	f.mu.tenants = map[string]int{}
	t.Cleanup(f.check)
	return f
}

// check verifies that everything reserved was given back and no batch was changed.
func (f *fakeIntake) check() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.open != 0 || f.mu.held != 0 {
		f.t.Errorf("%d reservations with %d bytes were not released", f.mu.open, f.mu.held)
	}
	for _, b := range f.mu.stored {
		if crc32.ChecksumIEEE(b.Bytes) != b.sum {
			f.t.Errorf("a batch of %d rows was changed after its commit", b.Rows)
		}
	}
}

// rows counts the stored rows by table.
func (f *fakeIntake) rows() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := map[string]int{}
	for _, b := range f.mu.stored {
		rows[b.Table.Name()] += b.Rows
	}
	return rows
}

// idle waits until every reservation was released.
func (f *fakeIntake) idle() {
	f.t.Helper()
	eventually(f.t, "every reservation is released", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.mu.open == 0
	})
}

func (f *fakeIntake) peak() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.peak
}

func (f *fakeIntake) reserves() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.reserves
}

func (f *fakeIntake) Reserve(tenant string, share, bytes int64) (Reservation, error) {
	if bytes <= 0 {
		f.t.Errorf("Reserve(%q, %d): nothing is reserved", tenant, bytes)
	}
	if f.reserve != nil {
		if err := f.reserve(bytes); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limit > 0 && f.mu.held+bytes > f.limit {
		return nil, ErrBusy
	}
	f.mu.reserves++
	f.mu.tenants[tenant]++
	f.mu.open++
	f.addLocked(bytes)
	return &fakeReservation{f: f, tenant: tenant, held: bytes}, nil
}

func (f *fakeIntake) addLocked(bytes int64) {
	f.mu.held += bytes
	f.mu.peak = max(f.mu.peak, f.mu.held)
}

type fakeReservation struct {
	f         *fakeIntake
	tenant    string
	held      int64
	committed bool
	released  bool
}

func (r *fakeReservation) Grow(bytes int64) error {
	f := r.f
	if bytes <= 0 || r.committed || r.released {
		f.t.Errorf("Grow(%d), committed %v, released %v", bytes, r.committed, r.released)
	}
	if f.grow != nil {
		if err := f.grow(bytes); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limit > 0 && f.mu.held+bytes > f.limit {
		return ErrBusy
	}
	f.addLocked(bytes)
	r.held += bytes
	return nil
}

func (r *fakeReservation) Commit(ctx context.Context, batches []*schema.Batch) (Receipt, error) {
	f := r.f
	if r.committed || r.released {
		f.t.Errorf("Commit, although committed %v, released %v", r.committed, r.released)
	}
	if len(batches) == 0 {
		f.t.Error("Commit of no batches")
	}
	r.committed = true
	size := int64(0)
	f.mu.Lock()
	for _, b := range batches {
		size += int64(len(b.Bytes))
		if b.Tenant != r.tenant || b.Rows < 1 {
			f.t.Errorf("a batch of tenant %q with %d rows in a reservation of %q", b.Tenant, b.Rows, r.tenant)
		}
		if !f.forgetful {
			f.mu.stored = append(f.mu.stored, storedBatch{b, crc32.ChecksumIEEE(b.Bytes)})
		}
	}
	f.mu.Unlock()
	if size > r.held {
		f.t.Errorf("batches of %d bytes in a reservation of %d", size, r.held)
	}
	if f.commit != nil {
		if err := f.commit(ctx); err != nil {
			return Receipt{}, err
		}
	}
	if f.forgetful {
		return Receipt{Incarnation: fakeIncarnation, Window: 1, Frame: 1}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	frame := &fakeFrame{r.tenant, make(chan struct{})}
	if f.quick {
		close(frame.put)
	}
	f.mu.frames = append(f.mu.frames, frame)
	return Receipt{Incarnation: fakeIncarnation, Window: 1, Frame: uint64(len(f.mu.frames))}, nil
}

var fakeIncarnation = strings.Repeat("0a", 16)

// put has every frame so far put into the bucket.
func (f *fakeIntake) put() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, frame := range f.mu.frames {
		select {
		case <-frame.put:
		default:
			close(frame.put)
		}
	}
}

// forget makes every receipt so far unknown.
func (f *fakeIntake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, frame := range f.mu.frames {
		frame.tenant = ""
	}
}

// commits counts the commits that succeeded.
func (f *fakeIntake) commits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.frames)
}

func (f *fakeIntake) frame(tenant string, r Receipt) *fakeFrame {
	if tenant == "" {
		f.t.Error("a receipt of no tenant is asked for")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Incarnation != fakeIncarnation || r.Window != 1 || r.Frame < 1 || r.Frame > uint64(len(f.mu.frames)) ||
		f.mu.frames[r.Frame-1].tenant != tenant {
		return nil
	}
	return f.mu.frames[r.Frame-1]
}

func (f *fakeIntake) Lookup(tenant string, r Receipt) (Placement, error) {
	frame := f.frame(tenant, r)
	if frame == nil {
		return Placement{}, fmt.Errorf("look up: %w", ErrUnknownReceipt)
	}
	select {
	case <-frame.put:
		return Placement{Stored: true, Objects: []string{fmt.Sprintf("file:///%s/%d.parquet", tenant, r.Frame)}}, nil
	default:
		return Placement{}, nil
	}
}

func (f *fakeIntake) Await(ctx context.Context, tenant string, r Receipt) (Placement, error) {
	if _, limited := ctx.Deadline(); !limited {
		f.t.Error("Await without a deadline")
	}
	if frame := f.frame(tenant, r); frame != nil {
		f.waiting.Add(1)
		defer f.waiting.Add(-1)
		select {
		case <-frame.put:
		case <-ctx.Done():
		}
	}
	return f.Lookup(tenant, r)
}

func (r *fakeReservation) Release() {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.released {
		return
	}
	r.released = true
	r.f.mu.open--
	r.f.mu.held -= r.held
}

// eventually polls for what another goroutine is about to do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

// testConfig is a complete configuration on loopback, with small limits.
func testConfig(intake *fakeIntake) Config {
	reg := prometheus.NewRegistry()
	return Config{
		Listen:         "127.0.0.1:0",
		AdminListen:    "127.0.0.1:0",
		MaxConnections: 100,
		Tables:         []*schema.Table{schema.Events(), schema.Rejected()},
		Limits:         schema.Limits{MaxEvent: 1 << 20, Late: 168 * time.Hour, Early: time.Hour},
		MaxBody:        1 << 20,
		MaxDecoded:     4 << 20,
		Ack:            "disk",
		Intake:         intake,
		Receipts:       intake,

		IdempotencyWindow: 10 * time.Minute,
		IdempotencyKeys:   1000,

		Logger:   slog.New(slog.DiscardHandler),
		Metrics:  NewMetrics(reg),
		Gatherer: reg,
	}
}

// newServer returns a server that nobody runs: its handlers can be called.
func newServer(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// running is a served Server with a client of its own.
type running struct {
	*Server
	t      testing.TB
	client *http.Client
	url    string
	admin  string
}

// start serves cfg until the test ends.
func start(t testing.TB, cfg Config) *running {
	t.Helper()
	s := newServer(t, cfg)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		grace, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.StopAccepting(grace); err != nil {
			t.Errorf("stop accepting: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &running{
		Server: s, t: t,
		client: &http.Client{Transport: transport},
		url:    "http://" + s.Addr().String(),
		admin:  "http://" + s.AdminAddr().String(),
	}
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r *running) do(method, url string, body io.Reader, header ...string) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// post sends a body as curl's -d does.
func (r *running) post(body string, header ...string) reply {
	r.t.Helper()
	header = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)
	return r.do(http.MethodPost, r.url+"/v1/events", strings.NewReader(body), header...)
}

const event = `{"type":"message.sent","message_id":"m-1","channel":"sms"}`

var errBoom = errors.New("boom")
