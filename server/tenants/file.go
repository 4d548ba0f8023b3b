// The file of tenants on the disk.

package tenants

import (
	"fmt"
	"io"
	"os"
)

// maxFile bounds a file. A hundred thousand tenants fit; they take half a second to
// read, and from 25 MB to keep.
const maxFile = 16 << 20

// ReadFile reads a file of tenants, in order of their names. The error joins what
// is wrong with it, with the places, and repeats no value that could be secret.
func ReadFile(path string) ([]*Tenant, error) {
	text, _, err := readText(path)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// readText returns a file's bytes and what is known of the file. One that changes
// meanwhile is refused.
func readText(path string) ([]byte, os.FileInfo, error) {
	fail := func(err error) ([]byte, os.FileInfo, error) {
		return nil, nil, fmt.Errorf("read the tenants: %w", err)
	}
	before, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	if !before.Mode().IsRegular() { // to open a pipe could take for ever
		return fail(fmt.Errorf("%s is not a file", path))
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fail(err)
	}
	after, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	if !sameVersion(before, after) {
		return fail(fmt.Errorf("%s is being written", path))
	}
	return text, after, nil
}

// sameVersion reports whether nobody seems to have written between the two.
func sameVersion(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
