//go:build !failpoints

// The seams as they are shipped: nothing is between them. With the build tag
// failpoints, failpoint.go is.

package main

import (
	"parquay/buffer/journal/vfs"
	"parquay/server"
	"parquay/writer"
)

func failpointFS(fs vfs.FS) vfs.FS                   { return fs }
func failpointBucket(b writer.Bucket) writer.Bucket  { return b }
func failpointIntake(in server.Intake) server.Intake { return in }
