package buffer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// modelRuns is how many stories TestModel tells. The environment variable
// MODEL_RUNS asks for another number, as `make test` does in a run without the
// race detector, and RAPID_SEED asks for stories again.
const modelRuns = 1000

// TestModel tells random stories of processes that follow one another on one disk:
// what they are sent, what the disk and the bucket do to them, how each of them ends,
// what is wrong with the journal when the next one starts, and how its settings
// differ. A plain list of what was acknowledged is the model. At the end of each
// story a process without faults flushes what is left, and all of the list must be
// in the bucket once, under its own tenant, table and hour (I1, I3, I4, I5, I8), with
// accounts that added up all along (I7), but for what the journal was damaged of.
func TestModel(t *testing.T) {
	runs := modelRuns
	if asked := os.Getenv("MODEL_RUNS"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil {
			t.Fatal(err)
		}
		runs = n
	}
	setChecks(t, runs)
	var seen sightings
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		for _, p := range s.run(t, &seen) {
			rt.Error(p)
		}
	})
	t.Logf("%+v", &seen)
	if runs >= modelRuns {
		seen.check(t)
	}
}

// setChecks is how many times rapid.Check calls its property.
func setChecks(t *testing.T, n int) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if err := checks.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Set(before) })
}

// sightings count what the stories were about: a model that never meets a fault
// proves nothing.
type sightings struct {
	Acknowledged, Unanswered, Refused, Processes, Faulty, Crashed, Failed, Recovered, Shed, Damaged, Quarantined, Lost, Hidden int
}

func (s *sightings) check(t *testing.T) {
	for what, n := range map[string]int{
		"acknowledged": s.Acknowledged, "unanswered": s.Unanswered, "refused": s.Refused, "faulty": s.Faulty, "crashed": s.Crashed,
		"failed": s.Failed, "recovered": s.Recovered, "shed": s.Shed, "damaged": s.Damaged, "quarantined": s.Quarantined, "lost": s.Lost,
	} {
		if n < 3 {
			t.Errorf("the stories had %d of what was %s: they are too quiet", n, what)
		}
	}
}

// problems collects what a story's checks complain of, so that rapid can look for
// the shortest story with a complaint.
type problems struct {
	testing.TB
	mu   sync.Mutex
	list []string
}

func (p *problems) Helper() {}

func (p *problems) Error(args ...any) { p.add(fmt.Sprint(args...)) }

func (p *problems) Errorf(format string, args ...any) { p.add(fmt.Sprintf(format, args...)) }

func (p *problems) Fatal(args ...any) {
	p.add(fmt.Sprint(args...))
	runtime.Goexit()
}

func (p *problems) Logf(string, ...any) {}

func (p *problems) add(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) < 10 {
		p.list = append(p.list, problem)
	}
}

// run tells a story in a bubble of its own, and returns what is wrong with its end.
func (s *story) run(t *testing.T, seen *sightings) []string {
	found := &problems{TB: t}
	synctest.Test(t, func(*testing.T) {
		files := newFakeFiles(found)
		m := &model{
			life: life{t: found, files: files, receipts: map[rowsOf][]*schema.Batch{}, together: true, lost: map[*schema.Batch]bool{}},
			disk: crashfs.New(s.seed), seen: seen, hit: map[string]bool{}, proof: map[string]uint64{}, shaken: map[string]bool{},
		}
		files.damaged = func(id FileID) bool {
			name := windowName(id.Incarnation, id.Window)
			m.shaking.Lock()
			defer m.shaking.Unlock()
			if !m.hit[name] && m.shaken[name] {
				m.seen.Hidden++
			}
			return m.hit[name] || m.shaken[name]
		}
		m.damaged = func(incarnation string, window uint64) bool { return m.hit[windowName(incarnation, window)] }
		for i := range s.processes {
			m.live(&s.processes[i], false)
		}
		m.live(&process{settings: settings{fileRows: 5, windowBytes: 2000, memory: 1 << 20, backlog: 100}, ending: drains}, true)
		files.land()
		m.mourn()
		m.check()
	})
	return found.list
}

// model is what is known of a story so far.
type model struct {
	life
	disk    *crashfs.FS
	seen    *sightings
	hit     map[string]bool   // windows of which a file was damaged,
	proof   map[string]uint64 // and a frame behind the damage that can be read
	shaking sync.Mutex
	shaken  map[string]bool // windows of which a sync has failed, or a write that was done
	doubted atomic.Bool     // a sync of the directory has failed: the machine is started anew

	started byte // processes
}

func windowName(incarnation string, window uint64) string {
	return fmt.Sprintf("%s-%08d", incarnation, window)
}

// live is one process from its start to its end. The last one of a story meets no
// fault.
func (m *model) live(p *process, last bool) {
	m.seen.Processes++
	m.damage(p.damage)
	m.doubted.Store(false)
	var dead atomic.Bool
	m.strike(p, &dead)
	defer func() {
		dead.Store(true)
		if p.ending == isKilled && !m.doubted.Load() {
			m.disk.Kill()
		} else {
			m.disk.Crash()
		}
		m.disk = m.disk.Reopen()
		m.disk.Limit(1 << 40)
	}()
	g := m.open(p, last)
	if g == nil {
		return
	}
	for i := range p.steps {
		m.step(g, &p.steps[i])
	}
	if p.ending == drains {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := g.Drain(ctx); err != nil {
			m.mayFail(last, err)
		}
	}
	m.look()
	err := g.crash()
	m.mayFail(last, err)
	if errors.Is(err, ErrFailed) {
		m.seen.Failed++
	}
	for _, a := range g.Accounts() {
		m.seen.Recovered += int(a.Recovered)
	}
	m.seen.Shed += int(testutil.ToFloat64(g.metrics.Shed))
}

