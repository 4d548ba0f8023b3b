package crashfs

// This file is the disk: what running processes see, what is kept, and what a
// power failure makes of the difference.

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// block is what a disk writes as a whole.
const block = 512

// mostAhead bounds the zeros that a log is written ahead with.
const mostAhead = 4 * block

// mostOld bounds the blocks of removed files that may show up again.
const mostOld = 64

// disk is shared by all processes that use it one after the other.
type disk struct {
	mu      sync.Mutex // guards all below, and the fields of FS
	random  *rand.Rand
	root    *inode
	pending []change // of names, in order
	locks   map[string]*lock
	limit   int64
	old     [][]byte // blocks of removed files
}

// inode is a file or a directory.
type inode struct {
	// A file: what is seen, what is kept, and the blocks in which they differ.
	data, disk []byte
	dirty      map[int]bool

	// A directory: the names that are seen, and those that are kept.
	live, kept map[string]*inode
}

func newDir() *inode { return &inode{live: map[string]*inode{}, kept: map[string]*inode{}} }

func (n *inode) isDir() bool { return n.live != nil }

// change is a change of names that is seen and not kept yet. A power failure keeps
// the first so many of its edits: 0 or all if it is whole, else any number.
type change struct {
	edits []edit
	whole bool
}

// edit makes a name in a directory mean to, or nothing if that is nil.
type edit struct {
	dir  *inode
	name string
	to   *inode
}

func (e edit) apply(names map[string]*inode) {
	if e.to == nil {
		delete(names, e.name)
	} else {
		names[e.name] = e.to
	}
}

func (d *disk) coin() bool { return d.random.IntN(2) == 0 }

func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// find returns the file or directory of that name.
func (d *disk) find(kind Kind, name string) (*inode, error) {
	n := d.root
	if clean(name) == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(clean(name), "/") {
		if !n.isDir() {
			return nil, pathError(kind, name, syscall.ENOTDIR)
		}
		if n = n.live[part]; n == nil {
			return nil, pathError(kind, name, fs.ErrNotExist)
		}
	}
	return n, nil
}

// findDir returns the directory of that name.
func (d *disk) findDir(kind Kind, name string) (*inode, error) {
	n, err := d.find(kind, name)
	if err == nil && !n.isDir() {
		err = pathError(kind, name, syscall.ENOTDIR)
	}
	return n, err
}

// parent returns the directory that a name is in, and its last part.
func (d *disk) parent(kind Kind, name string) (*inode, string, error) {
	if clean(name) == "" {
		return nil, "", pathError(kind, name, fs.ErrInvalid)
	}
	dir, err := d.findDir(kind, path.Dir(clean(name)))
	return dir, path.Base(clean(name)), err
}

// edit changes names as running processes see them.
func (d *disk) edit(whole bool, edits ...edit) {
	for _, e := range edits {
		e.apply(e.dir.live)
	}
	d.pending = append(d.pending, change{edits, whole})
}

// syncDir keeps the edits of dir, or if it fails some of them: the others are lost.
func (d *disk) syncDir(dir *inode, failed bool) {
	for i := range d.pending {
		c := &d.pending[i]
		lost := failed && d.coin()
		c.edits = slices.DeleteFunc(c.edits, func(e edit) bool {
			if e.dir == dir && !lost {
				e.apply(dir.kept)
			}
			return e.dir == dir
		})
	}
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool { return len(c.edits) == 0 })
}

// sync keeps a file's bytes and its length.
func (d *disk) sync(n *inode) {
	d.grow(n, len(n.data))
	for b := range n.dirty {
		copy(n.disk[b*block:], n.data[b*block:min((b+1)*block, len(n.data))])
	}
	clear(n.dirty)
}

// begin keeps a random part of a file's bytes; the others are as dirty as before.
func (d *disk) begin(n *inode) {
	dirty := maps.Clone(n.dirty)
	d.lose(n)
	n.dirty = dirty
}

// lose keeps a random part of a file's bytes and calls all of them clean.
func (d *disk) lose(n *inode) {
	size := len(n.data)
	switch d.random.IntN(4) {
	case 0:
		size = len(n.disk)
	case 1:
		size = len(n.disk) + d.random.IntN(len(n.data)-len(n.disk)+1)
	}
	d.grow(n, size)
	var dirty []int // in order, since the same seed must do the same
	for b := range n.dirty {
		dirty = append(dirty, b)
	}
	slices.Sort(dirty)
	all, none := d.random.IntN(4) == 0, d.random.IntN(4) == 0
	for _, b := range dirty {
		if kept := d.coin(); b*block < size && (kept || all) && !none {
			copy(n.disk[b*block:], n.data[b*block:min((b+1)*block, size)])
		}
	}
	clear(n.dirty)
}

// grow makes a file longer on the disk, by bytes that nobody has written. Those
// which a failed sync has lost stay such bytes: they are not dirty any more.
func (d *disk) grow(n *inode, size int) {
	for from := len(n.disk); from < size; from = len(n.disk) {
		to := min((from/block+1)*block, size)
		n.disk = append(n.disk, d.junk()[from%block:to-from/block*block]...)
	}
}

// junk is what a block holds that was never written.
func (d *disk) junk() []byte {
	b := make([]byte, block)
	switch kind := d.random.IntN(4); {
	case kind == 0:
		for i := range b {
			b[i] = byte(d.random.Uint32())
		}
	case kind == 1 && len(d.old) > 0:
		copy(b, d.old[d.random.IntN(len(d.old))])
	}
	return b
}

// bury remembers the blocks of a removed file.
func (d *disk) bury(n *inode) {
	for b := range slices.Chunk(n.data, block) {
		if len(d.old) < mostOld {
			d.old = append(d.old, slices.Clone(b))
		} else {
			d.old[d.random.IntN(mostOld)] = slices.Clone(b)
		}
	}
}

// crash is a power failure.
func (d *disk) crash() {
	for _, c := range d.pending {
		count := 0
		switch {
		case !c.whole:
			count = d.random.IntN(len(c.edits) + 1)
		case d.coin():
			count = len(c.edits)
		}
		for _, e := range c.edits[:count] {
			e.apply(e.dir.kept)
		}
	}
	d.pending = nil
	d.reboot(d.root)
}

// reboot makes what is kept of a directory all there is.
func (d *disk) reboot(dir *inode) {
	dir.live = map[string]*inode{}
	var names []string
	for name := range dir.kept {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n := dir.kept[name]
		dir.live[name] = n
		if n.isDir() {
			d.reboot(n)
			continue
		}
		d.lose(n)
		n.data = slices.Clone(n.disk)
	}
}

// used is the number of bytes of all files that have a name, each counted once.
func (d *disk) used() int64 {
	var bytes int64
	seen := map[*inode]bool{}
	var walk func(dir *inode)
	walk = func(dir *inode) {
		for _, n := range dir.live {
			if n.isDir() {
				walk(n)
			} else if !seen[n] {
				seen[n] = true
				bytes += int64(len(n.data))
			}
		}
	}
	walk(d.root)
	return bytes
}
