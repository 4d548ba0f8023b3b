// Requests, as they go over the wire.

package drive

import (
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"parquay/loadtest/scenario"
)

// request is a body with its header, in memory that the next one uses again. Until it
// is taken its bytes don't change, however often they are sent.
type request struct {
	Range
	tenant  int
	invalid int // events that must be refused
	bytes   []byte
	size    int // of the body's text

	text []byte // when the body is compressed
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

// lengthDigits leaves room for the body's length, which is known when it has been
// written; a field's value may have spaces before it.
const lengthDigits = 12

// headRoom is where the beginning of a header is put, ending before it.
const headRoom = 512

// write makes the request of n events.
func (r *request) write(w *worker, n int, tenant int, now int64) error {
	r.From, r.To = r.To, r.To+int64(n)
	r.tenant, r.invalid = tenant, 0
	encoding := w.encoding(r.From)
	if r.bytes == nil {
		r.bytes = make([]byte, headRoom, 64<<10)
	}
	r.bytes = append(r.bytes[:headRoom], "Content-Type: application/x-ndjson\r\n"...)
	if w.keys != nil {
		r.bytes = append(append(append(r.bytes, "Authorization: Bearer "...), w.keys[tenant]...), "\r\n"...)
	}
	if encoding != "identity" {
		r.bytes = append(append(append(r.bytes, "Content-Encoding: "...), encoding...), "\r\n"...)
	}
	r.bytes = append(r.bytes, "Content-Length: "...)
	length := len(r.bytes)
	r.bytes = append(r.bytes, "            \r\n\r\n"...)
	body := len(r.bytes)
	if encoding == "identity" {
		r.bytes = r.events(r.bytes, w, now)
		r.size = len(r.bytes) - body
	} else {
		r.text = r.events(r.text[:0], w, now)
		r.size = len(r.text)
		if err := r.compress(encoding); err != nil {
			return fmt.Errorf("compress a body: %w", err)
		}
	}
	for n, i := len(r.bytes)-body, length+lengthDigits-1; n > 0; n, i = n/10, i-1 {
		r.bytes[i] = byte('0' + n%10)
	}
	return nil
}

// events writes the body.
func (r *request) events(to []byte, w *worker, now int64) []byte {
	valid := false
	for sequence := r.From; sequence < r.To; sequence++ {
		to, valid = w.maker.Append(to, w.id, sequence, r.tenant, now)
		to = append(to, '\n')
		if !valid {
			r.invalid++
		}
	}
	return to
}

func (r *request) compress(encoding string) (err error) {
	if encoding == "zstd" {
		if r.zstd == nil {
			if r.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
				return err
			}
		}
		r.bytes = r.zstd.EncodeAll(r.text, r.bytes)
		return nil
	}
	if r.gzip == nil {
		if r.gzip, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return err
		}
	}
	r.gzip.Reset((*appender)(&r.bytes))
	if _, err := r.gzip.Write(r.text); err != nil {
		return err
	}
	return r.gzip.Close()
}

// appender is a slice as a writer.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// encoding is that of the body which begins at this sequence number.
func (w *worker) encoding(from int64) string {
	if w.traffic.Encoding != "mixed" {
		return w.traffic.Encoding
	}
	return scenario.Encodings()[(from*7>>3)%3] // bodies of one size would otherwise all begin alike
}
