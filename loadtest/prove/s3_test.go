package prove

import (
	"encoding/xml"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// store serves a folder as a bucket of S3, two objects a page.
type store struct {
	t   *testing.T
	dir string
}

type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listed
}

type listed struct {
	Key          string
	Size         int64
	LastModified string
}

const pageSize = 2

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
		http.Error(w, "unsigned", http.StatusForbidden)
		return
	}
	if key, ok := strings.CutPrefix(r.URL.Path, "/bucket/"); ok && key != "" {
		text, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(key)))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`<Error><Code>NoSuchKey</Code></Error>`))
			return
		}
		_, _ = w.Write(text)
		return
	}
	objects, err := directory(s.dir).List(r.Context())
	if err != nil {
		s.t.Error(err)
	}
	page, prefix, after := listing{}, r.FormValue("prefix"), r.FormValue("continuation-token")
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	for _, o := range objects {
		if !strings.HasPrefix(o.Key, prefix) || o.Key <= after {
			continue
		}
		if len(page.Contents) == pageSize {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[pageSize-1].Key
			break
		}
		page.Contents = append(page.Contents, listed{o.Key, o.Size, o.Modified.UTC().Format(time.RFC3339)})
	}
	if err := xml.NewEncoder(w).Encode(page); err != nil {
		s.t.Error(err)
	}
}

// A bucket in S3 is read as a folder is: every page of its list, below its prefix.
func TestVerifyS3(t *testing.T) {
	w := newWorld(t)
	root := w.dir
	w.dir = filepath.Join(root, "some", "prefix")
	w.write(t)
	if err := os.WriteFile(filepath.Join(root, "else.parquet"), []byte("not below the prefix"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, ".parquay"), []byte("what a gateway has tried the bucket with"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&store{t, root})
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("TMPDIR", t.TempDir())
	b, err := OpenBucket(t.Context(), "s3://bucket/some/prefix/", S3Options{Endpoint: server.URL, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Verify(t.Context(), Options{Plan: w.plan, Fates: w.fates, Bucket: b, Begin: time.Now().Add(-time.Minute)})
	if err != nil || !p.OK() || p.Objects <= pageSize {
		t.Errorf("%v\n%s", err, p)
	}
	if _, err := b.Open(t.Context(), "events/none.parquet"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an object that is gone: %v", err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}

func TestOpenBucketRefuses(t *testing.T) {
	for _, url := range []string{"ftp://a", "s3:///prefix", "s3:"} {
		if b, err := OpenBucket(t.Context(), url, S3Options{}); err == nil {
			t.Errorf("%q is %v", url, b)
		}
	}
}
