package writer

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

// The store signs what it receives and compares: for every name, body and credentials that
// is the same, and the name arrives as it was.
func TestS3Signature(t *testing.T) {
	way := &shortWay{sign: newSigner()}
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
		c := aws.Credentials{AccessKeyID: text("id", "id", "other/id"), SessionToken: text("token", "", "a/token==")}
		c.SecretAccessKey = "the secret of " + c.AccessKeyID // the signer keeps keys by their ids
		r := &route{
			scheme: "https", address: "host:9000", host: text("host", "host:9000", "bucket.host"),
			path: "/bu cket/", escaped: "/bu%20cket/", region: text("region", "r-1", "r-2"),
			unsigned: rapid.Bool().Draw(t, "unsigned"), agent: []string{"agent"},
		}
		name := rapid.StringN(1, 40, 200).Draw(t, "name")
		body := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "body")
		way.ahead.Store(int64(time.Duration(rapid.IntRange(-3, 3).Draw(t, "days")) * 24 * time.Hour))
		sent, err := way.request(t.Context(), r, name, body, rapid.Bool().Draw(t, "conditional"), text("sum", "crc32", "crc32c", "none"), c)
		if err != nil {
			t.Fatal(err)
		}
		if sent.URL.EscapedPath() != sent.URL.RawPath {
			t.Fatalf("%q would be sent as %q", sent.URL.RawPath, sent.URL.EscapedPath())
		}
		line, err := url.ParseRequestURI(sent.URL.RequestURI()) // as a server reads it
		if err != nil || line.Path != r.path+name {
			t.Fatalf("%q arrives as %v, %v", r.path+name, line, err)
		}
		got := sent.Header.Clone()
		got.Del("Authorization")
		received := &http.Request{Method: sent.Method, Host: sent.Host, URL: line, Header: got, ContentLength: int64(len(body))}
		at, err := time.Parse("20060102T150405Z", got.Get(dateHeader))
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(at) - time.Duration(way.ahead.Load()); d.Abs() > time.Minute {
			t.Errorf("signed %v off the store's clock", d)
		}
		err = v4.NewSigner().SignHTTP(t.Context(), c, received, got.Get(payloadHeader), "s3", r.region, at,
			func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sent.Header.Get("Authorization"), received.Header.Get("Authorization"); got != want {
			t.Errorf("signed\n%s\nand the store signs\n%s", got, want)
		}
	})
}
