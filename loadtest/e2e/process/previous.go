// An earlier version of the gateway, from the repository's history.

package process

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoHistory is returned where the repository's history is not at hand.
var ErrNoHistory = errors.New("no earlier commit to build: this is no clone with its history")

// BuildRevision compiles the gateway of a revision into a file below dir, and
// returns its name.
func BuildRevision(dir, revision string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	commit, err := exec.Command("git", "-C", root, "rev-parse", "--verify", "--quiet", revision+"^{commit}").Output()
	if err != nil {
		return "", fmt.Errorf("%w (%s)", ErrNoHistory, revision)
	}
	source := filepath.Join(dir, "source-"+strings.TrimSpace(string(commit)))
	archive, err := exec.Command("git", "-C", root, "archive", "--format=tar", strings.TrimSpace(string(commit))).Output()
	if err == nil {
		err = unpack(bytes.NewReader(archive), source)
	}
	if err != nil {
		return "", fmt.Errorf("unpack revision %s: %w", revision, err)
	}
	binary := filepath.Join(dir, "parquay-previous")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/parquay")
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build revision %s: %w\n%s", revision, err, output)
	}
	return binary, nil
}

// unpack writes the files of an archive below dir.
func unpack(r io.Reader, dir string) error {
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch {
		case !filepath.IsLocal(h.Name):
			return fmt.Errorf("%q leads out of the archive", h.Name)
		case h.Typeflag == tar.TypeDir:
			err = os.MkdirAll(name, 0o755)
		case h.Typeflag == tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(archive); err == nil {
				err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644))
			}
		}
		if err != nil {
			return err
		}
	}
}
