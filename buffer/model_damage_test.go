package buffer

import (
	"path"
	"slices"
	"strings"

	"parquay/buffer/journal"
	"parquay/schema"
)

// damage hurts the journal's files while no process runs, and notes which windows
// they are of.
func (m *model) damage(wounds []wound) {
	for _, w := range wounds {
		entries, err := m.disk.ReadDir("journal")
		if err != nil {
			return // nobody has made it yet
		}
		var names []string
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".journal") {
				names = append(names, e.Name())
			}
		}
		if len(names) == 0 {
			return
		}
		name := names[w.file%uint64(len(names))]
		file := path.Join("journal", name)
		content, err := m.disk.ReadFile(file)
		if err != nil || len(content) == 0 {
			continue
		}
		place := w.place % uint64(len(content))
		if w.cut {
			content = content[:place]
		} else {
			content[place] ^= w.bit
		}
		if err := m.disk.WriteFile(file, content); err != nil {
			m.t.Error(err)
		}
		m.seen.Damaged++
		m.hit[windowOf(name)] = true
	}
	m.prove()
}

// prove notes the last frame that can be read of each damaged window that is left: it
// tells that there were others before it. What could be read before a second wound
// proves nothing to a process that starts after it.
func (m *model) prove() {
	entries, _ := m.disk.ReadDir("journal")
	for _, e := range entries {
		delete(m.proof, windowOf(e.Name()))
	}
	for _, e := range entries {
		window := windowOf(e.Name())
		if !m.hit[window] {
			continue
		}
		r, err := journal.ReadSegment(m.disk, path.Join("journal", e.Name()))
		if err != nil {
			continue // its header is gone
		}
		for frame, err := r.Next(); err == nil; frame, err = r.Next() {
			m.proof[window] = max(m.proof[window], frame.Sequence)
		}
		r.Close()
	}
}

// windowOf is the window that a segment's name begins with.
func windowOf(segment string) string {
	parts := strings.SplitN(segment, "-", 3)
	return strings.Join(parts[:min(2, len(parts))], "-")
}

// mourn finds out which acknowledged batches are missing for a good reason: their
// window was damaged, and is kept in quarantine; or what was damaged was the end of
// the window, which can't be told from what a crash leaves. What stands behind a
// place that can be read was never such an end.
func (m *model) mourn() {
	kept := map[string]bool{}
	entries, _ := m.disk.ReadDir("journal/quarantine") // there may be none
	for _, e := range entries {
		kept[windowOf(e.Name())] = true
	}
	m.seen.Quarantined += len(kept)
	found := m.files.batches()
	for r, batches := range m.receipts {
		name := windowName(r.Incarnation, r.Window)
		missing := slices.DeleteFunc(slices.Clone(batches), func(b *schema.Batch) bool { return len(found[string(b.Bytes)]) > 0 })
		if len(missing) == 0 || !m.hit[name] {
			continue
		}
		m.seen.Lost += len(missing)
		if !kept[name] && r.Frame < m.proof[name] {
			m.t.Errorf("frame %d of window %s is lost, a later one was not, and the window is not in quarantine", r.Frame, name)
		}
		for _, b := range missing {
			m.lost[b] = true
		}
	}
}
