package journal

import "errors"

var (
	// ErrFailed is returned by Append once a write or a sync has failed. It wraps
	// the first cause.
	ErrFailed = errors.New("journal failed")
	// ErrClosed is returned by Append after Close.
	ErrClosed = errors.New("journal closed")
	// ErrEnded is returned for a frame of a window that has ended: a later one
	// has begun, or it was opened for reading, deleted or quarantined.
	ErrEnded = errors.New("window has ended")
	// ErrSequence is returned for a frame that does not follow the last one.
	ErrSequence = errors.New("frame out of sequence")
	// ErrTooLarge is returned for a frame or a header over its maximum.
	ErrTooLarge = errors.New("too large for the journal")
	// ErrLocked is returned by OpenDisk when another process uses the directory.
	ErrLocked = errors.New("journal is in use by another process")
	// ErrCorrupt is returned for a window or a segment that can't be read at all,
	// and for a frame that AppendFrame has not made.
	ErrCorrupt = errors.New("corrupt journal")
	// ErrVersion is returned for a segment of a format that this binary does not
	// know. It is not damage: the binary that wrote it can read it.
	ErrVersion = errors.New("unknown journal version")
)
