package journal_test

// This file has tests of how the segments of a window go.

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// Several segments go at once, but for the tombstone, which goes when they are gone
// and the directory is synced. Beside a window that is appended to they go one by one.
func TestRemovalsAtOnce(t *testing.T) {
	const frames = 40 // in five segments
	type process = mediumtest.Process
	for _, test := range []struct {
		name   string
		window func(t *testing.T, fsys *crashfs.FS, p *process) journal.WindowID
		want   int64
	}{
		{"the last window", func(_ *testing.T, _ *crashfs.FS, p *process) journal.WindowID { return p.Fill(1, frames) }, 4},
		{"a younger window", func(_ *testing.T, _ *crashfs.FS, p *process) journal.WindowID {
			id := p.Fill(1, frames)
			p.Fill(2, 1)
			return id
		}, 1},
		{"a younger window that is gone", func(t *testing.T, _ *crashfs.FS, p *process) journal.WindowID {
			id := p.Fill(1, frames)
			if err := p.Delete(p.Fill(2, 1)); err != nil {
				t.Fatal(err)
			}
			return id
		}, 4},
		{"an earlier process's", func(t *testing.T, fsys *crashfs.FS, p *process) journal.WindowID {
			id := p.Fill(1, frames)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			p.Medium, _ = next(t, fsys)
			return id
		}, 4},
		{"an earlier process's beside a window", func(t *testing.T, fsys *crashfs.FS, p *process) journal.WindowID {
			id := p.Fill(1, frames)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			*p = *mediumtest.Start(t, storage(fsys, directory, smallSegments))
			p.Fill(1, 1)
			return id
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := crashfs.New(1)
				p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
				id := test.window(t, fsys, p)
				var running atomic.Int64
				release := make(chan struct{})
				fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
					switch n := running.Load(); {
					case op.Kind == crashfs.SyncDir && n > 0:
						t.Errorf("the directory is synced beside %d removals", n)
					case op.Kind != crashfs.Remove:
					case strings.HasSuffix(op.Name, ".deleted") && n > 0:
						t.Errorf("the tombstone goes beside %d removals", n)
					default:
						running.Add(1)
						<-release
						running.Add(-1)
					}
					return crashfs.Done
				})
				done := make(chan error)
				go func() { done <- p.Delete(id) }()
				synctest.Wait()
				if n := running.Load(); n != test.want {
					t.Errorf("%d removals at once, want %d", n, test.want)
				}
				close(release)
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whichever of the removals at once fails, the deletion does, and the next process removes
// what is left.
func TestRemovalFails(t *testing.T) {
	for k := range 5 { // the segments
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			fsys := crashfs.New(1)
			p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
			id := p.Fill(1, 40)
			var removals atomic.Int64
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.Kind == crashfs.Remove && removals.Add(1) == int64(k+1) {
					return crashfs.Fail
				}
				return crashfs.Done
			})
			if err := p.Delete(id); !errors.Is(err, crashfs.ErrInjected) {
				t.Errorf("Delete = %v", err)
			}
			fsys.Inject(nil)
			fsys.Kill()
			fsys = fsys.Reopen()
			m, ok := next(t, fsys)
			if !ok {
				return
			}
			if ids, err := m.Windows(); err != nil || len(ids) != 0 {
				t.Errorf("the next process finds %v, %v", ids, err)
			}
			if entries, err := fsys.ReadDir(directory); err != nil || len(entries) != 1 {
				t.Errorf("the directory holds more than the lock: %v, %v", entries, err)
			}
		})
	}
}
