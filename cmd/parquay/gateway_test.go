// The whole gateway in one process, on a disk that can be made to fail.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parquay/buffer"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
	"parquay/server"
)

// failingFS is the real file system until fail is set: from then on no sync of a
// segment succeeds.
type failingFS struct {
	vfs.OS
	fail atomic.Bool
}

func (f *failingFS) CreateLog(name string, ahead int) (vfs.File, error) {
	file, err := f.OS.CreateLog(name, ahead)
	if err != nil {
		return nil, err
	}
	return &failingFile{file, f}, nil
}

type failingFile struct {
	vfs.File
	fs *failingFS
}

func (f *failingFile) Sync() error {
	if f.fs.fail.Load() {
		return &fs.PathError{Op: "fdatasync", Path: "journal", Err: syscall.EIO}
	}
	return f.File.Sync()
}

// openTest opens a gateway on a temporary directory, with free ports, and more settings
// by name and value.
func openTest(t *testing.T, dir string, fsys vfs.FS, vars ...string) *gateway {
	t.Helper()
	s, tables := settingsOf(t, dir, vars...)
	g, err := openGateway(t.Context(), s, tables, fsys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// settingsOf loads the settings of a gateway on a directory, with free ports, and more
// by name and value; and the tables.
func settingsOf(t *testing.T, dir string, vars ...string) (Settings, []*schema.Table) {
	t.Helper()
	env := map[string]string{
		"PARQUAY_DIR": dir, "PARQUAY_LISTEN": "127.0.0.1:0", "PARQUAY_ADMIN_LISTEN": "127.0.0.1:0",
	}
	for i := 0; i < len(vars); i += 2 {
		env[vars[i]] = vars[i+1]
	}
	setEnvironment(t, env)
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := loadTables("")
	if err != nil {
		t.Fatal(err)
	}
	return s, tables
}

// request does one request and returns the status and the body.
func request(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// I5: after a failed sync nothing is acknowledged, what was acknowledged before is
// put into the bucket, and the process ends by itself and says why.
func TestGatewayFailsClosed(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	fsys := &failingFS{}
	g := openTest(t, dir, fsys)
	events := "http://" + g.server.Addr().String() + "/v1/events"
	ended := make(chan error, 1)
	go func() { ended <- g.run(t.Context(), nil, nil) }()

	if status, text := request(t, "POST", events, `{"type":"message.sent","id":"before"}`); status != 202 {
		t.Fatalf("before the fault: %d %s", status, text)
	}
	fsys.fail.Store(true)
	if status, text := request(t, "POST", events, `{"type":"message.sent","id":"after"}`); status != 503 {
		t.Fatalf("an event that was not synced was answered %d %s", status, text)
	}
	err := <-ended
	if !errors.Is(err, errJournal) || !errors.Is(err, syscall.EIO) {
		t.Errorf("run ended with %v, want the journal's failure and its cause", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "bucket/events/*/*/*/*.parquet"))
	if err != nil || len(files) != 1 {
		t.Errorf("files: %v (%v), want the one of the event before the fault", files, err)
	}
}

// A client that never ends its request is cut off at half of the time, so that the
// other half is left for the flush.
func TestGatewayStopsInSpiteOfSlowClients(t *testing.T) {
	dir := t.TempDir()
	g := openTest(t, dir, vfs.OS{})
	g.settings.Shutdown = 4 * time.Second
	signals := make(chan os.Signal, 1)
	ended := make(chan error, 1)
	go func() { ended <- g.run(t.Context(), signals, nil) }()
	address := g.server.Addr().String()
	if status, text := request(t, "POST", "http://"+address+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}

	slow, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(slow).ReadString('\n'); !strings.Contains(line, "100 Continue") {
		t.Fatalf("the slow request is answered %q (%v)", line, err)
	}
	signals <- syscall.SIGTERM
	if err := <-ended; err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "bucket/events/*/*/*/*.parquet"))
	if err != nil || len(files) != 1 {
		t.Errorf("files: %v (%v), want the one of the event that was answered", files, err)
	}
}

// Everything that was opened is closed, or the next start would meet a lock.
func TestGatewayClosesWhatItOpened(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	for range 2 {
		g := openTest(t, dir, vfs.OS{})
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGTERM
		if err := g.run(t.Context(), signals, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A gateway that can't open its listener has let go of the journal.
func TestGatewayOpensAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	g := openTest(t, dir, vfs.OS{})
	taken := g.settings
	taken.Dir, taken.Listen = t.TempDir(), g.server.Addr().String()
	tables, err := loadTables("")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if _, err := openGateway(t.Context(), taken, tables, vfs.OS{}, log); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("opening an address that is taken: %v", err)
	}
	taken.Listen = "127.0.0.1:0"
	second, err := openGateway(t.Context(), taken, tables, vfs.OS{}, log)
	if err != nil {
		t.Fatalf("after a start that failed: %v", err)
	}
	for _, g := range []*gateway{g, second} {
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGINT
		if err := g.run(t.Context(), signals, nil); err != nil {
			t.Error(err)
		}
	}
}

// Every error of the buffer that a client can act on has an answer of its own.
func TestAnswerable(t *testing.T) {
	for _, a := range []struct{ from, to error }{
		{buffer.ErrTenantFull, server.ErrTenantFull},
		{buffer.ErrTooLarge, server.ErrTooLarge},
		{buffer.ErrBusy, server.ErrBusy},
		{buffer.ErrJournalFull, server.ErrJournalFull},
		{buffer.ErrFailed, server.ErrFailed},
		{buffer.ErrStopping, server.ErrStopping},
	} {
		if got := answerable(fmt.Errorf("reserve: %w", a.from)); got != a.to {
			t.Errorf("%v became %v", a.from, got)
		}
	}
	if answerable(nil) != nil {
		t.Error("no error became one")
	}
	if got := answerable(context.Canceled); got != context.Canceled {
		t.Errorf("an unknown error became %v", got)
	}
	if errors.Is(server.ErrBusy, buffer.ErrBusy) {
		t.Error("the packages' errors are one, and the table is not needed")
	}
}
