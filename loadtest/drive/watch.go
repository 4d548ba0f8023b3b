// What gateways say of themselves on their admin listeners.

package drive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Usage is what gateways use, all of them together.
type Usage struct {
	Pending  int64   `json:"pending"`  // events that are not in the bucket yet
	Resident int64   `json:"resident"` // bytes of memory; in the end, the most of all samples
	CPU      float64 `json:"cpu"`      // seconds; in the end, those of the run
	Journal  int64   `json:"journal"`  // bytes waiting on disk
	Open     int64   `json:"open"`     // file descriptors
	Routines int64   `json:"routines"`
	answered int     // gateways
}

// Watch looks at gateways. It belongs to one goroutine.
type Watch struct {
	urls   []string
	client *http.Client
	last   []Usage // by gateway
	spent  float64 // by processes that were restarted meanwhile
	before []float64
	most   Usage
}

// NewWatch looks at gateways by the URLs of their admin listeners, from now on.
func NewWatch(admins []string) *Watch {
	w := &Watch{urls: admins, client: &http.Client{Timeout: 5 * time.Second}, last: make([]Usage, len(admins)), before: make([]float64, len(admins))}
	for i := range admins {
		if u, err := w.one(i); err == nil {
			w.last[i], w.before[i] = u, u.CPU
		}
	}
	return w
}

// Look asks every gateway. One that does not answer is left out.
func (w *Watch) Look() *Usage {
	if len(w.urls) == 0 {
		return nil
	}
	var all Usage
	for i := range w.urls {
		u, err := w.one(i)
		if err != nil {
			continue
		}
		if u.CPU < w.last[i].CPU { // another process
			w.spent += w.last[i].CPU - w.before[i]
			w.before[i] = 0
		}
		w.last[i] = u
		all.answered++
		all.Pending += u.Pending
		all.Resident += u.Resident
		all.CPU += u.CPU
		all.Journal += u.Journal
		all.Open += u.Open
		all.Routines += u.Routines
	}
	w.most.Pending = max(w.most.Pending, all.Pending)
	w.most.Resident = max(w.most.Resident, all.Resident)
	w.most.Journal = max(w.most.Journal, all.Journal)
	w.most.Open = max(w.most.Open, all.Open)
	w.most.Routines = max(w.most.Routines, all.Routines)
	return &all
}

// Usage is the most of everything, and the CPU of the run.
func (w *Watch) Usage() Usage {
	u := w.most
	u.CPU = w.spent
	for i, last := range w.last {
		u.CPU += last.CPU - w.before[i]
	}
	return u
}

// maxMetrics is more than a gateway with a thousand tenants has to say.
const maxMetrics = 64 << 20

func (w *Watch) one(i int) (u Usage, err error) {
	response, err := w.client.Get(strings.TrimRight(w.urls[i], "/") + "/metrics")
	if err != nil {
		return u, fmt.Errorf("look at the admin listener: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return u, errors.New("look at the admin listener: " + response.Status)
	}
	in := bufio.NewScanner(io.LimitReader(response.Body, maxMetrics))
	for in.Scan() {
		series, text, ok := strings.Cut(in.Text(), " ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(series, "{")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		switch name {
		case "parquay_tenant_pending_events":
			u.Pending += int64(value)
		case "process_resident_memory_bytes":
			u.Resident = int64(value)
		case "process_cpu_seconds_total":
			u.CPU = value
		case "parquay_journal_backlog_bytes":
			u.Journal = int64(value)
		case "process_open_fds":
			u.Open = int64(value)
		case "go_goroutines":
			u.Routines = int64(value)
		}
	}
	return u, in.Err()
}

// Idle is whether every gateway says that it has nothing more to store.
func (w *Watch) Idle() bool {
	u := w.Look()
	return u != nil && u.answered == len(w.urls) && u.Pending == 0
}

// Watches is whether there is any gateway to look at.
func (w *Watch) Watches() bool { return len(w.urls) > 0 }
