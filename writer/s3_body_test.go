package writer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/writer"
)

// errUnreadable is nobody's: only whoever read the body knows where it is from.
var errUnreadable = errors.New("the pages are gone")

// unreadableBody can be read some times, and not again.
type unreadableBody struct {
	*strings.Reader
	reads  *int
	failed func()
}

func (b unreadableBody) ReadAt(p []byte, off int64) (int, error) {
	if *b.reads--; *b.reads < 0 {
		b.failed()
		return 0, errUnreadable
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
				p := writer.NewPutter(b, 1, slog.New(slog.DiscardHandler), writer.NewPutMetrics(prometheus.NewRegistry()))
				ctx, giveUp := context.WithCancel(t.Context())
				left, failures := reads, 0
				err := p.Put(ctx, "a", unreadableBody{strings.NewReader(strings.Repeat("x", size)), &left, func() {
					if failures++; failures > 1 {
						giveUp() // it is asked for again, and would be for ever
					}
				}})
				giveUp()
				if failures == 0 && err == nil {
					continue // it was read less often
				}
				if !errors.Is(err, errUnreadable) || writer.KindOf(err) != writer.KindDisk || failures != 1 {
					t.Errorf("%d bytes, checksum %s, read %d times: Put = %v (%s) after %d failures, want the body's error after one",
						size, checksum, reads, err, writer.KindOf(err), failures)
				}
			}
		}
	}
}