// strike has the disk and the bucket do to the process what the story says.
func (m *model) strike(p *process, dead *atomic.Bool) {
	disk := m.disk
	disk.Inject(func(op crashfs.Op) crashfs.Outcome {
		for _, f := range p.faults {
			if f.at != op.N {
				continue
			}
			m.seen.Faulty++
			switch f.kind {
			case crashes:
				m.seen.Crashed++
				dead.Store(true)
				return crashfs.Crash
			case fallsDead:
				m.seen.Crashed++
				dead.Store(true)
				disk.Kill()
			case failsOnce:
				m.lie(op)
				return crashfs.Fail
			case failsDone:
				m.hide(op)
				return crashfs.FailDone
			}
		}
		return crashfs.Done
	})
	m.files.step = func(n int, what string, id FileID) verdict {
		if what == "put" && n%8 == 0 { // every time would be most of the work
			m.look()
		}
		if dead.Load() {
			return fails // a dead process puts nothing into a bucket either
		}
		if n -= p.putsBefore; n < len(p.verdicts) && n >= 0 {
			return p.verdicts[n]
		}
		return done
	}
	m.files.mu.Lock()
	p.putsBefore = m.files.mu.steps
	m.files.mu.Unlock()
}

// lie notes what a failed sync may make of later ones, which return nil for what is
// not on the disk. The process that met the failure goes by it; the next one can't
// know, until the power fails.
//
//   - A directory that a name was lost of is one that nobody can trust. That a machine
//     is started anew after such an error is an assumption of the journal.
//   - A frame that was not acknowledged may be read, flushed, and then be gone. It was
//     the last one of its window, so whatever was acknowledged is flushed alike.
func (m *model) lie(op crashfs.Op) {
	switch op.Kind {
	case crashfs.SyncDir:
		m.doubted.Store(true)
	case crashfs.Sync:
		m.hide(op)
	}
}

// hide notes what was done though the process was told that it was not: the frame that
// it does not acknowledge, and flushes its window without, may be whole for the next one.
func (m *model) hide(op crashfs.Op) {
	if op.Kind == crashfs.Sync || op.Kind == crashfs.Write {
		m.shaking.Lock()
		m.shaken[windowOf(path.Base(op.Name))] = true
		m.shaking.Unlock()
	}
}

// open starts a process; nil if it can't be.
func (m *model) open(p *process, last bool) *gateway {
	m.started++
	inc := journal.Incarnation{15: m.started} // the same in every telling
	medium, err := journal.OpenDisk(m.disk, "journal", inc, journal.Options{SegmentBytes: 3000, Reserve: 3000})
	if err != nil {
		m.mayFail(last, err)
		return nil
	}
	b, err := Open(Config{
		Medium: medium, Incarnation: inc, Files: m.files,
		Tables:        []*schema.Table{modelTables[p.schema], schema.Rejected()},
		FlushInterval: time.Minute, WindowBytes: p.windowBytes, FileRows: p.fileRows, MinFree: 1,
		Memory: p.memory, RingBytes: p.memory / 2, Backlog: p.backlog, JournalLimit: 1 << 20,
		Encoders: 2, Uploads: 2,
	})
	if err != nil {
		m.mayFail(last, err)
		medium.Close()
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &gateway{Buffer: b, t: m.t, stop: stop, ended: make(chan error, 1)}
	m.mu.Lock()
	m.running = g
	m.mu.Unlock()
	go func() { g.ended <- b.Run(ctx) }()
	return g
}

// step is one thing that happens while a process lives.
func (m *model) step(g *gateway, s *step) {
	switch s.kind {
	case posts:
		var all sync.WaitGroup
		for _, post := range s.posts {
			all.Go(func() { m.post(g, post) })
		}
		all.Wait()
	case waitsFor:
		time.Sleep(s.wait)
	case fills:
		m.disk.Limit(s.room)
	case empties:
		m.disk.Limit(1 << 40)
	}
}

// post sends a request, and notes what it is answered.
func (m *model) post(g *gateway, p request) {
	var batches []*schema.Batch
	for _, b := range p {
		made := batch(b.tenant, b.hour, b.rows, b.size)
		made.Table = g.cfg.Tables[b.table]
		batches = append(batches, made)
	}
	r, err := g.commit(batches...)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.seen.Acknowledged++
		m.acknowledged = append(m.acknowledged, batches...)
		name := rowsOf{r, batches[0].Tenant}
		m.receipts[name] = append(m.receipts[name], batches...)
	case errors.Is(err, ErrFailed):
		m.seen.Unanswered++
		m.unanswered = append(m.unanswered, batches...)
	case errors.Is(err, ErrTenantFull), errors.Is(err, ErrBusy), errors.Is(err, ErrTooLarge), errors.Is(err, ErrJournalFull), errors.Is(err, ErrStopping):
		m.seen.Refused++ // so it must not be found anywhere
	default:
		m.t.Errorf("a request is answered %v", err)
	}
}
