package e2e

import (
	"syscall"
	"testing"
	"time"
)

// exitGrace is what a stop may take beyond PARQUAY_SHUTDOWN: the gateway's own
// grace of 5 s, and as much for a busy machine.
const exitGrace = 10 * time.Second

// TestStopUnderLoad expects SIGTERM to lose nothing, to leave nothing behind, and
// to end in time; at the level memory too, for which it is all that is promised.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	for _, ack := range []string{"disk", "memory"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "PARQUAY_SHUTDOWN=20s", "PARQUAY_FLUSH_INTERVAL=1m", "PARQUAY_ACK="+ack)
			s.ack = ack
			s.start()
			l := s.load()
			s.await("events are accepted", startWithin, func() bool { return l.accepted() > 5000 })
			s.stop(20*time.Second + exitGrace)
			if left := s.journal(); len(left) > 0 {
				t.Errorf("after SIGTERM the journal holds %q", left)
			}
			s.start() // so that the client learns the fate of what it was sending
			l.end()
			s.drain()
			s.check(l)
		})
	}
}

// TestStopWithoutStore stops a gateway that can't deliver: it gives up in time, says
// what it leaves in the journal, and the next one delivers it.
func TestStopWithoutStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_SHUTDOWN=1s")
	store := s.useStore()
	s.start()
	l := s.load()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	store.Kill()
	before := l.accepted()
	s.await("events are accepted while the store is down", flushWithin, func() bool { return l.accepted() > before+1000 })

	s.stop(time.Second + exitGrace)
	if len(s.journal()) == 0 {
		t.Error("the journal is empty although the store is down")
	}
	if !s.gateway.Said(`"WARN"`, "left in the journal") {
		t.Error("the log does not say that events are left in the journal")
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// TestSecondSignal expects a second SIGTERM to end a stop that waits for the store.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_SHUTDOWN=10m")
	store := s.useStore()
	s.start()
	store.Kill()
	if status, answer := s.post("/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, answer)
	}
	if err := s.gateway.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.await("the gateway stops", startWithin, func() bool { return s.gateway.Said(`"stopping"`) })
	s.stop(exitGrace)
	if len(s.journal()) == 0 {
		t.Error("the journal is empty although the store is down")
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.drain()
	if files := s.rows("events"); len(files) != 1 {
		t.Errorf("%d files of one event", len(files))
	}
}
