package writer

// This file is the bucket in S3, or in a store that speaks its protocol.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// S3Options says how to speak to a store. Region and credentials come from the
// standard AWS chain: environment, shared files, web identity, instance role.
type S3Options struct {
	// Endpoint is the URL of a compatible store; empty means AWS's own.
	Endpoint string
	// PathStyle puts the bucket into the URL's path instead of the host name.
	PathStyle bool
	// Checksum is what the store is asked to verify an object's bytes with:
	// crc32 (also when empty), crc32c, or none for a store that knows neither.
	Checksum string
	// Conditional creates objects with If-None-Match, so that no object that can be
	// seen is ever replaced. Without it, for a store that does not know the header,
	// the object is looked for first, and two Puts of one key at once may both store
	// theirs: the same rows by I3.
	Conditional bool
}

const (
	parquetType = "application/vnd.apache.parquet"

	// stallAfter is how long a request may go on without a byte moving. Together
	// with the body's known length it bounds an attempt at any bandwidth, which no
	// fixed limit does: one that suits a fast link never lets a slow one finish.
	stallAfter = 30 * time.Second

	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	// Connections that a store closed meanwhile cost a failed attempt each, so
	// idle ones are closed before stores usually do.
	idleTimeout = 15 * time.Second
	// idleConns keeps a connection for each of the puts that are in flight at once
	// between two windows.
	idleConns = 64
	// writeBuffer has most small objects sent at once.
	writeBuffer = 64 << 10
)

// s3Bucket is a bucket, or the part of one below a prefix. All fields but the last two
// are fixed when it is opened.
type s3Bucket struct {
	client      *s3.Client
	short       shortWay
	signer      *signer
	bucket      string
	prefix      string // empty, or ends with a slash
	checksum    string
	conditional bool
	stall       time.Duration
	insistAfter time.Duration

	doubts doubts
	sees   atomic.Bool // an object was found once: its credentials may look
}

func openS3(ctx context.Context, bucket, prefix string, options S3Options) (*s3Bucket, error) {
	if bucket == "" {
		return nil, errors.New("bucket URL names no bucket: it is written s3://bucket/prefix")
	}
	if prefix != "" {
		if err := CheckKey(prefix); err != nil {
			return nil, fmt.Errorf("bucket's prefix: %w", err)
		}
		prefix += "/"
	}
	b := &s3Bucket{
		bucket: bucket, prefix: prefix, checksum: options.Checksum, conditional: options.Conditional,
		stall: stallAfter, insistAfter: insistAfter,
	}
	switch b.checksum {
	case "":
		b.checksum = "crc32"
	case "crc32", "crc32c", "none":
	default:
		return nil, fmt.Errorf("S3 checksum %q: it must be crc32, crc32c or none", options.Checksum)
	}

	// What the SDK would log, its errors say as well.
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(newHTTPClient()), config.WithLogger(logging.Nop{})}
	if options.Endpoint != "" {
		// Compatible stores take any region, but a signature needs one.
		load = append(load, config.WithDefaultRegion("us-east-1"))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no AWS region is configured: set AWS_REGION to the bucket's")
	}
	b.signer = &signer{chain: cfg.Credentials}
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		b.short.transport, b.short.sign = c.GetTransport(), newSigner()
	}
	b.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.Credentials = b.signer
		if options.Endpoint != "" {
			o.BaseEndpoint = aws.String(options.Endpoint)
		}
		o.UsePathStyle = options.PathStyle
		o.AppID = "parquay"
		// The Putter retries, with a limit on what is in flight that the SDK's
		// retryer does not know of.
		o.Retryer = aws.NopRetryer{}
		// Put sends the checksum as a header of its own: the SDK's way over TLS is
		// a chunked trailer, which fewer stores understand.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		if b.checksum == "none" {
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	})
	return b, nil
}

// newHTTPClient returns a client that gives up on a silent peer at every stage.
// The SDK's own client type is used because it also honours AWS_CA_BUNDLE.
func newHTTPClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout, d.Control = dialTimeout, controlDial }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = tlsTimeout
			t.ResponseHeaderTimeout = stallAfter
			t.IdleConnTimeout = idleTimeout
			t.MaxIdleConns = idleConns
			t.MaxIdleConnsPerHost = idleConns
			t.WriteBufferSize = writeBuffer
		})
}

func (b *s3Bucket) String() string {
	return strings.TrimSuffix("s3://"+b.bucket+"/"+b.prefix, "/")
}

func (b *s3Bucket) Put(ctx context.Context, key string, body Body) error {
	if err := b.put(ctx, key, body); err != nil {
		return fmt.Errorf("put %s into %s: %w", key, b, err)
	}
	b.doubts.end(key)
	return nil
}

// put returns nil when the object is there: stored now, before, or by somebody with
// the same rows (I3).
func (b *s3Bucket) put(ctx context.Context, key string, body Body) error {
	if !b.conditional {
		if _, err := b.Head(ctx, key); err == nil || !mayBeAbsent(err) {
			return err
		}
	}
	err := b.send(ctx, key, body, b.conditional, b.checksum)
	switch status, code := answer(err); {
	case status == http.StatusPreconditionFailed && b.conditional:
		return b.present(ctx, key, body)
	case b.conditional && refusesHeader(status, code):
		return fmt.Errorf("the store may not know If-None-Match; if so, set PARQUAY_S3_CONDITIONAL=false: %w", err)
	}
	return err
}

