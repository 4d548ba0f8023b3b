package drive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What several gateways say is added up, over restarts, and one that is silent is not
// taken for idle.
func TestWatch(t *testing.T) {
	cpu, pending := 10.0, 5
	page := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# HELP x y\nprocess_cpu_seconds_total %v\nprocess_resident_memory_bytes 1e6\nparquay_tenant_pending_events{tenant=\"a\"} %d\n"+
			"parquay_tenant_pending_events{tenant=\"b\"} 2\nparquay_journal_backlog_bytes 7\nprocess_open_fds 8\ngo_goroutines 9\n", cpu, pending)
	}
	first, second := httptest.NewServer(http.HandlerFunc(page)), httptest.NewServer(http.HandlerFunc(page))
	defer first.Close()
	w := NewWatch([]string{first.URL, second.URL + "/"})
	cpu = 13
	if u := *w.Look(); u.Pending != 14 || u.Resident != 2e6 || u.CPU != 26 || u.Journal != 14 || u.Open != 16 || u.Routines != 18 {
		t.Errorf("%+v", u)
	}
	if w.Idle() {
		t.Error("it is idle with pending events")
	}
	cpu, pending = 1, -2 // both processes are new
	if !w.Idle() {
		t.Error("it is not idle")
	}
	second.Close()
	if w.Idle() {
		t.Error("it is idle while one gateway is silent")
	}
	if u := w.Usage(); u.CPU != 2*(3+1) || u.Pending != 14 {
		t.Errorf("in the end %+v", u)
	}
	if NewWatch(nil).Look() != nil {
		t.Error("nothing was looked at")
	}
}
