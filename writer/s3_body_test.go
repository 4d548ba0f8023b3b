package writer_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"parquay/writer"
)

// unreadableBody can be read some times, and not again.
type unreadableBody struct {
	*strings.Reader
	reads *int
}

func (b unreadableBody) ReadAt(p []byte, off int64) (int, error) {
	if *b.reads--; *b.reads < 0 {
		return 0, &fs.PathError{Op: "read", Path: "spool", Err: syscall.EIO}
	}
	return b.Reader.ReadAt(p, off)
}

// That what is to be put can't be read is told, wherever in the request it shows, and a
// Putter does not ask for it again: whoever has the rows makes another body.
func TestS3UnreadableBody(t *testing.T) {
	setenv(t)
	for _, size := range bothWays {
		for _, checksum := range []string{"crc32", "none"} {
			for reads := range 3 * (1 + size>>16) { // the sum, the signature's, the request's
				b := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
					if n, _ := io.Copy(io.Discard, r.Body); n == int64(size) {
						w.Header().Set("ETag", "whole")
					}
				}, writer.S3Options{Conditional: true, Checksum: checksum})
				left := reads
				err := b.Put(t.Context(), "a", unreadableBody{strings.NewReader(strings.Repeat("x", size)), &left})
				if left >= 0 && err == nil {
					continue // it was read less often
				}
				if !errors.Is(err, syscall.EIO) || writer.KindOf(err) != writer.KindDisk {
					t.Errorf("%d bytes, checksum %s, read %d times: Put = %v (%s), want the disk's error", size, checksum, reads, err, writer.KindOf(err))
				}
			}
		}
	}
}
