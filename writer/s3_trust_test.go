package writer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parquay/writer"
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
