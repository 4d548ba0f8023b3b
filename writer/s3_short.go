package writer

// This file puts small objects with the SDK's signature and without its client:
// thousands of tenants have thousands of them, and to make one request and to understand
// its answer takes the client longer than it takes to sign and to send it.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// shortBody is the size up to which a body goes the short way. The kernel takes so much
// at once, so there would be no progress for a [pulse] to see.
const shortBody = 128 << 10

// shortWay is the way of small objects.
type shortWay struct {
	transport http.RoundTripper // nil if there is no short way
	route     atomic.Pointer[route]
	sign      *v4.Signer
	ahead     atomic.Int64 // nanoseconds by which the store's clock is, where that matters
}

// way returns the short way of puts; nil if they are the SDK's, because it has to say
// what is wrong, or because it does more for them than is known here.
func (b *s3Bucket) way(ctx context.Context) *route {
	r := b.short.route.Load()
	if r == nil && b.short.transport != nil {
		if r = b.survey(ctx); r != nil {
			b.short.route.Store(r)
		}
	}
	if r == nil || !r.ordinary {
		return nil
	}
	return r
}

// putShort puts an object in one request.
func (b *s3Bucket) putShort(ctx context.Context, r *route, key string, body Body, conditional bool, checksum string) error {
	name, err := b.name(key)
	if err != nil {
		return err
	}
	content, err := allOf(body)
	if err != nil {
		return err
	}
	c, err := b.signer.Retrieve(ctx)
	if err != nil {
		return err
	}
	ctx, pulse := startPulse(ctx, b.stall)
	defer pulse.stop()
	request, err := b.short.request(ctx, r, *name, content, conditional, checksum, c)
	if err != nil {
		return err
	}
	response, err := b.short.transport.RoundTrip(request)
	if err != nil {
		return pulse.explain(&url.Error{Op: "Put", URL: request.URL.String(), Err: err})
	}
	if err := readAnswer(response); err != nil {
		b.short.set(response.Header.Get("Date"))
		b.signer.refused(err)
		return pulse.explain(err)
	}
	return nil
}

// allOf returns all of a body. One in memory is not copied: it is read for as long as a
// request lasts that may outlive its put, and nobody writes to it.
func allOf(body Body) ([]byte, error) {
	if m, ok := body.(memoryContent); ok {
		return m.bytes, nil
	}
	content := make([]byte, body.Size())
	_, err := io.ReadFull(bodyReader(body), content)
	return content, err
}

// request makes the request that puts an object, and signs it.
func (s *shortWay) request(ctx context.Context, r *route, name string, body []byte, conditional bool, checksum string, c aws.Credentials) (*http.Request, error) {
	request := &http.Request{
		Method: http.MethodPut,
		URL:    &url.URL{Scheme: r.scheme, Host: r.address, Path: r.path + name, RawPath: r.escaped + httpbinding.EscapePath(name, false)},
		Host:   r.host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept-Encoding": {"identity"}, // or net/http asks for compressed answers
			"Content-Type":    {parquetType},
			"User-Agent":      r.agent,
		},
		// Of a reader of this type net/http knows that it does not wait for anything, and
		// sends it together with the header.
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	payload := unsignedPayload
	if !r.unsigned {
		sum := sha256.Sum256(body)
		payload = hex.EncodeToString(sum[:])
	}
	request.Header[payloadHeader] = []string{payload}
	if conditional {
		request.Header["If-None-Match"] = []string{"*"}
	}
	if h, field := newSum(checksum); h != nil {
		h.Write(body)
		request.Header[field] = []string{encodeSum(h)}
	}
	at := time.Now().Add(time.Duration(s.ahead.Load()))
	if err := s.sign.SignHTTP(ctx, c, request, payload, signingService, r.region, at); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return request.WithContext(ctx), nil
}

// newSigner makes signatures as S3 wants them, whose paths are escaped once.
func newSigner() *v4.Signer {
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}

// set notes how far the store's clock is ahead, by the date of an answer that may be
// about that.
func (s *shortWay) set(date string) {
	const tolerated = 4 * time.Minute // of the 15 that S3 tolerates
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	ahead := time.Until(at)
	if ahead.Abs() < tolerated {
		ahead = 0
	}
	s.ahead.Store(int64(ahead))
}
