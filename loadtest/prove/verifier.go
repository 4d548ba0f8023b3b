// The verification: which files are read, and what is counted of their rows.

package prove

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sort"
	"sync"
	"time"

	"parquay/loadtest/drive"
	"parquay/loadtest/scenario"
)

// Options is what is verified, and how long that may take.
type Options struct {
	Plan   *scenario.Plan
	Fates  []drive.Fates // by worker
	Bucket Bucket
	Known  []Object      // those that were there before the run, and so have none of its rows
	Begin  time.Time     // of the run: objects that are much older have none either
	Wait   time.Duration // for acknowledged events that are not there yet
	// Settle is for how long nothing new must come before that is taken for the end:
	// what is doubled may come last.
	Settle time.Duration
	// Idle tells that the gateways have nothing more to store, if that is known: then
	// there is no need to settle.
	Idle func() bool
	// Progress is called with how many acknowledged events have been found.
	Progress func(found, of int64)
}

// leastPause is between two looks at the bucket. A large one is looked at less often:
// to list it takes long.
const leastPause = 200 * time.Millisecond

// clockSlack is how far a store's clock may be behind ours.
const clockSlack = time.Hour

// verifier gathers a proof. Its files are read by several goroutines.
type verifier struct {
	*Options
	tenants map[string]int
	seen    []seen // by worker
	read    map[string]bool
	listing time.Duration // how long the last list took

	mu struct {
		sync.Mutex
		Proof
		copies map[place]int // rows of events that may be there several times
	}
}

// place is an event's worker and sequence.
type place struct {
	worker   int
	sequence int64
}

// Verify reads objects as they come, until every acknowledged event has been found
// and nothing more comes, or the time is up.
func Verify(ctx context.Context, o Options) (*Proof, error) {
	v := &verifier{Options: &o, tenants: map[string]int{}, read: map[string]bool{}}
	v.mu.copies = map[place]int{}
	for i, name := range o.Plan.Tenants {
		v.tenants[name] = i
	}
	for _, f := range o.Fates {
		v.seen = append(v.seen, newSeen(f.Sent))
		for _, r := range f.Acked {
			v.mu.Acked += r.To - r.From
		}
	}
	for _, known := range o.Known {
		v.read[known.Key] = true
	}
	deadline, quiet := time.Now().Add(o.Wait), time.Now()
	for {
		idle := o.Idle != nil && o.Idle() // before listing, so that all it has stored is listed
		fresh, err := v.pass(ctx)
		if err != nil {
			return nil, err
		}
		if fresh > 0 {
			quiet = time.Now()
		}
		stored := v.stored()
		if o.Progress != nil {
			o.Progress(stored, v.mu.Acked)
		}
		settled := idle || time.Since(quiet) >= o.Settle
		if time.Now().After(deadline) || (stored == v.mu.Acked && settled) {
			v.finish()
			return &v.mu.Proof, nil
		}
		select {
		case <-time.After(max(leastPause, 3*v.listing)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pass reads all objects that are new, and counts them.
func (v *verifier) pass(ctx context.Context) (fresh int, err error) {
	begin := time.Now()
	list, err := v.Bucket.List(ctx)
	v.listing = time.Since(begin)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	objects := make(chan Object)
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			r := newReader(v)
			for o := range objects {
				if err := r.object(ctx, o); err != nil {
					cancel(err)
				}
			}
		})
	}
	begin = time.Now()
	for _, o := range list {
		if v.read[o.Key] || o.Modified.Before(v.Begin.Add(-clockSlack)) {
			continue
		}
		v.read[o.Key] = true
		fresh++
		select {
		case objects <- o:
		case <-ctx.Done():
		}
	}
	close(objects)
	readers.Wait()
	if fresh > 0 {
		v.mu.Took += time.Since(begin)
	}
	return fresh, context.Cause(ctx)
}

// object reads one object. The error ends the verification.
func (r *reader) object(ctx context.Context, o Object) error {
	v := r.v
	content, err := v.Bucket.Open(ctx, o.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = r.file(o, content)
	if err := content.Close(); err != nil {
		return fmt.Errorf("close %s: %w", o.Key, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.Objects++
	v.mu.Bytes += o.Size
	if o.Modified.After(v.mu.Last) {
		v.mu.Last = o.Modified
	}
	if err != nil {
		v.mu.Unreadable++
		v.mu.example("%s is unreadable: %v", o.Key, err)
	}
	return nil
}

// found notes a row of an event that this run has sent.
func (v *verifier) found(p place, key string, row int64) {
	if v.seen[p.worker].mark(p.sequence) {
		return
	}
	allowed := v.allowed(p)
	v.mu.Lock()
	defer v.mu.Unlock()
	if allowed > 1 {
		copies := v.mu.copies[p]
		if copies == 0 {
			copies = 1 // the first one, which nobody has counted
		}
		v.mu.copies[p] = copies + 1
		if copies < allowed {
			v.mu.Repeats++
			return
		}
	}
	v.mu.Doubled++
	v.mu.example("doubled: event %d of worker %d was stored before, and may be there %d times (row %d of %s)", p.sequence, p.worker, max(allowed, 1), row, key)
}

// allowed is how many rows of an event there may be: one for each attempt whose fate
// is unknown, and one for its acknowledgement.
func (v *verifier) allowed(p place) int {
	f := &v.Fates[p.worker]
	n := 0
	i := sort.Search(len(f.Unsure), func(i int) bool { return f.Unsure[i].To > p.sequence })
	if i < len(f.Unsure) && f.Unsure[i].From <= p.sequence {
		n = f.Unsure[i].Attempts
	}
	if v.acked(p) {
		n++
	}
	return n
}

// stored counts the acknowledged events that have been found.
func (v *verifier) stored() (n int64) {
	for i, f := range v.Fates {
		for _, r := range f.Acked {
			n += v.seen[i].count(r)
		}
	}
	return n
}

// finish counts what was not found, and what should not have been.
func (v *verifier) finish() {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &v.mu.Proof
	p.Stored = v.stored()
	p.Lost = p.Acked - p.Stored
	for worker, f := range v.Fates {
		acked := int64(0)
		for _, r := range f.Acked {
			n := v.seen[worker].count(r)
			acked += n
			if n < r.To-r.From {
				p.example("lost: %d events of worker %d, the first is %d", r.To-r.From-n, worker, v.firstLost(worker, r))
			}
		}
		other := v.seen[worker].count(drive.Range{From: 0, To: f.Sent}) - acked
		if other == 0 {
			continue
		}
		for n := range f.Sent {
			if v.seen[worker].has(n) {
				switch at := (place{worker, n}); {
				case v.acked(at):
				case v.allowed(at) > 0:
					p.Unsure++
				default:
					p.Strangers++
					p.example("stranger: event %d of worker %d was stored, and answered as not kept", n, worker)
				}
			}
		}
	}
}

func (v *verifier) acked(p place) bool {
	f := &v.Fates[p.worker]
	i := sort.Search(len(f.Acked), func(i int) bool { return f.Acked[i].To > p.sequence })
	return i < len(f.Acked) && f.Acked[i].From <= p.sequence
}

func (v *verifier) firstLost(worker int, r drive.Range) int64 {
	for n := r.From; n < r.To; n++ {
		if !v.seen[worker].has(n) {
			return n
		}
	}
	return -1
}
