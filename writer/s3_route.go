package writer

// This file finds out where puts go and how they are signed: the SDK knows, from the
// environment, shared files, the bucket's name and the options together, and shows it
// with a request.

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What is known of a signature in the header of a request (AWS Signature Version 4).
const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingService   = "s3"
	signingEnd       = "aws4_request"

	unsignedPayload = "UNSIGNED-PAYLOAD"

	dateHeader    = "X-Amz-Date"
	payloadHeader = "X-Amz-Content-Sha256"
	tokenHeader   = "X-Amz-Security-Token"
)

// route is the way of all puts into a bucket.
type route struct {
	ordinary      bool // there is nothing about it that is not known here
	scheme        string
	address       string // of the connection
	host          string // as requests name it
	path, escaped string // before an object's name
	region        string
	unsigned      bool // the signature leaves the bytes to TLS
	agent         []string
}

// survey has the SDK make a put that is not sent. It returns nil if it makes none.
func (b *s3Bucket) survey(ctx context.Context) *route {
	const key = "object"
	var made recorder
	_, _ = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.bucket, Key: aws.String(key), Body: strings.NewReader(key),
		ContentLength: aws.Int64(int64(len(key))), ContentType: aws.String(parquetType),
	}, func(o *s3.Options) { o.HTTPClient = &made }) // it fails in any case
	if made.request == nil {
		return nil
	}
	return readRoute(made.request, key)
}

// recorder keeps the request that it is given.
type recorder struct{ request *http.Request }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	r.request = request
	return nil, errors.New("this request is only looked at")
}

// readRoute takes the put of a key apart.
func readRoute(put *http.Request, key string) *route {
	h, u := put.Header, put.URL
	path, plain := strings.CutSuffix(u.Path, key)
	escaped, alike := strings.CutSuffix(u.EscapedPath(), key)
	region, signed := readScope(h.Get("Authorization"))
	host := put.Host
	if host == "" {
		host = u.Host
	}
	return &route{
		ordinary: plain && alike && signed && onlyKnown(h) && (u.RawQuery == "" || u.RawQuery == "x-id=PutObject"),
		scheme:   u.Scheme, address: u.Host, host: host, path: path, escaped: escaped, region: region,
		unsigned: h.Get(payloadHeader) == unsignedPayload,
		agent:    h["User-Agent"],
	}
}

// readScope returns the region that a request is signed for, if it is signed in the way
// that is known here.
func readScope(authorization string) (region string, ok bool) {
	credential, ok := strings.CutPrefix(authorization, signingAlgorithm+" Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	parts := strings.Split(credential, "/")
	if !ok || len(parts) < 5 {
		return "", false
	}
	scope := parts[len(parts)-4:] // the access key is before it
	return scope[1], scope[2] == signingService && scope[3] == signingEnd
}

// onlyKnown says that a request has no header but those that are made here as well, or
// that tell the SDK's attempts apart in somebody's logs.
func onlyKnown(h http.Header) bool {
	for name := range h {
		switch name {
		case "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent",
			payloadHeader, dateHeader, tokenHeader, "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request":
		default:
			return false
		}
	}
	return true
}
