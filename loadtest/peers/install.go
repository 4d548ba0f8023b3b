// Getting the others from their registries, once, with the ordinary clients.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installWithin bounds what an installation takes: hundreds of megabytes, and the
// compiling of a thousand packages on a small machine.
const installWithin = 20 * time.Minute

// tools is a folder of what was installed.
type tools struct {
	root string // the repository
	dir  string // below its .cache
}

// once runs an installation, unless it came to an end before.
func (t tools) once(ctx context.Context, name string, install func(ctx context.Context, dir string) error) (dir string, err error) {
	dir = filepath.Join(t.dir, name)
	stamp := filepath.Join(dir, ".installed")
	if _, err := os.Stat(stamp); err == nil {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(ctx, installWithin)
	defer cancel()
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove half an installation: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a folder to install into: %w", err)
	}
	if err := install(ctx, dir); err != nil {
		return "", err
	}
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		return "", fmt.Errorf("mark the installation: %w", err)
	}
	return dir, nil
}

// command runs an installer.
func command(ctx context.Context, dir, name string, args ...string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("there is no %s", name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second // its children may keep the output open
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.Join(lines[max(0, len(lines)-3):], " / "))
	}
	return nil
}

// pip installs a package of exactly this version, without what it depends on, into a
// virtual environment.
func pip(ctx context.Context, dir, requirement string) error {
	if err := command(ctx, dir, "python3", "-m", "venv", dir); err != nil {
		return err
	}
	return command(ctx, dir, filepath.Join(dir, "bin", "python"), "-m", "pip", "install",
		"--quiet", "--no-deps", "--retries=1", "--timeout=30", requirement)
}

// maven copies artifacts, without what they depend on, into a folder.
func maven(ctx context.Context, dir string, artifacts ...string) error {
	for _, a := range artifacts {
		err := command(ctx, dir, "mvn", "--batch-mode", "--quiet",
			"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy", "-Dartifact="+a, "-DoutputDirectory="+dir)
		if err != nil {
			return err
		}
	}
	return nil
}
