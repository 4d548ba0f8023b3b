package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNoStore is returned where no versitygw is installed.
var ErrNoStore = errors.New("no S3 store to test with: `make tools` installs versitygw")

// The store's one bucket, and what opens it.
const (
	storeBucket = "bucket"
	storeAccess = "parquay-e2e"
	storeSecret = "parquay-e2e-secret"
)

// Store is versitygw over a directory: its objects are plain files.
type Store struct {
	*child
	binary  string
	dir     string
	log     io.Writer
	address string
}

// StartStore starts a store with one empty bucket below dir.
func StartStore(ctx context.Context, dir string, log io.Writer) (*Store, error) {
	binary, err := findStore()
	if err != nil {
		return nil, err
	}
	s := &Store{binary: binary, dir: dir, log: log}
	for _, folder := range []string{s.Objects(), filepath.Join(dir, "sidecar")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, fmt.Errorf("make the store's directories: %w", err)
		}
	}
	for range 5 { // another process may take a free port first
		if s.address, err = freeAddress(); err != nil {
			return nil, err
		}
		if err = s.Start(ctx); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func findStore() (string, error) {
	if path := os.Getenv("PARQUAY_VERSITYGW"); path != "" {
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	for _, name := range []string{filepath.Join(root, ".cache", "bin", "versitygw"), "versitygw"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoStore
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// Start starts the store, the first time or again on the same port and objects,
// and waits until it answers.
func (s *Store) Start(ctx context.Context) error {
	// Metadata go to a sidecar, for file systems without extended attributes.
	cmd := exec.Command(s.binary, "--port", s.address, "--quiet", "--keep-alive",
		"posix", "--sidecar", filepath.Join(s.dir, "sidecar"), filepath.Join(s.dir, "objects"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+storeAccess, "ROOT_SECRET_KEY="+storeSecret)
	var err error
	if s.child, err = startChild(cmd, s.log, func(string) {}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint(), nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.exited:
			return fmt.Errorf("the store ended: it printed:\n%s", strings.Join(s.Tail(), "\n"))
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("wait for the store: %w", err)
		}
	}
}

// Stop ends the store with SIGTERM, after the requests under way: a store that is
// killed may have an object of which it knows nothing, which no client can mend.
func (s *Store) Stop() error {
	if err := s.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the store: %w", err)
	}
	_, err := s.Wait(30 * time.Second)
	return err
}

// Endpoint is the store's URL.
func (s *Store) Endpoint() string { return "http://" + s.address }

// Objects is the directory in which the bucket's objects are files.
func (s *Store) Objects() string { return filepath.Join(s.dir, "objects", storeBucket) }

// Env points a gateway at a prefix of the bucket.
func (s *Store) Env(prefix string) []string {
	return append([]string{
		"PARQUAY_BUCKET=s3://" + storeBucket + "/" + prefix,
		"PARQUAY_S3_ENDPOINT=" + s.Endpoint(),
		"PARQUAY_S3_PATH_STYLE=true",
	}, Credentials()...)
}

// Credentials is what the AWS chain needs to find at once.
func Credentials() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + storeAccess,
		"AWS_SECRET_ACCESS_KEY=" + storeSecret,
		"AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
