package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSpareProcessor looks at how many processors Go has, and how many encoders there
// are, in a gateway that syncs, in one that does not, and where somebody has said how many.
func TestSpareProcessor(t *testing.T) {
	type counts struct{ processors, encoders int }
	count := func(env ...string) (n counts) {
		p := new(process)
		err := p.start(t.TempDir(), append(append(os.Environ(), "PARQUAY_LOG_FORMAT=json", "PARQUAY_MEMORY=16GiB",
			"PARQUAY_LISTEN=127.0.0.1:0", "PARQUAY_ADMIN_LISTEN=127.0.0.1:0"), env...))
		if err != nil {
			t.Fatal(err)
		}
		defer p.kill()
		line, ok := p.log.await(servingMessage, p.done)
		if !ok {
			t.Fatalf("it ended before it served:\n%s", p.log.text())
		}
		_, metrics := request(t, "GET", "http://"+line.Admin+"/metrics", "")
		found := regexp.MustCompile(`(?m)^go_sched_gomaxprocs_threads (\d+)$`).FindStringSubmatch(metrics)
		if found == nil {
			t.Fatalf("no such metric in\n%s", metrics)
		}
		n.processors, _ = strconv.Atoi(found[1])
		// They begin after the log says that it serves: in this order, but who knows in
		// which they come to run.
		begun := func(stacks string) bool {
			return strings.Contains(stacks, "\nparquay/buffer.(*Buffer).watchFailure(") &&
				!strings.Contains(stacks, "]:\ngolang.org/x/sync/errgroup.(*Group).Go")
		}
		stacks := ""
		for !begun(stacks) {
			_, stacks = request(t, "GET", "http://"+line.Admin+"/debug/pprof/goroutine?debug=2", "")
		}
		n.encoders = strings.Count(stacks, "\nparquay/buffer.(*Buffer).encode(")
		return n
	}
	cores := count("GOMAXPROCS=", "PARQUAY_ACK=memory").processors
	for _, c := range []struct {
		gomaxprocs, ack string
		want            counts
	}{
		{"", "memory", counts{cores, cores}},
		{"", "disk", counts{cores + 1, cores}},
		{"7", "disk", counts{7, 7}},
		{"7", "memory", counts{7, 7}},
	} {
		if n := count("GOMAXPROCS="+c.gomaxprocs, "PARQUAY_ACK="+c.ack); n != c.want {
			t.Errorf("GOMAXPROCS=%s, ack=%s: %+v, want %+v", c.gomaxprocs, c.ack, n, c.want)
		}
	}
}
