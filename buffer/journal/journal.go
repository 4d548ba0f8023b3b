// Package journal is the append-only log that makes batches durable before a
// request is answered, and gives them back after a crash.
//
// A journal belongs to one incarnation: one running process, under a random id.
// Its committer appends frames, each the batches of many requests under one
// checksum, to the window that is open. When the files of a window are in the
// bucket, the window is deleted as a whole. The next process finds the windows
// that are left, reads each back frame by frame, and deletes it in its turn. It
// never appends to them.
//
// What the journal promises:
//
//   - A frame whose Append with sync returned nil survives the end of the process
//     and power loss, and is read back byte for byte, in order, once (I1).
//   - A frame whose Append did not return nil may be read back or not, but never
//     altered, and nothing that was not appended is ever read.
//   - After the first error of a write or a sync nothing more is accepted (I5).
//   - A window is deleted entirely or not at all.
//   - Damage to the medium costs the frames it hits and no others, and is reported
//     with its address. What a crash leaves behind is not damage.
//
// It assumes that a sync which returns nil has written, and that a CRC-32C tells
// damage from data. FORMAT.md draws the bytes.
package journal

import (
	"fmt"
	"time"
)

// The bounds of the format. Any header and any frame fit one segment together,
// and no reader ever allocates more than it has bytes to read.
const (
	MaxFrame   = 48 << 20 // bytes of a frame
	MaxHeader  = 16 << 20 // bytes of a segment's header: all schemas of a window
	MaxSegment = 64 << 20 // bytes of a segment
)

// WindowID identifies a window for ever.
type WindowID struct {
	Incarnation Incarnation
	Window      uint64
}

func (id WindowID) String() string { return fmt.Sprintf("%s-%08d", id.Incarnation, id.Window) }

func (id WindowID) before() WindowID { return WindowID{id.Incarnation, id.Window - 1} }
func (id WindowID) after() WindowID  { return WindowID{id.Incarnation, id.Window + 1} }

// Table is a table whose batches a window may hold.
type Table struct {
	Name     string
	Document []byte // its schema
}

// Header describes a window. It stands at the start of every segment, so that
// each can be read by itself, by any later binary (I3).
type Header struct {
	Incarnation Incarnation
	Window      uint64    // greater than that of the window before
	Opened      time.Time // UTC, microseconds
	FileRows    uint64    // rows at which a file is cut
	Tables      []Table   // every table whose batches may follow
}

// ID is the window's identity.
func (h *Header) ID() WindowID { return WindowID{h.Incarnation, h.Window} }

// Batch is the events of one request that share table, tenant and hour.
type Batch struct {
	Table  int // index into Header.Tables
	Tenant string
	Hour   int64 // hours since the epoch, UTC
	Rows   int
	Bytes  []byte // the batch's byte form, which the journal does not look into
}

// Frame is one group commit.
type Frame struct {
	Sequence uint64
	Batches  []Batch
}

// Medium is where a journal is kept: a directory ([Disk]), or a bucket's prefix.
// The frames are the same bytes in both.
//
// Append is called by one goroutine at a time; all other methods may be called
// concurrently with it and with one another.
type Medium interface {
	// Append adds a frame, made by [AppendFrame] with seq, to the window h
	// describes. With sync, nil MUST mean that the frame, and all frames before
	// it, survive power loss. Sequences are consecutive over all windows. A
	// header with a new, greater, Window ends the window before: frames can't
	// join that any more. Nothing is written for a window before its first frame.
	//
	// It returns where the frame begins.
	//
	// Any error is final: the frame's fate is unknown, and every later Append
	// returns ErrFailed.
	Append(h *Header, seq uint64, frame []byte, sync bool) (Place, error)

	// Windows lists the windows that earlier incarnations have left and that
	// were neither deleted nor quarantined since, oldest (Header.Opened) first.
	Windows() ([]WindowID, error)

	// Open reads a window back: one of an earlier incarnation, or an own one
	// that has ended, of which it gives exactly the frames whose Append returned
	// nil. What it reads is durable (I3). It returns ErrCorrupt if the window
	// holds frames but no header to read them by, ErrVersion if a newer binary
	// has written it, and fs.ErrNotExist if there is no such window.
	Open(id WindowID) (Reader, error)

	// Pick returns a reader of single places of an own window, which may be open
	// still. It returns fs.ErrNotExist if there is no such window.
	Pick(id WindowID) (Picker, error)

	// Delete removes a window that has ended, durably and as a whole: after a
	// crash it is either all there or gone. Deleting a window that is gone is
	// no error.
	Delete(id WindowID) error

	// Quarantine puts a damaged window's segments aside, for people to look at.
	// It is never listed again.
	Quarantine(id WindowID) error

	// Keep puts them aside durably, too, and leaves the window listed: from then on
	// not even Delete loses what was damaged.
	Keep(id WindowID) error

	// Usage is the number of bytes of all windows.
	Usage() int64

	// Free is the number of bytes that may be added, which leaves a reserve.
	Free() (int64, error)

	// Close ends the journal, which can't be used any more. Windows stay.
	Close() error
}

// Reader reads a window's frames in order. It serves one goroutine.
type Reader interface {
	// Header is the window's header.
	Header() *Header

	// Next returns the next frame, io.EOF after the last. Its memory, but for
	// the tenants' names, is valid until the next call of Next.
	Next() (Frame, error)

	// Damage is the corruption met so far, none of which is ever returned as a
	// frame. It is complete once Next has returned io.EOF.
	Damage() []Damage

	// Torn is the tail that a crash has left behind the last frame, if any, once
	// Next has returned io.EOF. Nothing of it was ever acknowledged.
	Torn() (Torn, bool)

	// Close releases the reader.
	Close() error
}

// Picker reads what was appended, place by place, as it is on the medium: whether it
// is what was appended is for the caller to check. It serves one goroutine.
type Picker interface {
	// ReadAt fills p from a place on. An error means that p is not filled; it is
	// fs.ErrNotExist once the window is deleted.
	ReadAt(p []byte, at Place) error

	// Close releases the picker.
	Close() error
}

// Place is a position within a window.
type Place struct {
	Segment uint64 // the sequence of its first frame
	Offset  int64  // within it
}

// Damage is a place where a window's segments are not what was written.
type Damage struct {
	File   string `json:"file"`   // the segment
	Offset int64  `json:"offset"` // of the first wrong byte, within the file
	Bytes  int64  `json:"bytes"`  // to the next right one; 0 where something is missing
	Frames uint64 `json:"frames"` // lost; 0 if only unused bytes are wrong
	Reason string `json:"reason"`
	// Unread says that the bytes could not be read, and not that they are wrong: a
	// later reading may find more.
	Unread bool `json:"unread,omitempty"`
}

func (d Damage) String() string {
	return fmt.Sprintf("%s at %d, %d bytes, %d frames lost: %s", d.File, d.Offset, d.Bytes, d.Frames, d.Reason)
}

// Torn is the unfinished end of a window.
type Torn struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

func (t Torn) String() string { return fmt.Sprintf("%s at %d, %d bytes", t.File, t.Offset, t.Bytes) }
