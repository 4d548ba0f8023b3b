// A model of everything from a body to the bucket, in one process: the decoder, the
// buffer, the encoder and the putter as serve joins them, on a disk that loses power
// and before a bucket with a verdict for every request.

package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer"
	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
	"parquay/writer"
	"parquay/writer/buckettest"
)

// wholeRuns is how many stories are told; WHOLE_RUNS asks for another number.
const wholeRuns = 50

// TestModelOfTheWhole: whatever the disk and the bucket do, each event that was
// acknowledged is a row once, of its own tenant, table and hour; one that was not is
// one at most; no object is put with two contents; and after a failed sync nothing is
// acknowledged (I1, I3, I4, I5, I7, I8).
func TestModelOfTheWhole(t *testing.T) {
	runs := uint64(wholeRuns)
	if asked := os.Getenv("WHOLE_RUNS"); asked != "" {
		var err error
		if runs, err = strconv.ParseUint(asked, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	first := rand.Uint64()
	acknowledged, failed, broken := 0, 0, 0
	for seed := first; seed < first+runs; seed++ {
		var w *whole
		synctest.Test(t, func(*testing.T) {
			w = newWhole(t, seed)
			for range 1 + w.random.IntN(3) {
				w.live(false)
			}
			w.live(true)
		})
		w.check() // outside: a Parquet reader's decompressors are shared by all bubbles
		acknowledged += len(w.acknowledged)
		failed += w.failed
		broken += len(w.broken)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d events were acknowledged, %d requests to the bucket failed, and %d syncs", acknowledged, failed, broken)
	if acknowledged == 0 || failed == 0 {
		t.Error("the stories are too quiet")
	}
}

// whole is one story.
type whole struct {
	t      *testing.T
	random *rand.Rand
	disk   *crashfs.FS
	bucket *buckettest.Fake
	memory schema.Memory // of batches
	dead   atomic.Bool   // the process, for the bucket
	calm   atomic.Bool   // nothing fails any more
	failed int
	few    bool // rows are in a file of this process, and many in one of the next

	inc    string                          // of the process
	breaks atomic.Pointer[crashfs.Outcome] // its next sync of the journal
	broke  atomic.Bool                     // that sync was
	broken []string                        // incarnations of which a sync has failed
	twice  []twice

	acknowledged, unanswered map[string]place // events by id
}

// twice is a key that was put with two contents. That is right only of a process whose
// sync has failed, and the next one: this one flushes the window without the frame that
// failed, and the next one may find it whole.
type twice struct {
	key            string
	earlier, later []byte
}

// place is where an event belongs.
type place struct {
	tenant, table string
	hour          int64
}

func newWhole(t *testing.T, seed uint64) *whole {
	w := &whole{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), disk: crashfs.New(seed), memory: schema.Memory{Poison: true},
		acknowledged: map[string]place{}, unanswered: map[string]place{},
	}
	verdicts := buckettest.Verdicts()
	chance := rand.New(rand.NewPCG(seed, 2)) // the fake asks one after the other
	w.bucket = buckettest.NewFake(t, func(buckettest.Request) buckettest.Verdict {
		v := buckettest.Done
		switch {
		case w.dead.Load():
			return buckettest.Failed // a dead process asks for nothing
		case !w.calm.Load() && chance.IntN(2) == 0:
			v = verdicts[chance.IntN(len(verdicts))]
		}
		if v != buckettest.Done {
			w.failed++
		}
		return v
	})
	w.bucket.Same = func(key string, earlier, later []byte) error {
		if bytes.Equal(earlier, later) {
			return nil
		}
		if !slices.ContainsFunc(w.broken, func(inc string) bool { return strings.Contains(key, inc) }) {
			return fmt.Errorf("%d bytes became %d other ones", len(earlier), len(later))
		}
		w.twice = append(w.twice, twice{key, earlier, later})
		return nil
	}
	return w
}

// live is one process. The last one meets no fault and drains.
func (w *whole) live(last bool) {
	w.dead.Store(false)
	w.calm.Store(last)
	w.broke.Store(false)
	w.breaks.Store(nil)
	defer func() { w.disk = w.disk.Reopen() }()
	defer w.disk.Crash()
	if k := w.random.IntN(300); !last {
		w.disk.Inject(func(op crashfs.Op) crashfs.Outcome {
			if op.N == k {
				w.dead.Store(true)
				return crashfs.Crash
			}
			if op.Kind != crashfs.Sync || !strings.Contains(op.Name, w.inc) {
				return crashfs.Done
			}
			if outcome := w.breaks.Swap(nil); outcome != nil { // in the committer, in a post
				w.broke.Store(true)
				return *outcome
			}
			return crashfs.Done
		})
	}
	b, err := w.open()
	if err != nil {
		if last {
			w.t.Errorf("open without faults: %v", err)
		}
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	for range w.random.IntN(6) {
		if !last && w.random.IntN(16) == 0 {
			w.breaks.Store(&[]crashfs.Outcome{crashfs.Fail, crashfs.FailDone}[w.random.IntN(2)])
		}
		tenant := []string{"acme", "bolt"}[w.random.IntN(2)]
		for range 1 + w.random.IntN(4) { // batches of one partition, between which it may be cut
			w.post(b, tenant)
		}
		pause := 40 * time.Second
		if w.broke.Load() {
			pause = 3 * time.Second // it may end in the middle of its last puts
		}
		time.Sleep(time.Duration(w.random.Int64N(int64(pause))))
	}
	if last || w.random.IntN(2) == 0 {
		patience, cancel := context.WithTimeout(context.Background(), time.Hour)
		if err := b.Drain(patience); err != nil && last {
			w.t.Errorf("drain without faults: %v", err)
		}
		cancel()
	}
	w.dead.Store(true)
	stop()
	if err := <-ended; err != nil && last {
		w.t.Errorf("run without faults: %v", err)
	}
	if w.broke.Load() {
		w.broken = append(w.broken, w.inc)
	}
	_ = b.Close() // the disk may be gone
}

// open joins the parts as openPipeline does.
func (w *whole) open() (*buffer.Buffer, error) {
	fileRows := 30 + w.random.IntN(30) // windows are cut as those had it that made them (I3)
	if w.few = !w.few; w.few {
		fileRows = 4 + w.random.IntN(4)
	}
	inc := journal.NewIncarnation()
	w.inc = inc.String()
	disk, err := journal.OpenDisk(w.disk, "journal", inc, journal.Options{SegmentBytes: 32 << 10})
	if err != nil {
		return nil, err
	}
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	putter := writer.NewPutter(mortal{w.bucket, &w.dead}, 4, log, writer.NewPutMetrics(registry))
	made, err := writer.New(writer.Config{
		FS: w.disk, SpoolDir: "spool", Putter: putter,
		Encoders: 1, MemoryFile: 8 << 10, Memory: 64 << 10, Version: "model",
		Logger: log, Metrics: writer.NewMetrics(registry),
	})
	if err != nil {
		disk.Close()
		return nil, err
	}
	b, err := buffer.Open(buffer.Config{
		Medium: disk, Incarnation: inc, Files: files{made, putter},
		Tables:        []*schema.Table{schema.Events(), schema.Rejected()},
		FlushInterval: time.Minute, FileRows: fileRows, Memory: 4 << 20, MinFree: 1, Encoders: 2,
	})
	if err != nil {
		disk.Close()
	}
	return b, err
}

// mortal is the bucket as one process sees it: what its code puts after its death is no
// request at all, and its content binds nobody. That code flushes the window without the
// frame in whose sync the process died, which the next one may find whole. A Put
// that began before the death can't lack that frame, so it counts.
type mortal struct {
	writer.Bucket
	dead *atomic.Bool
}

func (m mortal) Put(ctx context.Context, key string, body writer.Body) error {
	if m.dead.Load() {
		return &buckettest.Error{Text: "the process is dead"}
	}
	return m.Bucket.Put(ctx, key, body)
}

// post decodes a body and commits what it holds.
func (w *whole) post(b *buffer.Buffer, tenant string) {
	now := time.Now()
	sent := map[string]place{}
	var body strings.Builder
	events := 1 + w.random.IntN(30)
	if w.random.IntN(20) == 0 {
		events += 2000 // whose batches are large enough to be in memory that is used again
	}
	for range events {
		id := fmt.Sprintf("e%016x", w.random.Uint64())
		at := now.Add(-time.Duration(w.random.IntN(3)) * time.Hour)
		text, table, hour := "message.sent", "events", at
		if w.random.IntN(10) == 0 {
			text, table, hour = "no type", schema.RejectedName, now
		}
		fmt.Fprintf(&body, `{"id":%q,"type":%q,"time":%q,"sender":"%d"}`+"\n", id, text, at.Format(time.RFC3339Nano), w.random.IntN(9))
		sent[id] = place{tenant, table, hour.Unix() / 3600}
	}
	d := schema.NewDecoder(schema.Events(), schema.Limits{MaxEvent: 1000, Late: 24 * time.Hour, Early: time.Hour})
	d.Use(&w.memory)
	if err := d.Decode([]byte(body.String()), now, func(int) error { return nil }); err != nil {
		w.t.Fatal(err)
	}
	r, err := b.Reserve(tenant, 0, int64(body.Len()))
	if err != nil {
		return // refused, so it must be nowhere
	}
	defer r.Release()
	into := w.acknowledged
	if _, err := r.Commit(context.Background(), d.Batches(tenant)); err != nil {
		into = w.unanswered
	} else if w.broke.Load() {
		w.t.Error("I5: an event was acknowledged after a failed sync")
	}
	for id, p := range sent {
		into[id] = p
	}
}

var eventID = regexp.MustCompile(`e[0-9a-f]{16}`)

// check reads every object with the printer of parquay cat.
func (w *whole) check() {
	w.bucket.Land()
	found := map[string]int{}
	for _, key := range w.bucket.Keys() {
		id, err := writer.ParseKey(key)
		if err != nil {
			w.t.Errorf("%s: %v", key, err)
			continue
		}
		content, _ := w.bucket.Object(key)
		for row := range strings.Lines(w.print(key, content)) {
			name := eventID.FindString(row)
			p, known := w.acknowledged[name]
			if !known {
				p, known = w.unanswered[name]
			}
			if !known || p != (place{id.Tenant, id.Table, id.Hour}) {
				w.t.Errorf("I8: %s has %s, which is of %+v", key, row, p)
			}
			found[name]++
		}
	}
	for name := range w.acknowledged {
		if found[name] != 1 {
			w.t.Errorf("I1, I3: an acknowledged event is there %d times", found[name])
		}
	}
	for name := range w.unanswered {
		if found[name] > 1 {
			w.t.Errorf("I3: an event that was not answered is there %d times", found[name])
		}
	}
	for _, o := range w.twice {
		if diff := cmp.Diff(w.promised(o.key, o.earlier), w.promised(o.key, o.later)); diff != "" {
			w.t.Errorf("I3: %s was put with two contents (-earlier +later):\n%s", o.key, diff)
		}
	}
}

// print returns the rows of an object, a line each.
func (w *whole) print(key string, content []byte) string {
	var text bytes.Buffer
	if err := writer.Cat(&text, bytes.NewReader(content), int64(len(content))); err != nil {
		w.t.Errorf("%s: %v", key, err)
	}
	return text.String()
}

// promised returns the rows of an object that were acknowledged.
func (w *whole) promised(key string, content []byte) (rows []string) {
	for row := range strings.Lines(w.print(key, content)) {
		if _, is := w.acknowledged[eventID.FindString(row)]; is {
			rows = append(rows, row)
		}
	}
	return rows
}
