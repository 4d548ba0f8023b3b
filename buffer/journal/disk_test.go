package journal_test

import (
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
)

// smallSegments makes windows of a few frames span several segments.
var smallSegments = journal.Options{SegmentBytes: 2000}

// storage is a directory of a file system, for one process after another.
func storage(fsys vfs.FS, dir string, options journal.Options) mediumtest.Storage {
	return func(inc journal.Incarnation) (journal.Medium, error) {
		return journal.OpenDisk(fsys, dir, inc, options)
	}
}

func TestDiskConformance(t *testing.T) {
	for _, test := range []struct {
		name    string
		options journal.Options
	}{{"defaults", journal.Options{}}, {"small segments", smallSegments}} {
		t.Run("os/"+test.name, func(t *testing.T) {
			mediumtest.Run(t, func(t *testing.T) mediumtest.Storage {
				return storage(vfs.OS{}, t.TempDir()+"/a/journal", test.options)
			})
		})
		t.Run("crashfs/"+test.name, func(t *testing.T) {
			mediumtest.Run(t, func(*testing.T) mediumtest.Storage {
				return storage(crashfs.New(1), "a/journal", test.options)
			})
		})
	}
}
