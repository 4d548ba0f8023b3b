package writer_test

import (
	"bytes"
	"io"
	"path"
	"strings"
	"testing"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
	"parquay/writer/buckettest"
	"parquay/writer/s3test"
)

func TestFake(t *testing.T) {
	buckettest.Test(t, func(t *testing.T) writer.Bucket {
		fake := buckettest.NewFake(t, nil)
		fake.Same = func(string, []byte, []byte) error { return nil } // the suite breaks I3 on purpose
		return fake
	})
}

func TestDir(t *testing.T) {
	buckettest.Test(t, func(t *testing.T) writer.Bucket {
		return open(t, "file://"+t.TempDir(), writer.S3Options{})
	})
}

func TestS3(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	options := writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true}
	buckettest.Test(t, func(t *testing.T) writer.Bucket {
		// A prefix each: the store is one, the buckets are not.
		return open(t, gateway.URL(path.Join("a=b", t.Name())), options)
	})
}

func open(t *testing.T, url string, options writer.S3Options) writer.Bucket {
	t.Helper()
	b, err := writer.OpenBucket(t.Context(), url, vfs.OS{}, options)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != url {
		t.Errorf("String() = %q, want %q", b.String(), url)
	}
	return b
}

func TestOpenBucketRefuses(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for url, want := range map[string]string{
		"/just/a/path":              "scheme",
		"gs://bucket":               "scheme",
		"s3://":                     "no bucket",
		"s3:///prefix":              "no bucket",
		"s3://bucket/a/../b":        "prefix",
		"s3://bucket/a//b":          "prefix",
		"s3://key:secret@bucket/a":  "only a scheme",
		"s3://bucket/a?region=west": "only a scheme",
		"file://relative/path":      "absolute",
		"file:relative":             "absolute",
		"%":                         "parse",
	} {
		_, err := writer.OpenBucket(t.Context(), url, vfs.OS{}, writer.S3Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenBucket(%q) = %v, want an error about %q", url, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("OpenBucket(%q) shows a credential: %v", url, err)
		}
	}
	if _, err := writer.OpenBucket(t.Context(), "s3://bucket", vfs.OS{}, writer.S3Options{Checksum: "md5"}); err == nil {
		t.Error("checksum md5 is accepted")
	}
}

// Buckets of two prefixes don't see each other's objects, even where one prefix
// begins with the other.
func TestPrefixIsolation(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	for _, base := range []string{gateway.URL("p"), "file://" + t.TempDir()} {
		options := writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true}
		outer, inner, sibling := open(t, base, options), open(t, base+"/in", options), open(t, base+"/inn", options)
		if err := inner.Put(t.Context(), "a", strings.NewReader("1")); err != nil {
			t.Fatal(err)
		}
		for o, err := range sibling.List(t.Context(), "") {
			if err == nil { // a directory that does not exist is an error
				t.Errorf("%s lists %s of %s", sibling, o.Key, inner)
			}
		}
		r, err := outer.Get(t.Context(), "in/a")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, []byte("1")) {
			t.Errorf("%s has %q, %v below in/", outer, got, err)
		}
	}
}
