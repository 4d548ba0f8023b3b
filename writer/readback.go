package writer

// This file reads a finished file back, before anybody relies on it (I4).

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// readback reads files back. It knows of a file what its bytes say and nothing of how
// they were made, but it reads only what tells the rows: the footer, and the pages of
// the times. To open a small file with parquet-go, which prepares to read anything of
// it, takes as long as to encode it.
type readback struct {
	zstd *zstd.Decoder

	// Scratch memory.
	footer, chunk, page []byte
	groups              []foundGroup
	times, dictionary   []int64
	indexes             []int32
}

// found is what a file has, as far as it is read.
type found struct {
	rows, low, high int64
}

func newReadback() (*readback, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return nil, fmt.Errorf("make a zstd decoder: %w", err)
	}
	return &readback{zstd: z}, nil
}

// read returns what is in a file of that layout, whose footer has exactly that
// metadata. The times are counted out of the pages, whose checksums it verifies, since
// what a footer declares is only what its writer believes.
func (r *readback) read(file io.ReaderAt, size int64, l *layout, metadata []format.KeyValue) (f found, err error) {
	defer recoverInto(&err)
	if err := r.readFooter(file, size); err != nil {
		return found{}, err
	}
	declared, err := r.parseFooter(l, metadata)
	if err != nil {
		return found{}, fmt.Errorf("footer: %w", err)
	}
	f = found{low: math.MaxInt64, high: math.MinInt64}
	end := int64(len(magic))
	for i := range r.groups {
		g := &r.groups[i]
		if end, err = r.fetch(file, l, g, end, size); err == nil {
			err = r.readTimes(g, &f)
		}
		if err != nil {
			return found{}, fmt.Errorf("row group %d: %w", i, err)
		}
	}
	if f.rows != declared {
		return found{}, fmt.Errorf("%d rows, and the footer says %d", f.rows, declared)
	}
	return f, nil
}

// fetch gets the pages of a row group's times, which are between two offsets, and
// returns where they end.
func (r *readback) fetch(file io.ReaderAt, l *layout, g *foundGroup, after, before int64) (end int64, err error) {
	from := g.data
	if g.dictionary > 0 {
		from = g.dictionary
	}
	switch {
	case string(g.path) != l.leaves[l.time].path[0], g.leaves != len(l.leaves),
		g.physical != int64(format.Int64), g.codec != int64(format.Zstd):
		return 0, fmt.Errorf("leaf %d of %d is %q, of type %d and codec %d", l.time, g.leaves, g.path, g.physical, g.codec)
	case from < after || g.size < 0 || from > before-g.size:
		return 0, fmt.Errorf("%d bytes of times at %d, not from %d to %d", g.size, from, after, before)
	}
	r.chunk = slices.Grow(r.chunk[:0], int(g.size))[:g.size]
	return from + g.size, readAt(file, r.chunk, from)
}

// readTimes adds the times of the row group whose pages were fetched.
func (r *readback) readTimes(g *foundGroup, f *found) error {
	rows := int64(0)
	r.dictionary = r.dictionary[:0]
	for rest := r.chunk; len(rest) > 0; {
		h, body, err := cutPage(rest)
		if err != nil {
			return err
		}
		rest = rest[h.length:]
		if r.page, err = r.zstd.DecodeAll(body, r.page[:0]); err != nil {
			return fmt.Errorf("decompress a page: %w", err)
		}
		if int64(len(r.page)) != h.plain {
			return fmt.Errorf("a page of %d bytes has %d", h.plain, len(r.page))
		}
		if h.kind == int64(format.DictionaryPage) {
			r.dictionary = appendInt64s(r.dictionary, r.page)
			continue
		}
		if err := r.decode(&h); err != nil {
			return fmt.Errorf("decode a page: %w", err)
		}
		for _, t := range r.times {
			f.low, f.high = min(f.low, t), max(f.high, t)
		}
		rows += h.values
	}
	if rows != g.rows || rows != g.values {
		return fmt.Errorf("%d rows, and the footer says %d with %d times", rows, g.rows, g.values)
	}
	f.rows += rows
	return nil
}
