package writer_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/writer"
)

// A put of our own is the SDK's but for what tells the SDK's attempts apart, and for the
// name of the operation, which S3 does not need.
func TestS3ShortAsTheSDK(t *testing.T) {
	setenv(t)
	t.Setenv("AWS_SESSION_TOKEN", "token")
	type seen struct {
		Method, Host, Path, Scope, Agent string
		Length                           int64
		Header                           http.Header
	}
	var got []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // its length is compared
		if (r.Header.Get("Amz-Sdk-Request") == "") != (len(got) == 0) {
			t.Errorf("request %d is not whose it should be", len(got))
		}
		scope, _, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
		agent, _, _ := strings.Cut(r.Header.Get("User-Agent"), " m/") // what of the SDK is used
		for _, name := range []string{"Authorization", "User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Amz-Date"} {
			r.Header.Del(name)
		}
		got = append(got, seen{r.Method, r.Host, r.URL.EscapedPath(), scope, agent, r.ContentLength, r.Header})
		w.Header().Set("ETag", "tag")
	}))
	defer server.Close()
	b := open(t, "s3://bucket/some where", writer.S3Options{Endpoint: server.URL + "/base", PathStyle: true, Conditional: true})
	const key = "a=b/ü+%c~"
	if err := b.Put(t.Context(), key, strings.NewReader("hello")); err != nil {
		t.Error(err)
	}
	if err := writer.PutBySDK(t.Context(), b, key, strings.NewReader("hello")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(got[1], got[0]); diff != "" || got[0].Agent == "" || got[0].Scope == "" {
		t.Errorf("the SDK's put and ours (-, +):\n%s", diff)
	}
}

// Connections are used again, whatever was answered and however many bytes it had.
func TestS3ShortKeepsItsConnection(t *testing.T) {
	setenv(t)
	var connections, puts atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", "tag")
		switch puts.Add(1) % 4 {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 50_000))
		case 2:
			_, _ = w.Write([]byte("<Other/>"))
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	b := open(t, "s3://bucket", writer.S3Options{Endpoint: server.URL, PathStyle: true, Conditional: true})
	for i := range 20 {
		if err := b.Put(t.Context(), "a", strings.NewReader("x")); (err != nil) != (i%4 == 0) {
			t.Errorf("Put %d = %v", i, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("20 puts took %d connections", n)
	}
}

// Over TLS it is the checksum that covers the bytes and not the signature, and the
// authorities are those that the environment names.
func TestS3ShortOverTLS(t *testing.T) {
	setenv(t)
	var payload, sum string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		payload, sum = r.Header.Get("X-Amz-Content-Sha256"), r.Header.Get("X-Amz-Checksum-Crc32")
		w.Header().Set("ETag", "tag")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	server.StartTLS()
	defer server.Close()
	options := writer.S3Options{Endpoint: server.URL, PathStyle: true, Conditional: true}
	strange := open(t, "s3://bucket", options)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	known := open(t, "s3://bucket", options)
	for _, size := range bothWays {
		body := bytes.NewReader(make([]byte, size))
		if err := strange.Put(t.Context(), "a", body); err == nil {
			t.Errorf("Put of %d bytes to a stranger = nil", size)
		}
		payload, sum = "", ""
		if err := known.Put(t.Context(), "a", body); err != nil || payload != "UNSIGNED-PAYLOAD" || sum == "" {
			t.Errorf("Put of %d bytes = %v, with payload %q and sum %q", size, err, payload, sum)
		}
	}
}

// A clock that is wrong is none of the store's affairs: after one refusal, puts are
// signed by the store's.
func TestS3ShortByTheStoresClock(t *testing.T) {
	setenv(t)
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
		var refused int
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			now := time.Now().Add(ahead)
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			if err != nil {
				t.Error(err)
			}
			if now.Sub(signed).Abs() > 15*time.Minute {
				refused++
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, "<Error><Code>RequestTimeTooSkewed</Code></Error>")
			}
		}, writer.S3Options{Conditional: true})
		for i := range 3 {
			err := b.Put(t.Context(), "a", strings.NewReader("x"))
			if (err != nil) != (i == 0 && ahead != 0) {
				t.Errorf("%v ahead, Put %d = %v", ahead, i, err)
			}
		}
		if refused > 1 {
			t.Errorf("%v ahead: %d puts were refused", ahead, refused)
		}
	}
}

// What is not known here is left to the SDK.
func TestS3ShortLeavesToTheSDK(t *testing.T) {
	const authorization = "AWS4-HMAC-SHA256 Credential=id/with/slashes/20261123/r-1/s3/aws4_request, SignedHeaders=host, Signature=00"
	for name, c := range map[string]struct {
		url, authorization, extra string
		region                    string // none if it is left
	}{
		"ordinary":         {"http://host/bucket/key?x-id=PutObject", authorization, "Amz-Sdk-Request", "r-1"},
		"no query":         {"https://bucket.host/key", authorization, "User-Agent", "r-1"},
		"other query":      {"http://host/bucket/key?partNumber=1", authorization, "User-Agent", ""},
		"a session":        {"http://host/bucket/key", authorization, "X-Amz-S3session-Token", ""},
		"its own checksum": {"http://host/bucket/key", authorization, "X-Amz-Checksum-Crc64nvme", ""},
		"a trailer":        {"http://host/bucket/key", authorization, "X-Amz-Trailer", ""},
		"another service":  {"http://host/bucket/key", strings.Replace(authorization, "/s3/", "/s3express/", 1), "User-Agent", ""},
		"many regions":     {"http://host/bucket/key", strings.Replace(authorization, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1), "User-Agent", ""},
		"no signature":     {"http://host/bucket/key", "", "User-Agent", ""},
		"no scope":         {"http://host/bucket/key", "AWS4-HMAC-SHA256 Credential=id/s3/aws4_request, ", "User-Agent", ""},
		"another name":     {"http://host/bucket/other", authorization, "User-Agent", ""},
	} {
		r := httptest.NewRequest(http.MethodPut, c.url, nil)
		r.Header = http.Header{"X-Amz-Date": {"now"}, "Content-Type": {"t"}, c.extra: {"x"}}
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		if region := writer.Ordinary(r, "key"); region != c.region {
			t.Errorf("%s: the region is %q, want %q", name, region, c.region)
		}
	}
}

// An answer of success may have something to say, and it may not be that.
func TestS3AnswersWithABody(t *testing.T) {
	setenv(t)
	for body, stored := range map[string]bool{
		"":                                    true,
		" \n":                                 true,
		"stored":                              true,
		`<?xml version="1.0"?><PutResult/>`:   true,
		"<error/>":                            false,
		"<Error><Code>InternalError</Code></": false,
		"<\x01>":                              false,
	} {
		b := bucketAt(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }, writer.S3Options{Conditional: true})
		for _, size := range bothWays {
			if err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, size))); (err == nil) != stored {
				t.Errorf("answered %q, Put of %d bytes = %v, stored %v", body, size, err, stored)
			}
		}
	}
}
