package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parquay/loadtest/e2e/check"
	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/process"
)

// built is where the binary is built.
var built string

// program is the gateway's binary, built once a run.
var program = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("E2E_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	return process.Build(built, os.Getenv("E2E_RACE") != "")
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "parquay-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a leftover in the temporary folder fails no test
	os.Exit(code)
}

// number reads a variable of the run.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

// The bounds on waiting. They are there for a gateway that hangs; nothing on a busy
// machine comes near them.
const (
	startWithin = 60 * time.Second
	stopWithin  = 90 * time.Second
	flushWithin = 90 * time.Second
)

// site is a place where gateways run one after the other: its directories, its
// settings, and the process of the moment.
type site struct {
	*testing.T
	seed   uint32
	work   string // the working directory
	data   string // the gateway's own
	env    []string
	bucket string // where finished files are, as plain files
	ack    string // the durability that answers must name
	scheme string // of the listener for events; http if it is empty
	log    *os.File
	how    func(*process.Options) // changes how a gateway is started; may be nil

	gateway *process.Gateway // the last one started
	cuts    atomic.Int64     // of the power, in tests of that
	target  atomic.Value     // of string: where the gateway takes events; "" while it is down
}

// newSite makes an empty place, with windows of a second unless env says otherwise.
func newSite(t *testing.T, env ...string) *site {
	t.Helper()
	work := t.TempDir()
	if keep := os.Getenv("E2E_KEEP"); keep != "" {
		work = filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "-"))
		if err := os.RemoveAll(work); err != nil {
			t.Fatal(err)
		}
	}
	s := &site{T: t, ack: "disk", seed: uint32(number(t, "E2E_SEED", int(rand.Uint32()>>1))), work: work}
	s.data = filepath.Join(work, "parquay-data")
	s.bucket = filepath.Join(s.data, "bucket")
	s.env = append([]string{"PARQUAY_FLUSH_INTERVAL=1s"}, env...)
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.log, err = os.Create(filepath.Join(work, "gateway.log")); err != nil {
		t.Fatal(err)
	}
	s.target.Store("")
	t.Logf("E2E_SEED=%d repeats the random choices", s.seed)
	t.Cleanup(func() {
		s.kill()
		s.log.Close()
		if t.Failed() {
			t.Logf("the end of the gateway's log:\n%s", tail(s.log.Name(), 40))
		}
	})
	return s
}

func tail(name string, lines int) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	list := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(list[max(0, len(list)-lines):], "\n")
}

// useStore has the site put its files into an S3-compatible store, or skips the
// test where there is none.
func (s *site) useStore() *process.Store {
	s.Helper()
	store, err := process.StartStore(s.Context(), filepath.Join(s.work, "store"), io.Discard)
	if errors.Is(err, process.ErrNoStore) {
		s.Skip(err)
	}
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(store.Kill)
	s.env = append(s.env, store.Env("prefix")...)
	s.bucket = filepath.Join(store.Objects(), "prefix")
	return store
}

func (s *site) options() process.Options {
	s.Helper()
	binary, err := program()
	if err != nil {
		s.Fatal(err)
	}
	return process.Options{Binary: binary, Work: s.work, Env: s.env, Log: s.log}
}

// start starts the gateway and waits until it is ready.
func (s *site) start() {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), startWithin)
	defer cancel()
	if err := s.tryStart(ctx); err != nil {
		s.Fatal(err)
	}
	if err := s.gateway.Ready(ctx); err != nil {
		s.Fatal(err)
	}
}

// tryStart starts the gateway, and kills it if that takes longer than ctx.
func (s *site) tryStart(ctx context.Context) error {
	o := s.options()
	if s.how != nil {
		s.how(&o)
	}
	g, err := process.Start(ctx, o)
	if g != nil {
		s.gateway = g // also one that has ended, for its exit code
	}
	if err != nil {
		return err
	}
	if s.scheme != "" {
		g.Events = strings.Replace(g.Events, "http", s.scheme, 1)
	}
	s.target.Store(g.Events)
	return nil
}

// address is where the gateway takes events.
func (s *site) address() string {
	_, address, _ := strings.Cut(s.gateway.Events, "://")
	return address
}

// kill ends the gateway with SIGKILL, if it runs.
func (s *site) kill() {
	s.target.Store("")
	if s.gateway != nil {
		s.gateway.Kill()
	}
}

// stop ends the gateway with SIGTERM, which must take less than limit and end with
// the exit code 0.
func (s *site) stop(limit time.Duration) {
	s.Helper()
	code, err := s.gateway.Stop(limit)
	s.target.Store("")
	if err != nil {
		s.Fatal(err)
	}
	if code != 0 {
		s.Errorf("exit code %d after SIGTERM", code)
	}
}

// journal lists what the journal holds.
func (s *site) journal() []string {
	s.Helper()
	segments, err := filepath.Glob(filepath.Join(s.data, "journal", "*.journal"))
	if err != nil {
		s.Fatal(err)
	}
	return segments
}

