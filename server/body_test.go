package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text is n bytes that compress about fivefold.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"type":"message.sent","message_id":"%08x","channel":"sms"}`+"\n", r.Uint32())
	}
	return b.Bytes()[:n]
}

// read runs readText over a body in process, and checks the account.
func read(t testing.TB, s *Server, body io.Reader, length int64, encoding string) ([]byte, error) {
	t.Helper()
	r := httptest.NewRequest("POST", "/v1/events", body)
	r.ContentLength = length
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	p := &post{account: account{intake: s.cfg.Intake, tenant: DefaultTenant}, began: time.Now()}
	b, err := s.readText(httptest.NewRecorder(), r, p)
	a := &p.account
	defer a.close()
	if err != nil {
		return nil, err
	}
	if int64(cap(b.bytes)) != a.text || a.held < a.text {
		t.Errorf("a buffer of %d bytes, accounted as %d, with %d reserved", cap(b.bytes), a.text, a.held)
	}
	return bytes.Clone(b.bytes), nil
}

func TestReadText(t *testing.T) {
	const maxBody, maxDecoded = 200_000, 600_000
	codings := map[string]func(testing.TB, []byte) []byte{
		"":       func(_ testing.TB, p []byte) []byte { return p },
		"gzip":   gzipped,
		"x-GZIP": gzipped,
		"zstd":   zstded,
	}
	cfg := testConfig(newFakeIntake(t))
	cfg.MaxBody, cfg.MaxDecoded = maxBody, maxDecoded
	s := newServer(t, cfg)
	sizes := []int{
		0, 1, minBuffer - 1, minBuffer, minBuffer + 1, 100_000, 1 << 17, maxBody, maxBody + 1, maxDecoded, maxDecoded + 1,
	}
	for name, encode := range codings {
		for _, size := range sizes {
			for _, known := range []bool{true, false} {
				t.Run(fmt.Sprintf("coding=%s/size=%d/known=%v", name, size, known), func(t *testing.T) {
					want := text(size)
					wire := encode(t, want)
					length := int64(-1)
					if known {
						length = int64(len(wire))
					}
					var src io.Reader = bytes.NewReader(wire)
					if src = iotest.HalfReader(src); len(wire) < 1<<13 {
						src = iotest.OneByteReader(src)
					}
					got, err := read(t, s, src, length, name)
					if len(wire) > maxBody || size > maxDecoded {
						if p := problemOf(err); p.Status != http.StatusRequestEntityTooLarge {
							t.Fatalf("%d bytes on the wire: %v, want a 413", len(wire), err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("%d bytes read, want the %d sent", len(got), len(want))
					}
				})
			}
		}
	}
}

// Without a coding, both limits hold.
func TestReadTextUnderTheLesserLimit(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.MaxBody, cfg.MaxDecoded = 10_000, 5_000
	s := newServer(t, cfg)
	for _, length := range []int64{6_000, -1} {
		if _, err := read(t, s, bytes.NewReader(text(6_000)), length, ""); problemOf(err).Status != 413 {
			t.Errorf("length %d: %v, want a 413", length, err)
		}
	}
}

func TestReadTextMembersOfOneBody(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	first, second := text(10_000), text(20_000)
	for encoding, body := range map[string][]byte{
		"gzip": append(gzipped(t, first), gzipped(t, second)...),
		"zstd": append(zstded(t, first), zstded(t, second)...),
	} {
		got, err := read(t, s, bytes.NewReader(body), int64(len(body)), encoding)
		if err != nil || !bytes.Equal(got, append(bytes.Clone(first), second...)) {
			t.Errorf("%s: %d bytes, error %v", encoding, len(got), err)
		}
	}
}

func TestReadTextOfBrokenBodies(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	plain := text(10_000)
	gz, zs := gzipped(t, plain), zstded(t, plain)
	flipped := func(p []byte, at int) []byte {
		p = bytes.Clone(p)
		p[at] ^= 0x20
		return p
	}
	for name, test := range map[string]struct {
		encoding string
		body     []byte
		status   int
	}{
		"gzip of nothing":       {"gzip", nil, 400},
		"gzip cut in header":    {"gzip", gz[:5], 400},
		"gzip cut in data":      {"gzip", gz[:len(gz)/2], 400},
		"gzip cut in checksum":  {"gzip", gz[:len(gz)-3], 400},
		"gzip without checksum": {"gzip", gz[:len(gz)-8], 400},
		"gzip, wrong checksum":  {"gzip", flipped(gz, len(gz)-6), 400},
		"gzip, garbage after":   {"gzip", append(bytes.Clone(gz), "garbage"...), 400},
		"gzip, not gzip":        {"gzip", plain, 400},
		"zstd cut in header":    {"zstd", zs[:4], 400},
		"zstd cut in data":      {"zstd", zs[:len(zs)/2], 400},
		"zstd cut in checksum":  {"zstd", zs[:len(zs)-2], 400},
		"zstd, wrong checksum":  {"zstd", flipped(zs, len(zs)-2), 400},
		"zstd, not zstd":        {"zstd", plain, 400},
		"zstd window of 16 MiB": {"zstd", zstdFrame(16 << 20), 400},
		"zstd window of 8 MiB":  {"zstd", zstdFrame(8 << 20), 0},
		"unknown":               {"br", plain, 415},
		"twice":                 {"gzip, gzip", gzipped(t, gz), 415},
		"stacked":               {"gzip,zstd", zstded(t, gz), 415},
		"identity is nothing":   {"identity, gzip", gz, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, s, bytes.NewReader(test.body), int64(len(test.body)), test.encoding)
			if test.status == 0 {
				if err != nil {
					t.Error(err)
				}
			} else if p := problemOf(err); err == nil || p.Status != test.status {
				t.Errorf("error %v, status %d, want %d", err, p.Status, test.status)
			}
		})
	}
}

// A body that breaks off is nobody's event, and a refusal to grow is passed on.
func TestReadTextStopsAt(t *testing.T) {
	intake := newFakeIntake(t)
	s := newServer(t, testConfig(intake))
	body := text(100_000)
	broken := io.MultiReader(bytes.NewReader(body[:50_000]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := read(t, s, broken, int64(len(body)), ""); problemOf(err).Status != 400 {
		t.Errorf("a body that breaks off: %v", err)
	}
	intake.grow = func(int64) error { return ErrBusy }
	for encoding, wire := range map[string][]byte{"": body, "gzip": gzipped(t, body), "zstd": zstded(t, body)} {
		if _, err := read(t, s, bytes.NewReader(wire), -1, encoding); !errors.Is(err, ErrBusy) {
			t.Errorf("%q: error %v, want the intake's own", encoding, err)
		}
	}
	intake.reserve = func(int64) error { return ErrTenantFull }
	unread := iotest.ErrReader(errors.New("the body was read"))
	if _, err := read(t, s, unread, int64(len(body)), ""); !errors.Is(err, ErrTenantFull) {
		t.Errorf("error %v, want the intake's own", err)
	}
}

// gzipBomb is a gzip member of so many MiB of spaces, as a stream.
func gzipBomb(t testing.TB, mebibytes int) (io.Reader, int64) {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	var ends []int
	for range 3 {
		_, err := w.Write(chunk)
		if err = errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, b.Len())
	}
	// The third chunk refers to spaces before it, so it can be said again.
	again := b.Bytes()[ends[1]:ends[2]]
	return io.MultiReader(bytes.NewReader(b.Bytes()), &repeated{again, mebibytes - 3, nil}),
		int64(b.Len() + len(again)*(mebibytes-3))
}

// zstdHeader begins a frame that does not say its size.
func zstdHeader(window int) []byte {
	exponent := bits.Len(uint(window)) - 1 - 10
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, byte(exponent << 3)}
}

// zstdSpaces is a block of 128 KiB of spaces.
func zstdSpaces(last uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 128<<10<<3|1<<1|last)
	b[3] = ' '
	return b
}

func zstdFrame(window int) []byte { return append(zstdHeader(window), zstdSpaces(1)...) }

// zstdBomb is a frame of so many blocks, each of 128 KiB.
func zstdBomb(blocks int) (io.Reader, int64) {
	header, block := zstdHeader(1<<20), zstdSpaces(0)
	return io.MultiReader(bytes.NewReader(header), &repeated{block, blocks, nil}), int64(len(header) + len(block)*blocks)
}

// repeated reads as p, n times over.
type repeated struct {
	p    []byte
	n    int
	rest []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.p
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// 10 GiB each, within the limit of what may be sent: the answer is a 413, and what
// was allocated on the way is bounded by the limits.
func TestBombs(t *testing.T) {
	bombs := map[string]func() (io.Reader, int64){
		"gzip": func() (io.Reader, int64) { return gzipBomb(t, 10<<10) },
		"zstd": func() (io.Reader, int64) { return zstdBomb(80 << 10) },
	}
	for encoding, bomb := range bombs {
		t.Run(encoding, func(t *testing.T) {
			intake := newFakeIntake(t)
			cfg := testConfig(intake)
			cfg.MaxBody, cfg.MaxDecoded = 11<<20, 16<<20
			s := newServer(t, cfg)
			body, length := bomb()

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(t, s, body, length, encoding)
			runtime.ReadMemStats(&after)

			var tooLarge tooLargeError
			if !errors.As(err, &tooLarge) || !tooLarge.decoded {
				t.Errorf("error %v, want that the decompressed body is too large", err)
			}
			// The last two sizes of the text's buffer, and the body.
			if limit := 2*cfg.MaxDecoded + capacity(length); intake.peak() > limit {
				t.Errorf("%d bytes were reserved, more than %d", intake.peak(), limit)
			}
			// The buffers, each half of the next, and a decompressor.
			limit := uint64(2*capacity(length) + 2*cfg.MaxDecoded + 16<<20)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > limit {
				t.Errorf("%d bytes were allocated, more than %d", grown, limit)
			}
		})
	}
}

// An endless body is cut at the limit of what may be sent.
func TestEndlessBody(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	endless := &repeated{[]byte(event), 1 << 40, nil}
	for _, encoding := range []string{"", "gzip"} {
		if _, err := read(t, s, endless, -1, encoding); problemOf(err).Status != 413 {
			t.Errorf("%q: %v, want a 413", encoding, err)
		}
	}
}

// Reading gives up its turn when the client goes away.
func TestDecompressorsAreBounded(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	var taken []*inflater
	for range runtime.GOMAXPROCS(0) {
		f, err := s.inflaters.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.inflaters.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v with every decompressor taken", err)
	}
	for _, f := range taken {
		s.inflaters.put(f)
	}
}

func TestBuffers(t *testing.T) {
	var p buffers
	for _, size := range []int64{-1, 0, 1, minBuffer, minBuffer + 1, 3 << 12, 1 << 16, maxPooled - 1, maxPooled, maxPooled + 1, 10 << 20} {
		for range 2 { // made, then reused
			b := p.get(size)
			if len(b.bytes) != 0 || int64(cap(b.bytes)) != capacity(size) || capacity(size) < size {
				t.Errorf("size %d: a buffer of %d of %d bytes, want 0 of %d", size, len(b.bytes), cap(b.bytes), capacity(size))
			}
			b.bytes = append(b.bytes, strings.Repeat("x", 10)...)
			p.put(b)
		}
	}
}
