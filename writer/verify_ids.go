package writer

// This file finds the ids that occur twice among more than fit in memory: it
// sorts their hashes, in memory as far as they fit, then on disk.

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
)

const (
	// maxBuffered is how many records are sorted in memory: 24 MiB of them.
	maxBuffered = 1 << 20
	recordBytes = 24
	// runBuffer is what merging holds of each sorted run on disk.
	runBuffer = 64 << 10
)

// idRecord is one row's id. Two ids with the same 128 bits are taken for one: among
// 10^12 rows that is wrong with a probability of 10^-15.
type idRecord struct {
	high, low uint64
	file, row uint32
}

func (r idRecord) same(o idRecord) bool { return r.high == o.high && r.low == o.low }

func compareRecords(a, b idRecord) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low), cmp.Compare(a.file, b.file), cmp.Compare(a.row, b.row))
}

// idSet gathers the ids of one table's tenant. Adding is safe for concurrent use.
type idSet struct {
	seeds [2]maphash.Seed
	keys  []string // of the files, by their number
	limit int      // of records in memory

	mu     sync.Mutex
	buffer []idRecord
	runs   []int64  // where each sorted run ends in disk
	disk   *os.File // nil as long as the buffer is enough
	err    error
}

func newIDSet() *idSet {
	return &idSet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, limit: maxBuffered}
}

// file gives a file its number. It is called by one goroutine.
func (s *idSet) file(key string) uint32 {
	s.keys = append(s.keys, key)
	return uint32(len(s.keys) - 1)
}

// record makes the record of an id.
func (s *idSet) record(id []byte, file, row uint32) idRecord {
	return idRecord{maphash.Bytes(s.seeds[0], id), maphash.Bytes(s.seeds[1], id), file, row}
}

// add takes the records of some rows.
func (s *idSet) add(records []idRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer = append(s.buffer, records...)
	if len(s.buffer) < s.limit {
		return nil
	}
	return s.spillLocked()
}

// spillLocked moves the buffer to disk as a sorted run.
func (s *idSet) spillLocked() (err error) {
	if s.disk == nil {
		if s.disk, err = os.CreateTemp("", "parquay-verify-*"); err != nil {
			return fmt.Errorf("sort ids on disk: %w", err)
		}
	}
	slices.SortFunc(s.buffer, compareRecords)
	w := bufio.NewWriterSize(s.disk, runBuffer)
	for _, r := range s.buffer {
		b := w.AvailableBuffer()
		b = binary.LittleEndian.AppendUint64(b, r.high)
		b = binary.LittleEndian.AppendUint64(b, r.low)
		b = binary.LittleEndian.AppendUint32(b, r.file)
		b = binary.LittleEndian.AppendUint32(b, r.row)
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("sort ids on disk: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sort ids on disk: %w", err)
	}
	end := int64(0)
	if n := len(s.runs); n > 0 {
		end = s.runs[n-1]
	}
	s.runs = append(s.runs, end+int64(len(s.buffer))*recordBytes)
	s.buffer = s.buffer[:0]
	return nil
}

// duplicates yields every record whose id an earlier one has, and the first such.
// All records are in; failed tells whether it saw all of them.
func (s *idSet) duplicates() iter.Seq2[idRecord, idRecord] {
	return func(yield func(first, again idRecord) bool) {
		var first idRecord
		begun := false
		for r, err := range s.sorted() {
			switch {
			case err != nil:
				s.err = err
				return
			case !begun || !first.same(r):
				first, begun = r, true
			case !yield(first, r):
				return
			}
		}
	}
}

// failed returns the error that ended duplicates early.
func (s *idSet) failed() error { return s.err }

// sorted yields all records in order: it merges the runs with the buffer.
func (s *idSet) sorted() iter.Seq2[idRecord, error] {
	return func(yield func(idRecord, error) bool) {
		slices.SortFunc(s.buffer, compareRecords)
		merge := runHeap{&sortedRun{buffer: s.buffer}}
		from := int64(0)
		for _, to := range s.runs {
			merge = append(merge, &sortedRun{disk: bufio.NewReaderSize(io.NewSectionReader(s.disk, from, to-from), runBuffer)})
			from = to
		}
		merge = slices.DeleteFunc(merge, func(r *sortedRun) bool { return !r.next() && r.err == nil })
		heap.Init(&merge)
		for len(merge) > 0 {
			r := merge[0]
			if r.err != nil {
				yield(idRecord{}, r.err)
				return
			}
			if !yield(r.head, nil) {
				return
			}
			if r.next() || r.err != nil {
				heap.Fix(&merge, 0)
			} else {
				heap.Pop(&merge)
			}
		}
	}
}

// close removes what is on disk.
func (s *idSet) close() error {
	if s.disk == nil {
		return nil
	}
	return errors.Join(s.disk.Close(), os.Remove(s.disk.Name()))
}

// sortedRun is a sorted sequence of records, in memory or on disk.
type sortedRun struct {
	head   idRecord
	err    error
	buffer []idRecord
	disk   *bufio.Reader
}

// next moves to the next record; false means that there is none, or an error.
func (r *sortedRun) next() bool {
	if r.disk == nil {
		if len(r.buffer) == 0 {
			return false
		}
		r.head, r.buffer = r.buffer[0], r.buffer[1:]
		return true
	}
	var b [recordBytes]byte
	if _, err := io.ReadFull(r.disk, b[:]); err != nil {
		if err != io.EOF {
			r.err = fmt.Errorf("read sorted ids: %w", err)
		}
		return false
	}
	r.head = idRecord{
		high: binary.LittleEndian.Uint64(b[0:]), low: binary.LittleEndian.Uint64(b[8:]),
		file: binary.LittleEndian.Uint32(b[16:]), row: binary.LittleEndian.Uint32(b[20:]),
	}
	return true
}

// runHeap is a heap of runs by their heads; a failed one comes first.
type runHeap []*sortedRun

func (r runHeap) Len() int      { return len(r) }
func (r runHeap) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r runHeap) Less(i, j int) bool {
	return r[i].err != nil || r[j].err == nil && compareRecords(r[i].head, r[j].head) < 0
}
func (r *runHeap) Push(x any) { *r = append(*r, x.(*sortedRun)) }
func (r *runHeap) Pop() any {
	last := len(*r) - 1
	x := (*r)[last]
	*r = (*r)[:last]
	return x
}
