// What every subject of the comparison must be able to do.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
)

// Subject is one of those that are compared: a server that takes events over HTTP, or
// a program that converts a file of them. Start, Feed and Stop are one round.
type Subject interface {
	// Facts says what it is, and what about it does not compare.
	Facts() report.Facts

	// Install gets what it needs into its folder below .cache/peers, unless that is
	// there, and says which version it is. An error means that it can't be had here.
	Install(ctx context.Context) (version string, err error)

	// Start starts it for a round. A server takes requests when Start returns; a
	// converter has nothing to start before Feed.
	Start(ctx context.Context, w workplace) error

	// Feed gives it all events: a server has answered each when Feed returns, and a
	// converter has begun.
	Feed(ctx context.Context, e *events, connections int) (sent sending, err error)

	// Stop waits until all its files are whole and it has ended, and says what it has
	// used. Without files that are whole it returns an error.
	Stop(ctx context.Context) (tree.Usage, error)

	// Kill ends it, whatever it is doing; also after Stop, or if it never started.
	Kill()
}

// workplace is where a subject works in one round.
type workplace struct {
	dir     string // its working directory, removed after the round
	out     string // below it; files that are found there are its result
	address string // free, on loopback
}

// program is a subject's running process.
type program struct {
	*tree.Process
}

// start runs a command that knows nothing of the environment but PATH, HOME (the
// workplace) and env.
func (p *program) start(w workplace, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = w.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir}, env...)
	var err error
	p.Process, err = tree.Start(cmd, filepath.Join(w.dir, "output.log"))
	return err
}

// ready waits until a URL is answered with 200.
func (p *program) ready(ctx context.Context, url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("ask whether it is ready: %w", err)
		}
		if response, err := client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body) // the status is all that matters
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.Ended():
			return fmt.Errorf("it ended before it was ready, and printed: %s", p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("wait until it is ready: %w; it printed: %s", context.Cause(ctx), p.Tail())
		}
	}
}

// finish waits until the program ends by itself, which must be in good order.
func (p *program) finish(ctx context.Context) (tree.Usage, error) {
	usage, err := p.Wait(ctx)
	if err == nil && usage.Code != 0 {
		err = fmt.Errorf("its exit code is %d", usage.Code)
	}
	if err != nil {
		return usage, fmt.Errorf("%w; it printed: %s", err, p.Tail())
	}
	return usage, nil
}

// terminate asks the program to stop, and waits until it has.
func (p *program) terminate(ctx context.Context) (tree.Usage, error) {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return tree.Usage{}, err
	}
	return p.finish(ctx)
}

// Kill ends the program if it was started.
func (p *program) Kill() {
	if p.Process != nil {
		p.Process.Kill()
	}
}
