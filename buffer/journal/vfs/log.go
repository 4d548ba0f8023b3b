package vfs

// This file is the log file of the real file system.

// zeros is what log files are written ahead with.
var zeros [256 << 10]byte

// logFile is a file whose length changes rarely. A sync of a new length commits the
// file system's own journal, which takes several times as long as the bytes do;
// BenchmarkLog shows it. fallocate would not help: the extents it makes are marked
// as unwritten, and to unmark them is such a commit again.
type logFile struct {
	file
	ahead  int64
	offset int64 // of the next Write
	end    int64 // of the file
}

// CreateLog makes a file that is written ahead.
func (OS) CreateLog(name string, ahead int) (File, error) {
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	return &logFile{file: file{f}, ahead: int64(ahead)}, nil
}

// Write appends p, and if that makes the file longer, zeros behind it.
func (l *logFile) Write(p []byte) (int, error) {
	n, err := l.WriteAt(p, l.offset)
	l.offset += int64(n)
	if err != nil || l.offset <= l.end {
		return n, err
	}
	l.end = l.offset
	if int64(n) >= l.ahead/4 {
		return n, nil
	}
	for l.end%l.ahead != 0 {
		m, err := l.WriteAt(zeros[:min(int64(len(zeros)), l.ahead-l.end%l.ahead)], l.end)
		l.end += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
