// Package s3test runs a real S3-compatible store, versitygw, for tests.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Gateway is a running store with one empty bucket. It ends with its test.
type Gateway struct {
	Endpoint  string // URL; buckets are in its path
	Bucket    string
	Region    string
	AccessKey string
	SecretKey string

	objects string // the directory in which buckets are directories
}

const (
	binaryVariable = "PARQUAY_VERSITYGW"
	binaryName     = "versitygw"

	// startWithin is generous, since a busy machine is slow to start a process of
	// 80 MB; attempts are for a port that was taken between finding and using it.
	startWithin = 30 * time.Second
	attempts    = 5
)

// Start runs a gateway over a temporary directory. It skips the test where there
// is no versitygw.
func Start(t testing.TB) *Gateway {
	t.Helper()
	binary, err := find()
	if err != nil {
		t.Skipf("no S3 store to test with (%v): make tools installs one", err)
	}
	g := &Gateway{Bucket: "bucket", Region: "us-east-1", AccessKey: "parquay-test", SecretKey: "parquay-test-secret"}
	for range attempts {
		if err = g.start(t, binary); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	if _, err := g.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &g.Bucket}); err != nil {
		t.Fatalf("create bucket: %v", err)
	}
	return g
}

// URL is the bucket's URL, as PARQUAY_BUCKET takes it.
func (g *Gateway) URL(prefix string) string { return "s3://" + g.Bucket + "/" + prefix }

// Env are the variables from which the AWS chain takes credentials and region,
// and which keep it from looking anywhere else.
func (g *Gateway) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + g.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + g.SecretKey,
		"AWS_REGION=" + g.Region,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_ENDPOINT_URL=",
		"AWS_ENDPOINT_URL_S3=",
	}
}

// Setenv sets the variables of Env for the rest of a test.
func (g *Gateway) Setenv(t testing.TB) {
	t.Helper()
	for _, pair := range g.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// Client returns a client of the SDK's, to look at the store from outside.
func (g *Gateway) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(g.Endpoint),
		Region:       g.Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
	})
}

// Forget removes an object behind the store's back, which keeps what it has noted about
// it: as if it had been ended in the middle of the put.
func (g *Gateway) Forget(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(g.objects, g.Bucket, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

// start runs the process on a free port and waits until it answers.
func (g *Gateway) start(t testing.TB, binary string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	objects, sidecar := t.TempDir(), t.TempDir()
	var output lockedBuffer
	// The sidecar keeps metadata in files, for file systems without attributes.
	cmd := exec.Command(binary, "--port", address, "--region", g.Region, "--quiet", "--keep-alive",
		"posix", "--sidecar", sidecar, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+g.AccessKey, "ROOT_SECRET_KEY="+g.SecretKey)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start process: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait() // its status says nothing: it is killed in the end
		close(exited)
	}()
	stop := func() {
		cmd.Process.Kill()
		<-exited
	}
	g.Endpoint, g.objects = "http://"+address, objects
	if err := awaitAnswer(t.Context(), g.Endpoint, exited); err != nil {
		stop()
		return fmt.Errorf("%w; it printed:\n%s", err, output.String())
	}
	t.Cleanup(stop)
	return nil
}

// awaitAnswer asks until anything answers HTTP at the URL.
func awaitAnswer(ctx context.Context, url string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-exited:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// find looks for versitygw in $PARQUAY_VERSITYGW, in .cache/bin of the module,
// and in PATH.
func find() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return exec.LookPath(path)
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			if path, err := exec.LookPath(filepath.Join(dir, ".cache", "bin", binaryName)); err == nil {
				return path, nil
			}
			break
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return exec.LookPath(binaryName)
}

// lockedBuffer is written by the process's output while it is read.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