// await polls until a condition holds.
func (s *site) await(what string, limit time.Duration, condition func() bool) {
	s.Helper()
	for begin := time.Now(); !condition(); {
		if time.Since(begin) > limit {
			s.Fatalf("%s: not within %v; %s", what, limit, s.autopsy())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// autopsy ends the gateway, if there is one, and tells what it did.
func (s *site) autopsy() string {
	if s.gateway == nil {
		return "no gateway was started"
	}
	return "the gateway: " + s.gateway.Autopsy()
}

// drain stops the gateway, and starts it again until the journal is empty.
func (s *site) drain() {
	s.Helper()
	for range 3 {
		if s.target.Load() == "" {
			s.start()
		}
		s.stop(stopWithin)
		if len(s.journal()) == 0 {
			return
		}
	}
	s.Errorf("after three starts and stops the journal holds %q", s.journal())
}

// check compares the bucket with the ledgers of all loads.
func (s *site) check(loads ...*load) *check.Report {
	s.Helper()
	ledgers := map[string]string{}
	for _, l := range loads {
		ledgers[l.tenant] = l.ledger
		for _, p := range l.client.Problems() {
			s.Errorf("answer: %s", p)
		}
	}
	report, err := check.Bucket(s.bucket, ledgers)
	if err != nil {
		s.Fatal(err)
	}
	if report.Failed > 0 {
		s.Error(report)
	} else {
		s.Log(report)
	}
	if report.Acknowledged == 0 {
		s.Error("nothing was acknowledged: the test shows nothing")
	}
	if aside, _ := filepath.Glob(filepath.Join(s.data, "journal", "quarantine", "*")); len(aside) > 0 {
		s.Errorf("the journal was found damaged: %q", aside)
	}
	if report.Repeated == 0 { // else it finds the ids that the client has sent twice
		s.verify()
	}
	return report
}

// verify has the gateway's own checker look at the bucket, which must agree.
func (s *site) verify() {
	s.Helper()
	o := s.options()
	cmd := exec.Command(o.Binary, "verify")
	cmd.Dir, cmd.Env = o.Work, o.Env
	if output, err := cmd.CombinedOutput(); err != nil {
		s.Errorf("parquay verify: %v\n%s", err, output)
	}
}

// load is a ledger client at work.
type load struct {
	site   *site
	tenant string
	client *ledger.Client
	ledger string // the file's name
	cancel context.CancelFunc
	ended  chan error
}

// connections of every load.
const connections = 16

// load begins to send, where no credentials are asked for.
func (s *site) load() *load {
	s.Helper()
	return s.loadOf("default", s.seed, &ledger.Client{Rate: number(s.T, "E2E_RATE", 20000)})
}

// loadOf begins to send as a tenant. The rest of the client is filled in; run is part
// of all keys, so that no two loads may have the same.
func (s *site) loadOf(tenant string, run uint32, client *ledger.Client) *load {
	s.Helper()
	name := filepath.Join(s.work, "ledger-"+tenant)
	book, err := ledger.Create(name)
	if err != nil {
		s.Fatal(err)
	}
	client.Ledger, client.Run, client.Durability = book, run, s.ack
	if client.Target == nil {
		client.Target = func() string { return s.target.Load().(string) }
		client.Cuts = s.cuts.Load
	}
	if client.Connections == 0 {
		client.Connections = connections
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{site: s, tenant: tenant, ledger: name, cancel: cancel, ended: make(chan error, 1), client: client}
	go func() { l.ended <- errors.Join(l.client.Load(ctx), book.Close()) }()
	s.Cleanup(cancel)
	return l
}

// end has the client send nothing new, and waits until every body's fate is known.
func (l *load) end() {
	l.site.Helper()
	l.cancel()
	if err := <-l.ended; err != nil {
		l.site.Error(err)
	}
	statuses, unanswered, accepted := l.client.Stats()
	l.site.Logf("%s: answers by status: %v, without an answer: %d, events accepted: %d", l.tenant, statuses, unanswered, accepted)
}

// accepted is the number of events accepted so far.
func (l *load) accepted() int {
	_, _, accepted := l.client.Stats()
	return accepted
}

// answered is the number of answers with a status so far.
func (l *load) answered(status int) int {
	statuses, _, _ := l.client.Stats()
	return statuses[status]
}

// post sends one body by itself and returns the answer.
func (s *site) post(path, body string) (status int, answer string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.gateway.Events+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// rows reads all rows below a folder of the bucket, by file.
func (s *site) rows(folder string) map[string][]check.Found {
	s.Helper()
	names, err := check.Files(s.bucket)
	if err != nil {
		s.Fatal(err)
	}
	found := map[string][]check.Found{}
	for _, name := range names {
		if !strings.HasPrefix(name, folder+"/") {
			continue
		}
		err := check.Rows(filepath.Join(s.bucket, name), func(row check.Found) error {
			found[name] = append(found[name], row)
			return nil
		})
		if err != nil {
			s.Fatal(fmt.Errorf("%s: %w", name, err))
		}
	}
	return found
}
