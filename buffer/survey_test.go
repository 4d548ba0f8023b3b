package buffer

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// TestSurvey: what a survey says of a journal, in use or left behind, are the files
// that recovery makes of it, with their rows, cut by cut (I3).
func TestSurvey(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	r := rand.New(rand.NewPCG(1, 2))
	cfg := config(t, vfs.OS{}, dir, files)
	cfg.FileRows, cfg.WindowBytes = 100, 4000
	g := start(t, cfg)
	var posted []*schema.Batch
	files.step = func(int, string, FileID) verdict { return fails } // so that windows that have ended stay
	for range 60 {
		b := batch([]string{"acme", "beta"}[r.IntN(2)], int64(r.IntN(3)), 1+r.IntN(40), 100)
		g.mustPost(b)
		posted = append(posted, b)
	}
	inUse := surveyed(t, dir)
	g.crash()
	left := surveyed(t, dir)
	if diff := cmp.Diff(left, inUse); diff != "" {
		t.Errorf("left behind (-) and in use (+):\n%s", diff)
	}

	files.step = nil
	start(t, config(t, vfs.OS{}, dir, files)).finish()
	rows := map[string]int64{}
	for _, b := range posted {
		rows[string(b.Bytes)] = int64(b.Rows)
	}
	recovered := map[FileID]int64{}
	for text, ids := range files.batches() {
		for _, id := range ids {
			recovered[id] += rows[text]
		}
	}
	if diff := cmp.Diff(recovered, left); diff != "" {
		t.Errorf("files (-) and survey (+):\n%s", diff)
	}
	if len(left) < 10 {
		t.Errorf("only %d files: no cut was made", len(left))
	}
	if rest := surveyed(t, dir); len(rest) > 0 {
		t.Errorf("after recovery: %v", rest)
	}
}

// surveyed is the rows of all files of a journal without damage.
func surveyed(t *testing.T, dir string) map[FileID]int64 {
	t.Helper()
	list, err := Survey(vfs.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	sum := map[FileID]int64{}
	for i, s := range list {
		rows := int64(0)
		for id, n := range s.Files {
			sum[id] += n
			rows += n
		}
		if s.Unread != nil || len(s.Damage) > 0 || rows != s.Rows || s.Header == nil || s.Header.Window != s.ID.Window {
			t.Errorf("window %v: %v, damage %v, %d rows of %d", s.ID, s.Unread, s.Damage, rows, s.Rows)
		}
		if s.Open != (i == len(list)-1) {
			t.Errorf("window %v: that it is open is %t", s.ID, s.Open)
		}
	}
	return sum
}

// TestSurveyOfDamage: what is damaged is told, and what is not is counted.
func TestSurveyOfDamage(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	lost, kept := batch("acme", 1, 5, 200), batch("acme", 1, 3, 200)
	leave(t, dir, files, lost, kept)
	damage(t, dir, lost.Bytes)
	list, err := Survey(vfs.OS{}, dir)
	if err != nil || len(list) != 1 || list[0].Rows != 3 || len(list[0].Damage) != 1 {
		t.Errorf("%+v, %v", list, err)
	}

	segments, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	content[30] ^= 1 // of the header
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err = Survey(vfs.OS{}, dir); err != nil || len(list) != 1 || !errors.Is(list[0].Unread, journal.ErrCorrupt) {
		t.Errorf("without a header: %+v, %v", list, err)
	}
	if _, err := Survey(vfs.OS{}, filepath.Join(dir, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
}
