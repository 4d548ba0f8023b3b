// Package process runs the programs under test: the gateway, and a store for it.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root finds the repository: the nearest parent of the working directory whose
// module has cmd/parquay.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "parquay", "main.go")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the repository: no parent of the working directory has cmd/parquay")
		}
		dir = filepath.Dir(dir)
	}
}

// Build compiles the gateway, with build tags if there are any, into a file below
// dir and returns its name.
func Build(dir string, race bool, tags ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, strings.Join(append([]string{"parquay"}, tags...), "-"))
	args := []string{"build", "-o", binary, "-tags", strings.Join(tags, ",")}
	env := append(os.Environ(), "CGO_ENABLED=0") // as it is shipped: no loader reads files before it does
	if race {
		args, env = append(args, "-race"), os.Environ()
	}
	cmd := exec.Command("go", append(args, "./cmd/parquay")...)
	cmd.Dir, cmd.Env = root, env
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, output)
	}
	return binary, nil
}
