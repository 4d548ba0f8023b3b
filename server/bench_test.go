package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
)

// bare is what a request costs whoever serves it: a chi route that reads the body
// and answers 202.
func bare() http.Handler {
	r := chi.NewRouter()
	r.Post("/v1/{table}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	return r
}

// one is a single event of a common size.
var one = `{"id":"018f6f2e-1d6c-7cc3-98c4-dc0c0c07398f","type":"message.delivered","message_id":"wamid.HBgLNDE3OTEyMzQ1NjcVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",` +
	`"conversation_id":"c-102938","channel":"whatsapp","direction":"outbound","sender":"+41791234567","recipient":"+491701234567","country":"DE",` +
	`"provider":"meta","template_id":"order_update_7","price":"0.0561","currency":"EUR","attributes":{"shop":"zurich","order":"8812731"}}`

func handlers(b *testing.B) map[string]http.Handler {
	intake := newFakeIntake(b)
	intake.forgetful = true
	return map[string]http.Handler{
		"bare":    bare(),
		"parquay": newServer(b, testConfig(intake)).events.Handler,
		"keys":    newServer(b, withTenants(b, testConfig(intake), "acme")).events.Handler,
	}
}

// BenchmarkHandler is the handler alone, without a connection.
func BenchmarkHandler(b *testing.B) {
	for _, batch := range []int{1, 500} {
		body := []byte(strings.Repeat(one+"\n", batch))
		for name, h := range handlers(b) {
			b.Run(fmt.Sprintf("batch=%d/server=%s", batch, name), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				src := bytes.NewReader(body)
				r := httptest.NewRequest("POST", "/v1/events", src)
				r.Header.Set("Authorization", "Bearer "+keyOfTenant("acme"))
				w := &blackHole{header: http.Header{}}
				start := cpuTime()
				for b.Loop() {
					src.Reset(body)
					h.ServeHTTP(w, r)
				}
				b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
				if w.status != 202 {
					b.Fatalf("status %d", w.status)
				}
			})
		}
	}
}

// BenchmarkCoding is the handler for bodies of 500 events in each content coding.
func BenchmarkCoding(b *testing.B) {
	intake := newFakeIntake(b)
	intake.forgetful = true
	h := newServer(b, testConfig(intake)).events.Handler
	var text []byte
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 { // no id twice, or they would shrink to nothing
		text = append(text, strings.NewReplacer(
			"018f6f2e", fmt.Sprintf("%08x", random.Uint32()), "c0c0c07398f", fmt.Sprintf("%011x", random.Uint64()>>20),
			"HBgLNDE3OTEyMzQ1NjcVAgAR", fmt.Sprintf("%024X", random.Uint64()), "102938", fmt.Sprint(random.IntN(1e6)), "1701234567", fmt.Sprint(random.IntN(1e9)),
		).Replace(one)+"\n"...)
	}
	for name, body := range map[string][]byte{"identity": text, "gzip": gzipped(b, text), "zstd": zstded(b, text)} {
		b.Run("coding="+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			src := bytes.NewReader(body)
			r := httptest.NewRequest("POST", "/v1/events", src)
			r.Header.Set("Content-Encoding", name)
			w := &blackHole{header: http.Header{}}
			start := cpuTime()
			for b.Loop() {
				src.Reset(body)
				h.ServeHTTP(w, r)
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N)/500, "cpu-ns/event")
			b.ReportMetric(float64(len(text))/float64(len(body)), "ratio")
			if w.status != 202 {
				b.Fatalf("status %d", w.status)
			}
		})
	}
}

// cpuTime is the processor time that the process has used, which other load on the
// machine changes less than it does the time on the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// blackHole is a ResponseWriter that costs nothing.
type blackHole struct {
	header http.Header
	status int
}

func (w *blackHole) Header() http.Header              { return w.header }
func (w *blackHole) Write(p []byte) (int, error)      { return len(p), nil }
func (w *blackHole) WriteHeader(status int)           { w.status = status }
func (w *blackHole) SetReadDeadline(time.Time) error  { return nil }
func (w *blackHole) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkServe is a request over one of 64 connections that are kept open, by clients
// that cost as little as they can. The bar is 0.7 of the bare handler's rate.
func BenchmarkServe(b *testing.B) {
	const connections = 64
	request := fmt.Appendf(nil, "POST /v1/events HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"+
		"Authorization: Bearer %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", keyOfTenant("acme"), len(one), one)
	for name, h := range handlers(b) {
		b.Run("server="+name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: h, ReadTimeout: bodyGrace, IdleTimeout: idleTimeout, ReadHeaderTimeout: readHeaderTimeout}
			go func() { _ = srv.Serve(l) }()
			defer func() { _ = srv.Shutdown(context.Background()) }()
			b.ReportAllocs()
			b.SetParallelism(connections / runtime.GOMAXPROCS(0))
			start := cpuTime()
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer func() { _ = c.Close() }()
				p := make([]byte, 4096)
				for pb.Next() {
					if _, err := c.Write(request); err != nil {
						b.Error(err)
						return
					}
					n, err := c.Read(p) // an answer fits one packet
					if err != nil || !bytes.HasPrefix(p[:n], []byte("HTTP/1.1 202")) {
						b.Errorf("%q, %v", p[:n], err)
						return
					}
				}
			})
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") // the client's, too
		})
	}
}

// An ordinary request allocates no more for what others ask for: what it does is in
// the request's notes and id (2), its post and the decoder's callback (2), its batch
// (3), its receipt (1), and in the fake (1).
func TestAllocPost(t *testing.T) {
	intake := newFakeIntake(t)
	intake.forgetful = true
	h := newServer(t, testConfig(intake)).events.Handler
	src := strings.NewReader(one)
	r := httptest.NewRequest("POST", "/v1/events", src)
	w := &blackHole{header: http.Header{}}
	allocs := testing.AllocsPerRun(1000, func() {
		src.Reset(one)
		h.ServeHTTP(w, r)
	})
	if w.status != 202 || allocs > 9 {
		t.Errorf("status %d, %v allocations", w.status, allocs)
	}
}
