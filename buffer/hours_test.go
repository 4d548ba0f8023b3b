package buffer

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// edges are moments at which something begins that a window must not straddle.
var edges = []struct {
	name string
	at   time.Time
}{
	{"an hour", time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)},
	{"a leap day", time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)},
	{"the day after a leap day", time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
	{"the March of a year without one", time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC)},
	{"a year", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
	{"the second after a leap second", time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)},
}

// TestHourBoundary: around the beginning of an hour, of a leap day and of a year, each
// frame is in the window of its own hour, whatever the interval, and every window
// closes at a multiple of it (F21). The rows' hours are theirs, not the window's.
func TestHourBoundary(t *testing.T) {
	for _, edge := range edges {
		for _, interval := range []time.Duration{time.Second, time.Minute, 20 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s/%v", edge.name, interval), synctested(func(t *testing.T) {
				w := newWatched(t, interval, edge.at.Add(-3*time.Second/2))
				for range 6 { // from 1.5 s before to 1 s after
					w.post()
					time.Sleep(500 * time.Millisecond)
				}
				time.Sleep(interval)
				synctest.Wait()
				if n, _ := w.g.Pending(); n != 0 {
					t.Errorf("%d windows are open longer than their interval", n)
				}
				w.g.finish()
				w.check(edge.at)
			}))
		}
	}
}

// TestClockJumpsUnderLoad: while the wall clock goes an hour back and forth, events
// are accepted and windows close, no window has frames of two intervals of the clock
// but for those before and after a jump back, and all rows reach one file (F21).
func TestClockJumpsUnderLoad(t *testing.T) {
	for _, jumps := range [][]time.Duration{
		{time.Hour, -time.Hour},
		{-time.Hour, time.Hour},
		{time.Hour, time.Hour},
		{-time.Hour, -time.Hour},
		{-time.Millisecond, time.Millisecond},
		{24 * time.Hour, -48 * time.Hour},
	} {
		t.Run(fmt.Sprint(jumps), synctested(func(t *testing.T) {
			w := newWatched(t, time.Minute, edges[0].at.Add(30*time.Second))
			for _, jump := range append(jumps, 0) {
				w.post()
				time.Sleep(10 * time.Second)
				w.post()
				w.offset.Add(int64(jump))
				w.post()
				if err := w.g.Ready(); err != nil {
					t.Errorf("after a jump of %v: not ready: %v", jump, err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if n, _ := w.g.Pending(); n != 0 {
					t.Errorf("a minute after a jump of %v %d windows are open", jump, n)
				}
			}
			for _, a := range w.g.Accounts() {
				if err := a.adds(); err != nil {
					t.Error(err)
				}
			}
			w.g.finish()
			once(t, w.files, w.all...)
		}))
	}
}

// TestRecoveryUnderAnotherClock: what a process has left whose clock was an hour ahead
// or behind is flushed under the hours and the names that it had.
func TestRecoveryUnderAnotherClock(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(jump), synctested(func(t *testing.T) {
			w := newWatched(t, time.Minute, edges[2].at.Add(-time.Second))
			for range 4 {
				w.post()
				time.Sleep(time.Second / 2)
			}
			w.g.crash()
			w.disk.Kill()
			w.disk = w.disk.Reopen()
			w.offset.Add(int64(jump))
			w.start(t)
			w.post()
			w.g.finish()
			once(t, w.files, w.all...)
			for id := range w.files.mu.objects {
				if id.Incarnation == w.cfg.Incarnation.String() && id.Window != 1 {
					t.Errorf("the second process has made %v", id)
				}
			}
		}))
	}
}

// watched is a gateway with a clock of its own, and the frames that its journal got.
type watched struct {
	t        *testing.T
	disk     *crashfs.FS
	files    *fakeFiles
	interval time.Duration
	offset   atomic.Int64 // of its clock
	cfg      Config
	g        *gateway
	all      []*schema.Batch
	frames   []appended
}

// appended is when a frame was appended, by the gateway's clock, and to which window.
type appended struct {
	at     time.Time
	header journal.Header
}

func newWatched(t *testing.T, interval time.Duration, now time.Time) *watched {
	w := &watched{t: t, disk: crashfs.New(1), files: newFakeFiles(t), interval: interval}
	w.offset.Store(int64(time.Until(now)))
	w.start(t)
	return w
}

func (w *watched) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *watched) start(t *testing.T) {
	w.cfg = config(t, w.disk, "journal", w.files)
	w.cfg.FlushInterval, w.cfg.Now = w.interval, w.now
	w.cfg.Medium = &notingMedium{w.cfg.Medium, w}
	w.g = start(t, w.cfg)
}

// post sends rows of the hour before, this one and the next.
func (w *watched) post() {
	hour := hourOf(w.now())
	batches := []*schema.Batch{batch("acme", hour-1, 1, 0), batch("acme", hour, 2, 0), batch("acme", hour+1, 3, 0)}
	w.g.mustPost(batches...)
	w.all = append(w.all, batches...)
}

// check holds the windows to the edge between them.
func (w *watched) check(edge time.Time) {
	once(w.t, w.files, w.all...)
	before, after := map[uint64]bool{}, map[uint64]bool{}
	for _, f := range w.frames {
		if opened := f.header.Opened.Truncate(w.interval); f.at.Before(opened) || !f.at.Before(opened.Add(w.interval)) {
			w.t.Errorf("a frame of %v is in the window of %v", f.at, opened)
		}
		if f.at.Before(edge) {
			before[f.header.Window] = true
		} else {
			after[f.header.Window] = true
		}
	}
	for window := range before {
		if after[window] {
			w.t.Errorf("window %d has frames of both sides", window)
		}
	}
	if len(before) == 0 || len(after) == 0 {
		w.t.Errorf("%d windows before the edge and %d after it", len(before), len(after))
	}
}

// notingMedium notes the frames.
type notingMedium struct {
	journal.Medium
	watched *watched
}

func (m *notingMedium) Append(h *journal.Header, seq uint64, frame []byte, sync bool) (journal.Place, error) {
	m.watched.frames = append(m.watched.frames, appended{m.watched.now().UTC(), *h})
	return m.Medium.Append(h, seq, frame, sync)
}
