package writer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parquay/writer"
	"parquay/writer/s3test"
)

// A 412 has the journal's copy deleted, so the object is looked for: whoever answered
// may not have been the store, or a byte of the answer may have changed (F18).
func TestS3PresentIsConfirmed(t *testing.T) {
	setenv(t)
	for _, c := range []struct {
		head   int
		stored bool
	}{
		{200, true},
		{404, false},
		{403, true}, // may put and not look: the 412 is all there is
		{412, false},
		{500, false},
		{503, false},
	} {
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			status := http.StatusPreconditionFailed
			if r.Method == http.MethodHead {
				status = c.head
			}
			w.WriteHeader(status)
		}, writer.S3Options{Conditional: true})
		if err := b.Put(t.Context(), "a", strings.NewReader("x")); (err == nil) != c.stored {
			t.Errorf("412 and then %d: Put = %v, stored %v", c.head, err, c.stored)
		}
	}
}

// A store that goes on saying that a key is there which it does not find has the object
// put without the condition: nothing else would ever be stored under it. Its word is
// doubted for a while first, and of each key by itself.
func TestS3Contradiction(t *testing.T) {
	setenv(t)
	for _, c := range []struct {
		name  string
		look  int  // the answer to a HEAD
		seen  bool // an object was found before
		want  string
		after time.Duration
	}{
		{"absent", 404, false, "PUT-if HEAD", time.Hour},
		{"absent for long", 404, false, "PUT-if HEAD PUT", 0},
		{"absent, by those who may not list", 403, true, "PUT-if HEAD", time.Hour},
		{"absent for long, by those who may not list", 403, true, "PUT-if HEAD PUT", 0},
		{"there", 200, false, "PUT-if HEAD", 0},
		{"unknown", 500, true, "PUT-if HEAD", 0},
	} {
		var got []string
		var stored string
		b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			name := r.Method
			status := http.StatusOK
			switch {
			case strings.HasSuffix(r.URL.Path, "/seen"):
				return
			case r.Method == http.MethodHead:
				status = c.look
			case r.Header.Get("If-None-Match") != "":
				name, status = "PUT-if", http.StatusPreconditionFailed
			default:
				body, _ := io.ReadAll(r.Body) // what is missing fails the comparison
				stored = string(body)
			}
			got = append(got, name)
			w.WriteHeader(status)
		}, writer.S3Options{Conditional: true})
		writer.SetInsist(b, c.after)
		if c.seen {
			if _, err := b.Head(t.Context(), "seen"); err != nil {
				t.Fatal(err)
			}
		}
		err := b.Put(t.Context(), "a", strings.NewReader("body"))
		put := strings.HasSuffix(c.want, " PUT")
		if text := strings.Join(got, " "); text != c.want || put != (stored == "body") {
			t.Errorf("%s: asked %q, want %q; stored %q", c.name, text, c.want, stored)
		}
		if done := put || c.look == 200; (err == nil) != done {
			t.Errorf("%s: Put = %v", c.name, err)
		}
		if kind := writer.KindOf(err); err != nil && c.look != 500 && kind != writer.KindConflict {
			t.Errorf("%s: %v is a %s, want %s", c.name, err, kind, writer.KindConflict)
		}
	}
}

// The doubt about a key begins with its first contradiction and ends with its object.
func TestS3DoubtEnds(t *testing.T) {
	setenv(t)
	var unconditional []string
	taken := false
	b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("If-None-Match") == "":
			unconditional = append(unconditional, r.URL.Path)
		case !taken:
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	}, writer.S3Options{Conditional: true})
	put := func(key string, doubted int) {
		t.Helper()
		_ = b.Put(t.Context(), key, strings.NewReader("x")) // what was asked says how it went
		if n := writer.Doubts(b); n != doubted {
			t.Errorf("%d keys are remembered, want %d", n, doubted)
		}
	}
	writer.SetInsist(b, time.Hour)
	put("a", 1)
	put("b", 2)
	taken = true
	put("b", 1) // stored
	taken = false
	writer.SetInsist(b, time.Nanosecond)
	put("a", 0)
	writer.SetInsist(b, time.Hour)
	put("b", 1) // a doubt that begins anew
	if want := "/bucket/a"; strings.Join(unconditional, " ") != want {
		t.Errorf("put without the condition: %q, want %q", unconditional, want)
	}
}

