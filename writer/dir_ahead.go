package writer

// This file has the disk begin with an object of a directory while it is copied.

import "io"

// dirPortion is enough for a disk to write at full speed, and for small files none.
const dirPortion = 4 << 20

// ahead returns what writes to f.
func (b *dirBucket) ahead(f File) io.Writer {
	if disk, ok := f.(writeBacker); ok {
		return &aheadWriter{file: f, disk: disk, portion: b.portion}
	}
	return f
}

// aheadWriter has the disk write what it has while the rest is copied: of a large file
// the sync waits for the last bytes alone.
type aheadWriter struct {
	file             File
	disk             writeBacker
	portion, pending int
}

func (w *aheadWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if w.pending += n; err == nil && w.pending >= w.portion {
		w.pending = 0
		err = w.disk.WriteBack()
	}
	return n, err
}
