package e2e

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"

	"parquay/loadtest/e2e/process"
)

// replica is a further gateway of a site, with a directory of its own and the
// site's bucket.
type replica struct {
	site    *site
	work    string
	gateway *process.Gateway
	target  atomic.Value // of string, as a site's
}

func (s *site) replica(name string) *replica {
	s.Helper()
	r := &replica{site: s, work: filepath.Join(s.work, name)}
	r.target.Store("")
	if err := os.MkdirAll(r.work, 0o755); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(r.kill)
	return r
}

// start starts it, from the site's binary if none is named, and waits until it is ready.
func (r *replica) start(binary string) {
	r.site.Helper()
	ctx, cancel := context.WithTimeout(r.site.Context(), startWithin)
	defer cancel()
	o := r.site.options()
	o.Work = r.work
	if binary != "" {
		o.Binary = binary
	}
	g, err := process.Start(ctx, o)
	if err == nil {
		err = g.Ready(ctx)
	}
	if err != nil {
		r.site.Fatal(err)
	}
	r.gateway = g
	r.target.Store(g.Events)
}

// kill ends it with SIGKILL, if it runs.
func (r *replica) kill() {
	r.target.Store("")
	if r.gateway != nil {
		r.gateway.Kill()
	}
}

// stop ends it with SIGTERM, which must end with the exit code 0.
func (r *replica) stop() {
	r.site.Helper()
	code, err := r.gateway.Stop(stopWithin)
	r.target.Store("")
	if err != nil {
		r.site.Fatal(err)
	}
	if code != 0 {
		r.site.Errorf("%s: exit code %d after SIGTERM", filepath.Base(r.work), code)
	}
}

// journal lists what its journal holds.
func (r *replica) journal() []string {
	r.site.Helper()
	segments, err := filepath.Glob(filepath.Join(r.work, "parquay-data", "journal", "*.journal"))
	if err != nil {
		r.site.Fatal(err)
	}
	return segments
}
