// How a changed file takes effect, and a bad one doesn't.

package tenants

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// pollInterval is how often Run looks. A change is taken over once the file has
// been the same for one interval: within two of them.
const pollInterval = time.Second

// reading is what came of the last one.
type reading struct {
	info   os.FileInfo       // of the file that was read; nil: it must be read again
	digest [sha256.Size]byte // of its text
	err    error             // why the file is not in effect; nil: it is
}

// Run takes the file over whenever it changes, until ctx ends, and then returns
// nil. It asks for the file's state every second, follows symbolic links, so that
// it notices a mounted secret that is swapped, and leaves a file alone while that
// is being written. What can't be used is logged once, and the last good file
// stays in effect.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var seen os.FileInfo
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			seen = r.poll(seen)
		}
	}
}

// poll reads the file if it is not the one that was read last, and is still as it
// was seen an interval ago. It returns how it is now.
func (r *Registry) poll(seen os.FileInfo) os.FileInfo {
	r.reading.Lock()
	defer r.reading.Unlock()
	info, err := os.Stat(r.path)
	if err == nil && (sameVersion(info, r.last.info) || !sameVersion(info, seen)) {
		return info
	}
	before := r.last.err
	if err := r.readLocked(); err != nil && (before == nil || before.Error() != err.Error()) {
		r.log.Error("the file of tenants can't be used: the last good one stays in effect", "file", r.path, "error", err)
	}
	return info
}

// Reload reads the file now. On an error the last good one stays in effect.
func (r *Registry) Reload() error {
	r.reading.Lock()
	defer r.reading.Unlock()
	return r.readLocked()
}

// readLocked reads the file and, if it is good and not in effect already, puts it
// into effect. It returns why it is not in effect.
func (r *Registry) readLocked() error {
	began := time.Now()
	text, info, err := readText(r.path)
	if err != nil {
		r.finishLocked(reading{err: err})
		return err
	}
	if age := began.Sub(info.ModTime()); age >= 0 && age < pollInterval {
		// Another write could leave the same time on it: look once more.
		info = nil
	}
	digest := sha256.Sum256(text)
	if digest == r.last.digest {
		r.finishLocked(reading{info, digest, r.last.err})
		return r.last.err
	}
	list, err := parse(text)
	if err == nil {
		r.takeOverLocked(list)
	}
	r.finishLocked(reading{info, digest, err})
	return err
}

// takeOverLocked puts tenants into effect, all at one moment. A tenant that was
// there before goes on with its buckets; the key of one that is gone works no
// more, while its events that were accepted take their way.
func (r *Registry) takeOverLocked(list []*Tenant) {
	limiters := map[string]*limiter{}
	for _, t := range r.Tenants() {
		limiters[t.name] = t.limiter
	}
	now := time.Now()
	for _, t := range list {
		if l := limiters[t.name]; l != nil && t.limiter != nil {
			l.set(t.limits, now)
			t.limiter = l
		}
	}
	s := newSnapshot(list)
	r.current.Store(s)
	r.log.Info("tenants are in effect", "file", r.path, "tenants", len(s.tenants), "keys", len(s.byKey), "certificates", len(s.byCertificate))
}

// finishLocked notes what came of a reading.
func (r *Registry) finishLocked(now reading) {
	r.last = now
	r.metrics.read(now.err, len(r.Tenants()))
}
