package writer

// This file opens what tests of buckets need to reach.

import "time"

// NewDir is the bucket in a directory.
func NewDir(fsys FS, root string) Bucket { return newDir(fsys, root) }

// SetStall changes after how long an S3 bucket gives up on a silent peer.
func SetStall(b Bucket, d time.Duration) { b.(*s3Bucket).stall = d }
