package writer

// This file opens what tests of buckets need to reach.

import (
	"context"
	"net/http"
	"time"
)

// NewDir is the bucket in a directory.
func NewDir(fsys FS, root string) Bucket { return newDir(fsys, root) }

// SetPortion changes how much of a file a bucket in a directory writes before it tells
// the disk to begin.
func SetPortion(b Bucket, bytes int) { b.(*dirBucket).portion = bytes }

// SetStall changes after how long an S3 bucket gives up on a silent peer.
func SetStall(b Bucket, d time.Duration) { b.(*s3Bucket).stall = d }

// SetInsist changes after how long an S3 bucket doubts a store's word that an object is there.
func SetInsist(b Bucket, d time.Duration) { b.(*s3Bucket).insistAfter = d }

// Doubts counts the keys about which an S3 bucket doubts a store's word.
func Doubts(b Bucket) int { return len(b.(*s3Bucket).doubts.mu.since) }

// PutBySDK puts an object as large ones are.
func PutBySDK(ctx context.Context, b Bucket, key string, body Body) error {
	s := b.(*s3Bucket)
	_, err := s.putLong(ctx, key, body, s.conditional, s.checksum)
	return err
}

// Ordinary returns the region that a put of a key is signed for, if others may be made as
// it is.
func Ordinary(put *http.Request, key string) string {
	if r := readRoute(put, key); r.ordinary {
		return r.region
	}
	return ""
}
