// A bucket in S3, or in a store that speaks its protocol.

package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Bucket is the objects of a bucket below a prefix.
type s3Bucket struct {
	client         *s3.Client
	bucket, prefix string // the prefix is empty or ends with a slash
}

// openS3 takes region and credentials from the standard AWS chain.
func openS3(ctx context.Context, bucket, prefix string, o S3Options) (*s3Bucket, error) {
	if bucket == "" {
		return nil, errors.New("bucket: its URL is s3://bucket/prefix")
	}
	if prefix != "" {
		prefix += "/"
	}
	var load []func(*config.LoadOptions) error
	if o.Endpoint != "" {
		load = append(load, config.WithDefaultRegion("us-east-1")) // a signature needs one
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(options *s3.Options) {
		if o.Endpoint != "" {
			options.BaseEndpoint = aws.String(o.Endpoint)
		}
		options.UsePathStyle = o.PathStyle
		options.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &s3Bucket{client, bucket, prefix}, nil
}

func (b *s3Bucket) List(ctx context.Context) (list []Object, err error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &b.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list s3://%s/%s: %w", b.bucket, b.prefix, err)
		}
		for _, o := range page.Contents {
			key := strings.TrimPrefix(aws.ToString(o.Key), b.prefix)
			if strings.HasPrefix(key, ".") {
				continue // no file of events: what a gateway has tried the bucket with
			}
			list = append(list, Object{key, aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
		}
	}
	return list, nil
}

// Open downloads an object into a temporary file.
func (b *s3Bucket) Open(ctx context.Context, key string) (Content, error) {
	o, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + key)})
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return nil, fmt.Errorf("get %s: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	defer o.Body.Close()
	f, err := os.CreateTemp("", "parquay-loadtest-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	d := &download{f}
	if _, err := io.Copy(f, o.Body); err != nil {
		return nil, errors.Join(fmt.Errorf("get %s: %w", key, err), d.Close())
	}
	return d, nil
}

// download is an object in a temporary file, which is removed when it is closed.
type download struct{ *os.File }

func (d *download) Close() error { return errors.Join(d.File.Close(), os.Remove(d.Name())) }
