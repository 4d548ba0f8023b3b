package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Options is how a gateway is started.
type Options struct {
	Binary string
	Args   []string // sub-command and flags; serve by default
	Work   string   // the working directory
	Env    []string // all there is beside PATH, HOME and free ports to listen on
	Log    io.Writer
}

// Gateway is a running gateway.
type Gateway struct {
	*child
	Events string // the base URL of the listener for events
	Admin  string // and of the one for administration
	client *http.Client
}

// ErrEnded is returned when the process ended before it was ready.
var ErrEnded = errors.New("the gateway ended")

// Start starts a gateway and waits until its log names both addresses, which is
// when it takes connections. If it ends before, the error is ErrEnded with what it
// printed, and the gateway is returned for its exit code.
func Start(ctx context.Context, o Options) (*Gateway, error) {
	cmd := exec.Command(o.Binary, o.Args...)
	cmd.Dir = o.Work
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.Work,
		"PARQUAY_LISTEN=127.0.0.1:0", "PARQUAY_ADMIN_LISTEN=127.0.0.1:0", "PARQUAY_LOG_FORMAT=json",
	}, o.Env...)
	g := &Gateway{client: &http.Client{Timeout: 10 * time.Second}}
	addresses := make(chan [2]string, 1)
	var err error
	g.child, err = startChild(cmd, o.Log, func(line string) {
		if events, admin, ok := addressesIn(line); ok {
			select {
			case addresses <- [2]string{events, admin}:
			default: // named before
			}
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-addresses:
		g.Events, g.Admin = "http://"+a[0], "http://"+a[1]
		return g, nil
	case <-g.exited:
		return g, fmt.Errorf("%w: it printed:\n%s", ErrEnded, strings.Join(g.Tail(), "\n"))
	case <-ctx.Done():
		return g, fmt.Errorf("wait for the addresses in the gateway's log: %w; %s", ctx.Err(), g.Autopsy())
	}
}

// addressesIn finds both addresses in the line of the log that names them.
func addressesIn(line string) (events, admin string, ok bool) {
	var entry struct{ Events, Admin string }
	if json.Unmarshal([]byte(line), &entry) != nil {
		return "", "", false
	}
	return entry.Events, entry.Admin, entry.Events != "" && entry.Admin != ""
}

// Ready waits until /readyz says so. When ctx ends before, it ends the process, and
// the error tells what that did.
func (g *Gateway) Ready(ctx context.Context) error {
	for {
		status, body, err := g.Get(ctx, g.Admin+"/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-g.exited:
			return fmt.Errorf("%w before it was ready: it printed:\n%s", ErrEnded, strings.Join(g.Tail(), "\n"))
		case <-ctx.Done():
			return fmt.Errorf("wait for /readyz: %w (%d %s%v); %s", ctx.Err(), status, body, err, g.Autopsy())
		}
	}
}

// Get fetches a page of the gateway's.
func (g *Gateway) Get(ctx context.Context, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := g.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// Stop sends SIGTERM and waits for the exit code.
func (g *Gateway) Stop(timeout time.Duration) (code int, err error) {
	if err := g.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return -1, fmt.Errorf("send SIGTERM: %w", err)
	}
	return g.Wait(timeout)
}

// Said tells whether a line of the log's tail contains all of these texts.
func (g *Gateway) Said(texts ...string) bool {
	for _, line := range g.Tail() {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return true
		}
	}
	return false
}
