package writer

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// However many runs the ids are sorted in, exactly the repeated ones are found,
// each with the first that has it.
func TestIDSetFindsDuplicates(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		s := newIDSet()
		s.limit = rapid.IntRange(1, 40).Draw(t, "limit")
		var want, got []string
		first := map[string]idRecord{}
		for f := range uint32(rapid.IntRange(0, 5).Draw(t, "files")) {
			if s.file(fmt.Sprint(f)) != f {
				t.Fatal("the number of a file is not that of its place")
			}
			for row := range uint32(rapid.IntRange(0, 50).Draw(t, "rows")) {
				id := fmt.Sprint(rapid.IntRange(0, 120).Draw(t, "id"))
				r := s.record([]byte(id), f, row)
				if err := s.add([]idRecord{r}); err != nil {
					t.Fatal(err)
				}
				if earlier, ok := first[id]; ok {
					want = append(want, fmt.Sprintf("%d/%d is %d/%d", f, row, earlier.file, earlier.row))
				} else {
					first[id] = r
				}
			}
		}
		for first, again := range s.duplicates() {
			got = append(got, fmt.Sprintf("%d/%d is %d/%d", again.file, again.row, first.file, first.row))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("duplicates are %q, want %q", got, want)
		}
		if err := s.failed(); err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A run that can't be read back is an error, not an absence of duplicates.
func TestIDSetReadFailure(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newIDSet()
	s.limit = 1
	s.file("a")
	for row := range uint32(3) {
		if err := s.add([]idRecord{s.record([]byte("same"), 0, row)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.disk.Truncate(2*recordBytes + 1); err != nil {
		t.Fatal(err)
	}
	for range s.duplicates() {
	}
	if s.failed() == nil {
		t.Error("a lost run is not noticed")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestWindowSet(t *testing.T) {
	s := windowSet{}
	for _, incarnation := range []string{"a", "b"} {
		for _, n := range []uint64{0, 1, 63, 64, 1 << 63, 1<<64 - 1} {
			s.add(windowID{incarnation, n})
			s.add(windowID{incarnation, n})
		}
	}
	if got := s.count(); got != 12 {
		t.Errorf("count() = %d, want 12", got)
	}
}
