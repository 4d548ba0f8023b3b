// Tests of the check of the bucket at start, over real HTTP.

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"parquay/buffer/journal/vfs"
	"parquay/writer/s3test"
)

// openOn opens a gateway whose bucket is in a store that may have flaws.
func openOn(t *testing.T, dir string, store *s3test.Fake, vars ...string) (*gateway, error) {
	t.Helper()
	(&s3test.Gateway{AccessKey: "key", SecretKey: "secret", Region: "us-east-1"}).Setenv(t)
	s, tables := settingsOf(t, dir, append([]string{
		"PARQUAY_BUCKET", "s3://bucket/prefix", "PARQUAY_S3_ENDPOINT", store.Endpoint, "PARQUAY_S3_PATH_STYLE", "true",
		"PARQUAY_FLUSH_INTERVAL", "1s", "PARQUAY_SHUTDOWN", "2s",
	}, vars...)...)
	return openGateway(t.Context(), s, tables, vfs.OS{}, slog.New(slog.DiscardHandler))
}

// running runs a gateway until the test ends it, and returns what does, with run's error.
func running(t *testing.T, g *gateway) (stop func() error, ended <-chan error) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	result := make(chan error, 1)
	go func() { result <- g.run(t.Context(), signals, nil) }()
	return func() error { signals <- syscall.SIGTERM; return <-result }, result
}

// files are the store's objects that are events.
func filesIn(store *s3test.Fake) (list []string) {
	for _, key := range store.Keys() {
		if strings.HasPrefix(key, "bucket/prefix/events/") {
			list = append(list, key)
		}
	}
	return list
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A store that would lose files is refused before anything is accepted, and the
// journal is let go of. With the check off it is taken as it is.
func TestUnfitBucketIsRefused(t *testing.T) {
	dir := t.TempDir()
	store := s3test.NewFake(t, s3test.Flaws{Exists: true})
	if _, err := openOn(t, dir, store); !errors.Is(err, errUnfit) || !strings.Contains(err.Error(), "PARQUAY_CHECK_BUCKET=false") {
		t.Fatalf("opened on a store that says of every key that it is there: %v", err)
	}
	g, err := openOn(t, dir, store, "PARQUAY_CHECK_BUCKET", "false")
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := running(t, g)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What only weakens is no reason to refuse.
func TestWeakBucketIsTaken(t *testing.T) {
	g, err := openOn(t, t.TempDir(), s3test.NewFake(t, s3test.Flaws{Winners: 16, NoRead: true, NoDelete: true}))
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := running(t, g)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A store that is away does not stop the gateway: events are accepted, nothing is
// put before the check, and all of it after.
func TestBucketIsCheckedWhenItComesBack(t *testing.T) {
	store := s3test.NewFake(t, s3test.Flaws{Status: 503})
	g, err := openOn(t, t.TempDir(), store)
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := running(t, g)
	events, admin := "http://"+g.server.Addr().String(), "http://"+g.server.AdminAddr().String()
	if status, text := request(t, "POST", events+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("while the store is away: %d %s", status, text)
	}
	if status, text := request(t, "GET", admin+"/readyz", ""); status != 200 {
		t.Errorf("while the store is away it is not ready: %d %s", status, text)
	}
	if _, text := request(t, "GET", admin+"/metrics", ""); !strings.Contains(text, "\nparquay_bucket_check_pending 1\n") {
		t.Error("no metric says that the bucket is unchecked")
	}
	store.Change(s3test.Flaws{})
	until(t, "the event is in the bucket", func() bool { return len(filesIn(store)) == 1 })
	if _, text := request(t, "GET", admin+"/metrics", ""); !strings.Contains(text, "\nparquay_bucket_check_pending 0\n") {
		t.Error("the metric still says that the bucket is unchecked")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A policy that allows files of events and nothing else forbids the check, and stops
// nothing.
func TestBucketThatForbidsItsCheck(t *testing.T) {
	store := s3test.NewFake(t, s3test.Flaws{NoOther: "/events/"})
	g, err := openOn(t, t.TempDir(), store)
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := running(t, g)
	if status, text := request(t, "POST", "http://"+g.server.Addr().String()+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	until(t, "the event is in the bucket", func() bool { return len(filesIn(store)) == 1 })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A store that turns out to be unfit when it comes back ends the gateway, and has
// got nothing that is gone from the journal.
func TestUnfitBucketThatComesBack(t *testing.T) {
	dir := t.TempDir()
	store := s3test.NewFake(t, s3test.Flaws{Status: 503})
	g, err := openOn(t, dir, store)
	if err != nil {
		t.Fatal(err)
	}
	_, ended := running(t, g)
	events := "http://" + g.server.Addr().String()
	if status, text := request(t, "POST", events+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	store.Change(s3test.Flaws{Forgets: true})
	if err := <-ended; !errors.Is(err, errUnfit) {
		t.Errorf("it ended with %v, want %v", err, errUnfit)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "journal/*.journal")); err != nil || len(left) != 1 {
		t.Errorf("the journal has %q (%v), want the window of the event", left, err)
	}
}
