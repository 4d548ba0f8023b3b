// Everything from the journal to the bucket: what serve puts behind its listeners,
// and what recover runs without any.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer"
	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
	"parquay/writer"
)

// pipeline takes events from the journal to the bucket. Both parts have a run
// method of their own.
type pipeline struct {
	incarnation journal.Incarnation
	buffer      *buffer.Buffer
	check       *bucketCheck
}

// openPipeline opens the journal, the bucket and what is between them. The journal
// comes first, because its lock is what keeps a second process away from the spool
// and the rest.
func openPipeline(ctx context.Context, s Settings, tables []*schema.Table, fsys vfs.FS, r prometheus.Registerer, log *slog.Logger) (*pipeline, error) {
	incarnation := journal.NewIncarnation()
	dir := s.journalDir()
	disk, err := journal.OpenDisk(fsys, dir, incarnation, journal.Options{})
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	warnOfDisk(dir, disk, log)
	check, err := openBucketCheck(ctx, s, fsys, r, log)
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	w, err := writer.New(writer.Config{
		FS: fsys, SpoolDir: filepath.Join(s.Dir, "spool"), Putter: check,
		Encoders: s.encoders(), MemoryFile: memoryFile, Memory: int64(s.Memory / 8),
		Version: buildVersion(), Logger: log, Metrics: writer.NewMetrics(r, tables...),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the writer: %w", err), disk.Close())
	}
	b, err := buffer.Open(buffer.Config{
		Medium: disk, Incarnation: incarnation, Files: watchedFiles{files{w, check.putter}, check}, Tables: tables,
		Volatile:      s.Ack == "memory",
		FlushInterval: s.FlushInterval,
		WindowBytes:   int64(s.WindowBytes), FileRows: s.FileRows,
		Memory: int64(s.Memory / 2), RingBytes: int64(s.RingBytes), JournalLimit: int64(s.JournalLimit),
		Encoders: s.encoders(), TenantUploads: putsInFlight - putsInFlight/4, // the rest is for others
		Logger: log, Metrics: buffer.NewMetrics(r),
	})
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	check.journalFailed = func() bool { return errors.Is(b.Ready(), buffer.ErrFailed) }
	return &pipeline{incarnation: incarnation, buffer: b, check: check}, nil
}

// Close releases the journal. Both parts must have returned.
func (p *pipeline) Close() error { return p.buffer.Close() }

// How PARQUAY_MEMORY is shared out: half of it holds bodies and batches (the
// buffer's budget), an eighth holds finished files on their way to the bucket, and
// the rest is for encoders, whose scratch memory is up to two and a half times a row
// group's batches, and for the runtime.
const (
	encoderMemory = 128 << 20 // of the whole, for each encoder
	memoryFile    = 4 << 20   // a larger file is spooled: most tenants' files are smaller
	putsInFlight  = 32        // puts at a time: enough for a bucket a second away, and few connections
)

func (s *Settings) encoders() int {
	return max(1, min(runtime.GOMAXPROCS(0), int(s.Memory/encoderMemory)))
}

// journalDir is where the journal is.
func (s *Settings) journalDir() string { return filepath.Join(s.Dir, "journal") }

// warnOfDisk says what about the journal's place may cost somebody their events.
func warnOfDisk(dir string, disk *journal.Disk, log *slog.Logger) {
	if kind, err := vfs.Kind(dir); err != nil {
		log.Warn("the journal's file system can't be told", "error", err)
	} else if caution := vfs.Caution(kind); caution != "" {
		log.Warn("the journal is on a file system that may lose it", "directory", dir, "kind", kind, "reason", caution)
	}
	if unknown := disk.Unknown(); len(unknown) > 0 {
		log.Warn("files that are not the journal's lie in its directory", "directory", dir, "files", unknown)
	}
}

// openBucket opens the bucket that the settings name.
func (s *Settings) openBucket(ctx context.Context, fsys vfs.FS) (writer.Bucket, error) {
	url, err := s.bucketURL()
	if err != nil {
		return nil, fmt.Errorf("PARQUAY_BUCKET: %w", err)
	}
	bucket, err := writer.OpenBucket(ctx, url, fsys, writer.S3Options{
		Endpoint: s.S3Endpoint, PathStyle: s.S3PathStyle, Checksum: s.S3Checksum, Conditional: s.S3Conditional,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	return bucket, nil
}
