// Content codings: which are taken, and the decompressors behind them.

package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// coding is a body's Content-Encoding.
type coding uint8

const (
	identity coding = iota
	gzipCoding
	zstdCoding
)

// acceptEncoding is what a 415 names.
const acceptEncoding = "gzip, zstd"

// maxZstdWindow is the window that RFC 9659 lets a zstd Content-Encoding have,
// and so the memory of a decompressor.
const maxZstdWindow = 8 << 20

// contentCoding reads Content-Encoding. Codings on top of one another are
// refused: nobody needs them, and each layer multiplies a bomb.
func contentCoding(h http.Header) (coding, error) {
	found := identity
	for _, field := range h["Content-Encoding"] {
		for name := range strings.SplitSeq(field, ",") {
			c := identity
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "", "identity":
				continue
			case "gzip", "x-gzip":
				c = gzipCoding
			case "zstd":
				c = zstdCoding
			}
			if c == identity || found != identity {
				return identity, &codingError{value: strings.Join(h["Content-Encoding"], ", ")}
			}
			found = c
		}
	}
	return found, nil
}

// inflater decompresses one body at a time.
type inflater struct {
	coding coding
	src    bytes.Reader
	gzip   *gzip.Reader  // made when first needed
	zstd   *zstd.Decoder // made when first needed
}

// inflaters are the decompressors: as many as there are processors, since they
// never wait for anything but a processor. That bounds their memory, which can
// be a window of 8 MiB each.
type inflaters chan *inflater

func newInflaters() inflaters {
	n := runtime.GOMAXPROCS(0)
	p := make(inflaters, n)
	for range n {
		p <- &inflater{}
	}
	return p
}

// get waits for a free one.
func (p inflaters) get(ctx context.Context) (*inflater, error) {
	select {
	case f := <-p:
		return f, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a decompressor: %w", ctx.Err())
	}
}

func (p inflaters) put(f *inflater) {
	f.src.Reset(nil)
	p <- f
}

// open starts the decompression of body. The reader's errors, but for io.EOF, are
// *corruptError.
func (f *inflater) open(c coding, body []byte) (io.Reader, error) {
	f.coding = c
	f.src.Reset(body)
	if err := f.reset(); err != nil {
		return nil, &corruptError{c, err}
	}
	return f, nil
}

func (f *inflater) reset() (err error) {
	switch f.coding {
	case gzipCoding:
		if f.gzip == nil {
			f.gzip = new(gzip.Reader)
		}
		err = f.gzip.Reset(&f.src)
	case zstdCoding:
		if f.zstd == nil {
			// One block at a time and in this goroutine.
			f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
				zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		}
		if err == nil {
			err = f.zstd.Reset(&f.src)
		}
	}
	return err
}

func (f *inflater) Read(p []byte) (n int, err error) {
	if f.coding == gzipCoding {
		n, err = f.gzip.Read(p)
	} else {
		n, err = f.zstd.Read(p)
	}
	if err != nil && err != io.EOF {
		err = &corruptError{f.coding, err}
	}
	return n, err
}

func (c coding) String() string {
	return [...]string{"identity", "gzip", "zstd"}[c]
}
