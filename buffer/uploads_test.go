package buffer

import (
	"fmt"
	"slices"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// TestOneTenantsFilesWait: while the bucket takes none of one tenant's files, of which
// there are more than may be put at a time, another's get in; and none is lost of the
// one's, once it does (I8).
func TestOneTenantsFilesWait(t *testing.T) {
	files := newFakeFiles(t)
	gate := make(chan struct{})
	files.step = func(_ int, what string, id FileID) verdict {
		if what == "put" && id.Tenant == "refused" {
			<-gate
		}
		return done
	}
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.WindowBytes = 1 // a frame ends it
	cfg.Uploads, cfg.TenantUploads = 8, 4
	g := start(t, cfg)
	var all []*schema.Batch
	for hour := range int64(20) {
		all = append(all, batch("refused", hour, 1, 0))
	}
	waits := g.mustCommit(all...)
	eventually(t, func() bool { return g.uploads.len() == len(all)-cfg.TenantUploads })
	for i := range int64(20) {
		b := batch("other", i, 1, 0)
		g.stored("other", g.mustCommit(b))
		all = append(all, b)
	}
	g.wantPending("refused", waits)
	close(gate)
	g.stored("refused", waits)
	g.finish()
	once(t, files, all...)
	if n := len(g.uploads.mu.of); n > 0 {
		t.Errorf("%d tenants without files are remembered", n)
	}
}

// TestUploadsOrder: of one tenant files go in the order in which they came, and what is
// left at the end is known.
func TestUploadsOrder(t *testing.T) {
	u := newUploads(2)
	w := newWindow(journal.WindowID{}, 1, nil)
	name := func(tenant string, n int) *file { return &file{window: w, id: FileID{Tenant: tenant, Cut: n}} }
	for n := range 5 {
		u.push(name("a", n))
	}
	u.push(name("b", 0))
	var got []string
	take := func() *file {
		f, ok := u.pop()
		if !ok {
			t.Fatal("the queue is closed")
		}
		got = append(got, fmt.Sprint(f.id.Tenant, f.id.Cut))
		return f
	}
	first, second := take(), take()
	b := take()
	if u.len() != 3 {
		t.Errorf("%d files wait, want 3", u.len())
	}
	u.push(name("a", 5))
	u.done(second)
	u.done(take())
	u.done(first)
	u.done(take())
	u.done(b)
	if want := []string{"a0", "a1", "b0", "a2", "a3"}; !slices.Equal(got, want) {
		t.Errorf("files are put in the order %v, want %v", got, want)
	}
	u.close()
	if rest := u.rest(); len(rest) != 2 {
		t.Errorf("%d files are left, want a4 and a5", len(rest))
	}
}
