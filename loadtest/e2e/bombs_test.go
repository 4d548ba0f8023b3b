package e2e

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The default limits, which the bombs are made for.
const (
	bombText   = 10_000_000_000 // bytes of a large bomb's text
	maxBody    = 10 << 20
	maxDecoded = 64 << 20
)

// bomb is a body that wants to become more than was sent.
type bomb struct {
	name   string
	coding string
	body   []byte
	status int    // the answer to it alone
	kind   string // its problem's type
}

// TestBombs sends bodies of up to 10 GB, compressed to less than PARQUAY_MAX_BODY,
// one by one and then many at once. Each is refused as the documentation says, the
// memory keeps its bound, and an honest client beside them loses nothing (I6).
func TestBombs(t *testing.T) {
	s := newSite(t, attackedEnv...)
	s.start()
	list := bombs(t)
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	for _, b := range list {
		t.Run(b.name, func(t *testing.T) {
			before := s.gateway.Spent()
			for _, known := range []bool{true, false} {
				a, err := s.body(client, b.coding, b.body, known)
				if err != nil || a.status != b.status || a.kind != b.kind {
					t.Errorf("length known %v: answered %d %s, want %d %s (%v)", known, a.status, a.kind, b.status, b.kind, err)
				}
			}
			t.Logf("%d bytes cost the gateway %v of CPU", len(b.body), (s.gateway.Spent()-before)/2)
		})
	}
	s.withinMemory()
	s.crowd(list)
}

// crowd sends every bomb from many clients at once, beside an honest one.
func (s *site) crowd(list []bomb) {
	s.Helper()
	l := s.load()
	var clients sync.WaitGroup
	for n := range 64 {
		r := rand.New(rand.NewPCG(uint64(s.seed), uint64(n)))
		clients.Go(func() {
			client := &http.Client{Timeout: flushWithin}
			defer client.CloseIdleConnections()
			for _, i := range r.Perm(len(list)) {
				b := list[i]
				a, err := s.body(client, b.coding, b.body, r.IntN(2) == 0)
				// The answer to it alone, or that there is no room for it at the moment.
				if !slices.Contains([]int{b.status, 413, 429, 503}, a.status) && !cutOff(err) {
					s.Errorf("%s: answered %d %s, %v", b.name, a.status, a.kind, err)
				}
			}
		})
	}
	clients.Wait()
	before := l.accepted()
	s.await("the honest client's events are accepted", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.withinMemory()
	s.drain()
	s.check(l) // of the bombs nothing may be kept
}

// cutOff says whether a connection was closed while a body was sent that had been
// answered: a client that only writes sees no more of the answer.
func cutOff(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// bombs makes one of each kind.
func bombs(t *testing.T) []bomb {
	t.Helper()
	const event = `{"type":"a.bomb"}` + "\n"
	within := func(text string, size int) []byte { return []byte(strings.Repeat(text, size/len(text))) }
	list := []bomb{
		{"gzip 10 GB", "gzip", gzipOfSpaces(t, bombText), 413, "body-too-large"},
		{"gzip 10 GB in members", "gzip", repeated(gzipOf(t, bytes.Repeat([]byte(" "), bombText/1000)), 1000), 413, "body-too-large"},
		{"gzip within the limit, events", "gzip", gzipOf(t, within(event, maxDecoded-1)), 413, "request-too-large"},
		{"gzip within the limit, rejected", "gzip", gzipOf(t, within("{}", maxDecoded-1)), 413, "request-too-large"},
		{"gzip within the limit, arrays", "gzip", gzipOf(t, within("[", maxDecoded-1)), 400, "syntax"},
		{"gzip within the limit, one long string", "gzip", gzipOf(t, []byte(`{"type":"`+strings.Repeat("a", maxDecoded-20))), 400, "syntax"},
		{"gzip of empty members", "gzip", repeated(gzipOf(t, nil), maxBody/30), 400, "syntax"},
		{"gzip twice", "gzip, gzip", gzipOf(t, gzipOf(t, []byte(event))), 415, "content-encoding"},
		{"zstd 10 GB", "zstd", zstdOfSpaces(0x68, bombText), 413, "body-too-large"},
		{"zstd 10 GB in frames", "zstd", repeated(zstdOfSpaces(0x68, bombText/10000), 10000), 413, "body-too-large"},
		{"zstd of empty frames", "zstd", repeated(zstdOfSpaces(0x68, 0), maxBody/9), 400, "syntax"},
		{"zstd of skippable frames", "zstd", repeated(skippable(0, 0), maxBody/8), 400, "syntax"},
		{"zstd skipping 4 GB", "zstd", skippable(1<<32-1, 1<<20), 400, "corrupt-body"},
		{"zstd with a window of 16 MiB", "zstd", zstdOfSpaces(0x70, 1<<20), 400, "corrupt-body"},
		{"zstd with a window of 4 TB", "zstd", zstdOfSpaces(0xff, 1<<20), 400, "corrupt-body"},
		{"zstd that declares 8 EB", "zstd", zstdDeclaring(1<<63-1, 1<<20), 400, "corrupt-body"},
	}
	for _, b := range list {
		if len(b.body) > maxBody {
			t.Fatalf("%s: %d bytes are over the limit by themselves", b.name, len(b.body))
		}
	}
	return list
}

func repeated(b []byte, n int) []byte { return bytes.Repeat(b, n) }

func gzipOf(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gzipOfSpaces is a gzip member of an event and at least n spaces after it, without
// its last bytes, which nobody gets to. Once the window is full of spaces, every
// further stretch of them has the same code: it is repeated here, which takes no
// time, instead of being made again.
func gzipOfSpaces(t *testing.T, n int) []byte {
	t.Helper()
	const stretch = 4 << 20
	var code bytes.Buffer
	w, err := flate.NewWriter(&code, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) []byte {
		from := code.Len()
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return code.Bytes()[from:]
	}
	spaces := strings.Repeat(" ", stretch)
	body := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, write(`{"type":"a.bomb"}`+spaces)...)
	return append(body, repeated(write(spaces), n/stretch)...)
}

// zstdOfSpaces is a frame that declares a window by RFC 8878's byte, and holds an
// event and n spaces: four bytes stand for 128 KiB of them.
func zstdOfSpaces(window byte, n int) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, window}
	return append(frame, zstdBlocks(n)...)
}

// zstdDeclaring is a frame that says how long its text is, and that it is its window.
func zstdDeclaring(size uint64, n int) []byte {
	frame := binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}, size)
	return append(frame, zstdBlocks(n)...)
}

func zstdBlocks(n int) []byte {
	const raw, rle, most = 0, 1, 128 << 10
	block := func(kind, size int, content string) []byte {
		header := kind<<1 | size<<3
		return append([]byte{byte(header), byte(header >> 8), byte(header >> 16)}, content...)
	}
	var blocks []byte
	if n > 0 {
		const event = `{"type":"a.bomb"}`
		blocks = append(block(raw, len(event), event), repeated(block(rle, most, " "), n/most)...)
		blocks = append(blocks, block(rle, n%most, " ")...)
	}
	return append(blocks, 1, 0, 0) // the last one, empty
}

// skippable is a frame of no text that says it is size bytes long, and is n.
func skippable(size uint32, n int) []byte {
	frame := binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, size)
	return append(frame, make([]byte, n)...)
}
