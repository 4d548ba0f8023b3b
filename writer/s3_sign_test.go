package writer

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

// Signatures are the SDK's, for every name, body, day and credentials, though keys are
// kept from one to the next.
func TestS3Signature(t *testing.T) {
	way := &shortWay{}
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
		c := aws.Credentials{
			AccessKeyID: text("id", "id", "other/id"), SecretAccessKey: text("secret", "s1", "s2"),
			SessionToken: text("token", "", "a/token=="),
		}
		r := &route{
			scheme: "https", address: "host:9000", host: text("host", "host:9000", "bucket.host"),
			path: "/bu cket/", escaped: "/bu%20cket/", region: text("region", "r-1", "r-2"),
			unsigned: rapid.Bool().Draw(t, "unsigned"), agent: []string{"agent"},
		}
		name := rapid.StringN(1, 40, 200).Draw(t, "name")
		body := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "body")
		way.ahead.Store(int64(time.Duration(rapid.IntRange(-3, 3).Draw(t, "days")) * 24 * time.Hour))
		ours := way.request(r, name, body, rapid.Bool().Draw(t, "conditional"), text("sum", "crc32", "crc32c", "none"), c)

		at, err := time.Parse(signingTime, ours.Header.Get(dateHeader))
		if err != nil {
			t.Fatal(err)
		}
		theirs := &http.Request{
			Method: http.MethodPut, Host: r.host, Header: http.Header{}, ContentLength: int64(len(body)),
			URL: &url.URL{Scheme: r.scheme, Host: r.address, Path: r.path + name, RawPath: ours.URL.RawPath},
		}
		maps.Copy(theirs.Header, ours.Header)
		// The SDK signs whatever is there.
		for _, name := range []string{"Accept-Encoding", "Authorization"} {
			theirs.Header.Del(name)
		}
		err = v4.NewSigner().SignHTTP(t.Context(), c, theirs, ours.Header.Get(payloadHeader), signingService, r.region, at,
			func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err != nil {
			t.Fatal(err)
		}
		if got, want := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
			t.Errorf("signed\n%s\nand the SDK signs\n%s", got, want)
		}
		if got, err := url.PathUnescape(ours.URL.RawPath); err != nil || got != r.path+name {
			t.Errorf("%q is escaped as %q, %v", r.path+name, ours.URL.RawPath, err)
		}
		if ours.URL.EscapedPath() != ours.URL.RawPath {
			t.Errorf("%q would be sent as %q", ours.URL.RawPath, ours.URL.EscapedPath())
		}
	})
}
