// Pieces: batches that wait to be encoded, in memory or only in the journal.

package buffer

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"parquay/buffer/journal"
	"parquay/schema"
)

// piece is a batch of a partition. When memory is short, the batch is let go: the
// journal has its bytes, and they are read from there when their row group is
// encoded. So a window is as large as its interval, whatever the memory, and its
// files are too: were it ended instead, thousands of tenants would get thousands of
// small files each time.
type piece struct {
	batch *schema.Batch // nil once it is let go
	place journal.Place // of its bytes

	// Of a batch that was let go.
	rows  int32
	bytes uint32
	check uint32 // CRC-32C of the bytes
}

// placeBytes is what a piece costs whose batch was let go: itself, and as much
// again for the slice that has grown to hold it. partBytes is what their partition
// costs: its struct, its slot among its tenant's, its frames.
const (
	placeBytes = 80
	partBytes  = 240
)

// placesOf is what n pieces of a partition cost whose batches were let go.
func placesOf(n int) int64 {
	if n == 0 {
		return 0
	}
	return partBytes + int64(n)*placeBytes
}

// loadShare is the part of the memory that batches may take, beside it, that are
// read back to be encoded. No row group has more, but one of a single larger batch.
const loadShare = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// letGo lets the batches of a partition go that are in memory still.
func (t *tenant) letGo(p *partition) {
	kept := placesOf(len(p.pieces)) - placesOf(p.shed)
	freed := -kept
	for i := range p.pieces[p.shed:] {
		e := &p.pieces[p.shed+i]
		freed += cost(e.batch)
		e.rows, e.bytes = int32(e.batch.Rows), uint32(len(e.batch.Bytes))
		e.check = crc32.Checksum(e.batch.Bytes, castagnoli)
		e.batch.Free()
		e.batch = nil
	}
	t.b.metrics.Shed.Add(float64(len(p.pieces) - p.shed))
	p.shed = len(p.pieces)
	p.held -= freed
	p.key.window.held.Add(-freed)
	p.key.window.shed.Add(kept)
	t.b.budget.give(freed)
	t.give(freed)
}

// encode gives the batches of the row group to the file, those that were let go
// too. What these take is counted, and bounded by itself: an encoder that waited for
// memory which only encoders free would wait for ever.
func (j *groupJob) encode(ctx context.Context) error {
	b, size := j.file.tenant.b, int64(0)
	for _, p := range j.pieces[:j.shed] {
		size += int64(p.bytes)
	}
	if size > 0 {
		share := min(size, b.cfg.Memory/loadShare)
		if err := b.loading.Acquire(ctx, share); err != nil {
			return err
		}
		defer b.loading.Release(share)
		b.budget.used.Add(size)
		defer b.budget.give(size)
	}
	batches, err := j.load(make([]byte, size))
	if err != nil {
		return err
	}
	err = j.file.Append(ctx, batches)
	for _, p := range j.pieces[j.shed:] {
		p.batch.Free() // not after a panic: who knows what refers to them
	}
	return err
}

// load returns the batches of all pieces. Those that were let go are read into buf.
func (j *groupJob) load(buf []byte) (batches []*schema.Batch, err error) {
	if j.shed > 0 {
		picker, err := j.file.tenant.b.cfg.Medium.Pick(j.file.window.id)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, picker.Close()) }()
		for _, p := range j.pieces[:j.shed] {
			bytes := buf[:p.bytes:p.bytes]
			if err := picker.ReadAt(bytes, p.place); err != nil {
				return nil, err
			}
			if crc32.Checksum(bytes, castagnoli) != p.check {
				return nil, fmt.Errorf("the journal has other bytes than were written at %+v", p.place)
			}
			buf = buf[p.bytes:]
			batches = append(batches, &schema.Batch{
				Table: j.table, Tenant: j.file.id.Tenant, Hour: j.file.id.Hour, Rows: int(p.rows), Bytes: bytes,
			})
		}
	}
	for _, p := range j.pieces[j.shed:] {
		batches = append(batches, p.batch)
	}
	return batches, nil
}
