package writer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parquay/writer"
	"parquay/writer/s3test"
)

// setenv gives the AWS chain credentials for stores that check none.
func setenv(t *testing.T) {
	(&s3test.Gateway{AccessKey: "key", SecretKey: "secret", Region: "r"}).Setenv(t)
}

// bucketAt opens a bucket behind a handler, whose answers get an ETag as a store's have.
func bucketAt(t *testing.T, handler http.HandlerFunc, options writer.S3Options) writer.Bucket {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"tag"`)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	options.Endpoint, options.PathStyle = server.URL, true
	return open(t, "s3://bucket", options)
}

// What goes over the wire is what compatible stores understand: a plain body of
// known length, its checksum in a header, the condition.
func TestS3PutRequest(t *testing.T) {
	setenv(t)
	for checksum, want := range map[string]map[string]string{
		"crc32":  {"X-Amz-Checksum-Crc32": "y/Q5Jg==", "X-Amz-Checksum-Crc32c": ""},
		"crc32c": {"X-Amz-Checksum-Crc32": "", "X-Amz-Checksum-Crc32c": "4waSgw=="},
		"none":   {"X-Amz-Checksum-Crc32": "", "X-Amz-Checksum-Crc32c": ""},
	} {
		maps.Copy(want, map[string]string{
			"If-None-Match": "*", "Content-Type": "application/vnd.apache.parquet",
			"Content-Encoding": "", "X-Amz-Trailer": "", "Transfer-Encoding": "", "Accept-Encoding": "identity",
		})
		requests, content := 0, "123456789"
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			for name, value := range want {
				if got := r.Header.Get(name); got != value {
					t.Errorf("%s: header %s is %q, want %q", checksum, name, got, value)
				}
			}
			body, err := io.ReadAll(r.Body)
			if r.Method != http.MethodPut || r.URL.Path != "/bucket/a=b/c" || r.ContentLength != int64(len(content)) || string(body) != content || err != nil {
				t.Errorf("%s %s of %d bytes, %d of them %.20q, %v", r.Method, r.URL.Path, r.ContentLength, len(body), body, err)
			}
		}, writer.S3Options{Checksum: checksum, Conditional: true})
		if err := b.Put(t.Context(), "a=b/c", strings.NewReader(content)); err != nil || requests != 1 {
			t.Errorf("%s: Put = %v after %d requests, want nil after 1", checksum, err, requests)
		}
		content = strings.Repeat("1", 200_000) // goes by the SDK
		for name, value := range map[string]string{"X-Amz-Checksum-Crc32": "Xyw9qg==", "X-Amz-Checksum-Crc32c": "PIzZVg=="} {
			if want[name] != "" {
				want[name] = value
			}
		}
		if err := b.Put(t.Context(), "a=b/c", strings.NewReader(content)); err != nil || requests != 2 {
			t.Errorf("%s: Put of %d bytes = %v after %d requests, want nil after 1", checksum, len(content), err, requests-1)
		}
	}
}

// A store that does not know the condition is asked first. It may not say that an object
// is absent to those who may not list, nor why it refuses: then the put is tried.
func TestS3Unconditional(t *testing.T) {
	setenv(t)
	for status, want := range map[int]string{404: "HEAD PUT", 200: "HEAD", 403: "HEAD PUT", 400: "HEAD PUT", 500: "HEAD", 503: "HEAD"} {
		var got []string
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Method)
			if r.Header.Get("If-None-Match") != "" {
				t.Error("the condition is sent")
			}
			if r.Method == http.MethodHead {
				w.WriteHeader(status)
			}
		}, writer.S3Options{})
		err := b.Put(t.Context(), "a", strings.NewReader("x"))
		if (err != nil) != (status >= 500) || strings.Join(got, " ") != want {
			t.Errorf("HEAD answered %d: Put = %v after %q, want %q", status, err, got, want)
		}
	}
}

// bothWays are the sizes of a body that is put by a request of our own, and of one that
// the SDK puts.
var bothWays = []int{1, 200_000}

func TestS3Answers(t *testing.T) {
	setenv(t)
	for _, c := range []struct {
		status int
		code   string
		kind   writer.Kind
		says   string
	}{
		{200, "", writer.KindStored, ""},
		{200, "InternalError", writer.KindServer, "InternalError"}, // S3 may find out after it has begun to answer
		{412, "PreconditionFailed", writer.KindStored, ""},
		{409, "ConditionalRequestConflict", writer.KindConflict, "ConditionalRequestConflict"},
		{403, "AccessDenied", writer.KindDenied, "AccessDenied"},
		{404, "NoSuchBucket", writer.KindMissing, "NoSuchBucket"},
		{400, "BadDigest", writer.KindRejected, "BadDigest"},
		{400, "InvalidArgument", writer.KindRejected, "PARQUAY_S3_CONDITIONAL"},
		{501, "NotImplemented", writer.KindRejected, "PARQUAY_S3_CONDITIONAL"},
		{500, "InternalError", writer.KindServer, "InternalError"},
		{503, "SlowDown", writer.KindThrottled, "SlowDown"},
		{429, "TooManyRequests", writer.KindThrottled, "429"},
		{302, "", writer.KindRejected, "302"},
	} {
		requests := 0
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				return // it is there
			}
			requests++
			w.WriteHeader(c.status)
			if c.status != http.StatusOK || c.code != "" {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>says the store</Message></Error>", c.code)
			}
		}, writer.S3Options{Conditional: true})
		for _, size := range bothWays {
			requests = 0
			err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, size)))
			if writer.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || requests != 1 {
				t.Errorf("%d %s: Put of %d bytes = %v (%s) after %d requests, want kind %s, %q, 1 request",
					c.status, c.code, size, err, writer.KindOf(err), requests, c.kind, c.says)
			}
			if strings.Contains(fmt.Sprint(err), "PARQUAY_S3_CONDITIONAL") != strings.Contains(c.says, "PARQUAY") {
				t.Errorf("%d %s: the advice is wrong: %v", c.status, c.code, err)
			}
		}
	}
}

func TestS3MissingBucketIsNoMissingObject(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	b := open(t, "s3://elsewhere", writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true})
	err := b.Put(t.Context(), "a", strings.NewReader("x"))
	if writer.KindOf(err) != writer.KindMissing {
		t.Errorf("Put = %v (%s), want %s", err, writer.KindOf(err), writer.KindMissing)
	}
	if _, err := b.Get(t.Context(), "a"); err == nil || errors.Is(err, writer.ErrNotFound) {
		t.Errorf("Get = %v, want an error that is not ErrNotFound", err)
	}
	for _, err := range b.List(t.Context(), "") {
		if err == nil {
			t.Error("List yields an object")
		}
	}
}

func TestS3WrongCredentials(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	b := open(t, gateway.URL("p"), writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true})
	err := b.Put(t.Context(), "a", strings.NewReader("x"))
	if writer.KindOf(err) != writer.KindDenied || strings.Contains(fmt.Sprint(err), "wrong") {
		t.Errorf("Put = %v (%s), want %s", err, writer.KindOf(err), writer.KindDenied)
	}
}

// A peer that goes silent fails the request, whatever the request waits for.
func TestS3SilentPeer(t *testing.T) {
	setenv(t)
	half := make([]byte, 1<<20)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	peers := map[string]http.HandlerFunc{
		"takes nothing": func(http.ResponseWriter, *http.Request) { <-release },
		"never answers": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-release
		},
		"answers half": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(2*len(half)))
			w.Write(half)
			w.(http.Flusher).Flush()
			<-release
		},
	}
	for name, peer := range peers {
		server := httptest.NewUnstartedServer(peer)
		server.Start() // closed after release, by the cleanup that runs before it
		defer server.CloseClientConnections()
		b := open(t, "s3://bucket", writer.S3Options{Endpoint: server.URL, PathStyle: true, Conditional: true})
		writer.SetStall(b, 50*time.Millisecond)

		for _, size := range []int{1, 32 << 20} {
			err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, size)))
			if name != "answers half" && writer.KindOf(err) != writer.KindTimeout {
				t.Errorf("%s: Put of %d bytes = %v (%s), want %s", name, size, err, writer.KindOf(err), writer.KindTimeout)
			}
		}
		r, err := b.Get(t.Context(), "a")
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if writer.KindOf(err) != writer.KindTimeout {
			t.Errorf("%s: Get = %v (%s), want %s", name, err, writer.KindOf(err), writer.KindTimeout)
		}
		for _, err := range b.List(t.Context(), "") {
			if writer.KindOf(err) != writer.KindTimeout {
				t.Errorf("%s: List yields %v (%s), want %s", name, err, writer.KindOf(err), writer.KindTimeout)
			}
		}
	}
}

// However slow a body goes, it is not cut off while it moves.
func TestS3SlowBodyIsNotStalled(t *testing.T) {
	setenv(t)
	const stall = 2 * time.Second // a busy machine takes a while for one read
	b := bucketAt(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) },
		writer.S3Options{Conditional: true, Checksum: "none"})
	writer.SetStall(b, stall)
	start := time.Now()
	if err := b.Put(t.Context(), "a", slowBody{bytes.NewReader(make([]byte, 256<<10))}); err != nil {
		t.Errorf("Put = %v after %v", err, time.Since(start))
	}
	if took := time.Since(start); took < stall {
		t.Errorf("Put took %v, which shows nothing", took)
	}
}

// slowBody takes its time for every read.
type slowBody struct{ *bytes.Reader }

func (s slowBody) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(200 * time.Millisecond)
	return s.Reader.ReadAt(p, off)
}

func TestS3RefusedConnection(t *testing.T) {
	setenv(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	b := open(t, "s3://bucket", writer.S3Options{Endpoint: "http://" + listener.Addr().String(), Conditional: true, PathStyle: true})
	for _, size := range bothWays {
		if err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, size))); writer.KindOf(err) != writer.KindConnection {
			t.Errorf("Put of %d bytes = %v (%s), want %s", size, err, writer.KindOf(err), writer.KindConnection)
		}
	}
}

// faultyProxy stands before a gateway and spoils its next Put.
type faultyProxy struct {
	*httputil.ReverseProxy
	flipByte   atomic.Bool // in the body
	loseAnswer atomic.Bool // after the gateway has applied the request
	hold       atomic.Bool // breaks the connection now, and applies the request at land
	held       []*http.Request
	mu         sync.Mutex
}

func newFaultyProxy(t *testing.T, gateway *s3test.Gateway, prefix, checksum string) (*faultyProxy, writer.Bucket) {
	t.Helper()
	target, err := url.Parse(gateway.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &faultyProxy{}
	p.ReverseProxy = &httputil.ReverseProxy{
		// The signature covers the Host header, which the gateway sees unchanged.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	options := writer.S3Options{Endpoint: server.URL, PathStyle: true, Conditional: true, Checksum: checksum}
	return p, open(t, gateway.URL(t.Name()+prefix), options)
}

func (p *faultyProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if p.flipByte.Swap(false) {
		body[len(body)/2] ^= 1
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case p.loseAnswer.Swap(false):
		p.ReverseProxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case p.hold.Swap(false):
		p.mu.Lock()
		p.held = append(p.held, r.Clone(context.Background()))
		p.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	p.ReverseProxy.ServeHTTP(w, r)
}

// land applies the request that was held, and returns its answer.
func (p *faultyProxy) land() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := httptest.NewRecorder()
	p.ReverseProxy.ServeHTTP(answer, p.held[0])
	return answer.Code
}

// The store refuses bytes that changed on the way (F18); without a checksum it is
// the signature that covers them, as long as there is no TLS to do so.
func TestS3FlippedByteIsRefused(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	for _, repeats := range []int{1, 100_000} {
		content := bytes.Repeat([]byte("parquet"), repeats)
		for _, checksum := range []string{"crc32", "crc32c", "none"} {
			proxy, b := newFaultyProxy(t, gateway, fmt.Sprint(checksum, repeats), checksum)
			proxy.flipByte.Store(true)
			if err := b.Put(t.Context(), "a", bytes.NewReader(content)); writer.KindOf(err) != writer.KindRejected {
				t.Errorf("%s: Put of spoilt bytes = %v (%s), want %s", checksum, err, writer.KindOf(err), writer.KindRejected)
			}
			if _, err := b.Head(t.Context(), "a"); !errors.Is(err, writer.ErrNotFound) {
				t.Errorf("%s: Head = %v, want ErrNotFound", checksum, err)
			}
			putAndCheck(t, b, content)
		}
	}
}

// An object whose answer was lost exists once (F13).
func TestS3LostAnswer(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	proxy, b := newFaultyProxy(t, gateway, "", "")

	proxy.loseAnswer.Store(true)
	if err := b.Put(t.Context(), "a", strings.NewReader("x")); writer.KindOf(err) != writer.KindConnection {
		t.Errorf("Put without an answer = %v (%s), want %s", err, writer.KindOf(err), writer.KindConnection)
	}
	if _, err := b.Head(t.Context(), "a"); err != nil {
		t.Fatalf("the gateway did not apply it: %v", err)
	}
	putAndCheck(t, b, []byte("x"))
}

// A Put that lands after its retry changes nothing (F14).
func TestS3DelayedPut(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	proxy, b := newFaultyProxy(t, gateway, "", "")

	proxy.hold.Store(true)
	if err := b.Put(t.Context(), "a", strings.NewReader("delayed")); err == nil {
		t.Error("Put that did not arrive = nil")
	}
	putAndCheck(t, b, []byte("x"))
	if status := proxy.land(); status != http.StatusPreconditionFailed {
		t.Errorf("the delayed Put is answered %d, want 412", status)
	}
	putAndCheck(t, b, []byte("x"))
}

func putAndCheck(t *testing.T, b writer.Bucket, content []byte) {
	t.Helper()
	if err := b.Put(t.Context(), "a", bytes.NewReader(content)); err != nil {
		t.Errorf("the retry: %v", err)
	}
	r, err := b.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the object has %d bytes, %v; want the %d that were put", len(got), err, len(content))
	}
}