// A store that was ended in the middle of a put may have noted a key and not have its
// object (versitygw with metadata in files of their own does). The file gets in.
func TestS3HalfAKey(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	b := open(t, gateway.URL("prefix"), writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true})
	writer.SetInsist(b, 100*time.Millisecond)
	if err := b.Put(t.Context(), "whole", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	gateway.Forget(t, "prefix/whole")
	err := b.Put(t.Context(), "whole", strings.NewReader("again"))
	if writer.KindOf(err) != writer.KindConflict {
		t.Fatalf("Put = %v: the store is not in the state that this test is about", err)
	}
	for deadline := time.Now().Add(30 * time.Second); err != nil; err = b.Put(t.Context(), "whole", strings.NewReader("again")) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := b.Put(t.Context(), "whole", strings.NewReader("later")); err != nil {
		t.Error(err)
	}
	r, err := b.Get(t.Context(), "whole")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if content, err := io.ReadAll(r); string(content) != "again" || err != nil {
		t.Errorf("the object holds %q, %v; want the second put's", content, err)
	}
}

// What answers everything with 200 is no store, and nothing is stored in it.
func TestS3NoStore(t *testing.T) {
	setenv(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>Welcome</html>")
	}))
	defer server.Close()
	for _, conditional := range []bool{true, false} {
		b := open(t, "s3://bucket", writer.S3Options{Endpoint: server.URL, PathStyle: true, Conditional: conditional})
		err := b.Put(t.Context(), "a", strings.NewReader("x"))
		if err == nil || !strings.Contains(err.Error(), "ETag") {
			t.Errorf("conditional %v: Put = %v", conditional, err)
		}
	}
}

// issue has credentials come from a handler, as on a container platform.
func issue(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	setenv(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL)
}

// An answer of whoever issues credentials is not taken for one of the store's: 412
// would be an object that is there, 404 one that is not.
func TestS3NoCredentials(t *testing.T) {
	for _, status := range []int{404, 412, 403, 500} {
		issue(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for _, conditional := range []bool{true, false} {
			b := bucketAt(t, func(http.ResponseWriter, *http.Request) { t.Error("a request without credentials") },
				writer.S3Options{Conditional: conditional})
			if err := b.Put(t.Context(), "a", strings.NewReader("x")); writer.KindOf(err) != writer.KindDenied {
				t.Errorf("the issuer answers %d: Put = %v (%s), want %s", status, err, writer.KindOf(err), writer.KindDenied)
			}
		}
	}
}

// Credentials that the store calls expired are renewed, although by their own date they
// are good for an hour; and not with every put that fails.
func TestS3RenewsCredentials(t *testing.T) {
	var issued atomic.Int64
	issue(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"AccessKeyId": fmt.Sprint("key-", issued.Add(1)), "SecretAccessKey": "secret",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		})
	})
	b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=key-1/") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "<Error><Code>ExpiredToken</Code></Error>")
		}
	}, writer.S3Options{Conditional: true})
	if err := b.Put(t.Context(), "a", strings.NewReader("x")); err == nil {
		t.Error("expired credentials are good for a put")
	}
	if err := b.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Errorf("the retry: %v", err)
	}

	refuse := bucketAt(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>InvalidAccessKeyId</Code></Error>")
	}, writer.S3Options{Conditional: true})
	before, start := issued.Load(), time.Now()
	for range 50 {
		_ = refuse.Put(t.Context(), "a", strings.NewReader("x"))
	}
	if n, most := issued.Load()-before, 2+int64(time.Since(start).Seconds()); n < 2 || n > most {
		t.Errorf("50 puts had credentials issued %d times, want 2 to %d", n, most)
	}
}