// send puts an object in one request, on the condition that there is none if so asked.
func (b *s3Bucket) send(ctx context.Context, key string, body Body, conditional bool, checksum string) error {
	if n := body.Size(); n > 0 && n <= shortBody {
		if r := b.way(ctx); r != nil {
			return b.putShort(ctx, r, key, body, conditional, checksum)
		}
	}
	_, err := b.putLong(ctx, key, body, conditional, checksum)
	return err
}

// putLong puts an object in one request of the SDK's.
func (b *s3Bucket) putLong(ctx context.Context, key string, body Body, conditional bool, checksum string) (*s3.PutObjectOutput, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, err
	}
	input := &s3.PutObjectInput{
		Bucket:        &b.bucket,
		Key:           name,
		ContentLength: aws.Int64(body.Size()),
		ContentType:   aws.String(parquetType),
	}
	if conditional {
		input.IfNoneMatch = aws.String("*")
	}
	if err := addSum(input, body, checksum); err != nil {
		return nil, err
	}
	ctx, pulse := startPulse(ctx, b.stall)
	defer pulse.stop()
	input.Body = &beatingReader{section: bodyReader(body), pulse: pulse}
	out, err := b.client.PutObject(ctx, input)
	if err == nil {
		return out, tagged(aws.ToString(out.ETag))
	}
	b.signer.refused(err)
	return out, pulse.explain(err)
}

// tagged tells an answer of a store from one of something else that answers everything
// with 200, as the port of a console does: stores give every object an ETag.
func tagged(etag string) error {
	if etag == "" {
		return errors.New("the answer has no ETag: it is not one of an S3 store (see PARQUAY_S3_ENDPOINT)")
	}
	return nil
}

func (b *s3Bucket) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", key, b, err)
	}
	ctx, pulse := startPulse(ctx, b.stall)
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: name})
	if err != nil {
		pulse.stop()
		return nil, fmt.Errorf("get %s from %s: %w", key, b, notFound(pulse.explain(err)))
	}
	pulse.timer.Stop()
	b.sees.Store(true)
	return &beatingBody{body: out.Body, pulse: pulse}, nil
}

func (b *s3Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		last := ""
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{
			Bucket: &b.bucket, Prefix: aws.String(b.prefix + prefix),
		})
		for pages.HasMorePages() {
			page, err := b.nextPage(ctx, pages)
			if err != nil {
				yield(Object{}, fmt.Errorf("list %s in %s: %w", prefix, b, err))
				return
			}
			for _, item := range page.Contents {
				key := strings.TrimPrefix(aws.ToString(item.Key), b.prefix)
				if key == "" || strings.HasSuffix(key, "/") {
					continue // a folder that some console made
				}
				if key <= last {
					yield(Object{}, fmt.Errorf("list %s in %s: %q came after %q: the store lists out of order", prefix, b, key, last))
					return
				}
				last = key
				if !yield(Object{Key: key, Size: aws.ToInt64(item.Size), Modified: aws.ToTime(item.LastModified)}, nil) {
					return
				}
			}
		}
	}
}

func (b *s3Bucket) nextPage(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, pulse := startPulse(ctx, b.stall)
	defer pulse.stop()
	page, err := pages.NextPage(ctx)
	return page, pulse.explain(err)
}

func (b *s3Bucket) Head(ctx context.Context, key string) (Object, error) {
	name, err := b.name(key)
	if err != nil {
		return Object{}, fmt.Errorf("head %s in %s: %w", key, b, err)
	}
	ctx, pulse := startPulse(ctx, b.stall)
	defer pulse.stop()
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: name})
	if err == nil {
		err = tagged(aws.ToString(out.ETag))
	}
	if err != nil {
		return Object{}, fmt.Errorf("head %s in %s: %w", key, b, notFound(pulse.explain(err)))
	}
	b.sees.Store(true)
	return Object{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}, nil
}

func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	name, err := b.name(key)
	if err != nil {
		return fmt.Errorf("delete %s from %s: %w", key, b, err)
	}
	ctx, pulse := startPulse(ctx, b.stall)
	defer pulse.stop()
	_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: name})
	if err = notFound(pulse.explain(err)); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("delete %s from %s: %w", key, b, err)
	}
	return nil
}

// name returns the whole name of a key's object.
func (b *s3Bucket) name(key string) (*string, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	name := b.prefix + key
	return &name, CheckKey(name)
}

// answer returns the HTTP status and S3 error code that the store answered; 0
// and "" if it did not.
func answer(err error) (status int, code string) {
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	return status, code
}

// notFound makes an absent object ErrNotFound; an absent bucket is another error
// wherever the store tells (an answer to HEAD has no room for it).
func notFound(err error) error {
	if status, code := answer(err); status == http.StatusNotFound && code != "NoSuchBucket" {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// mayBeAbsent says that after this answer to a HEAD the object may not be there, so that a
// put is worth while. S3 answers 403 about an absent key to those who may not list, and
// 400 or 403 to stale credentials; it has no room for the reason there, and has it in
// its answer to the put.
func mayBeAbsent(err error) bool {
	status, _ := answer(err)
	return errors.Is(err, ErrNotFound) || status == http.StatusForbidden || status == http.StatusBadRequest
}

// refusesHeader says that an answer is one that stores give to an If-None-Match, or
// to a checksum, that they don't know. They give it to other faults as well.
func refusesHeader(status int, code string) bool {
	if status == http.StatusNotImplemented {
		return true
	}
	return status == http.StatusBadRequest &&
		(code == "NotImplemented" || code == "InvalidArgument" || code == "InvalidRequest")
}
