// docs/examples.md is kept true: its programs run against a gateway behind a balancer
// at its worst, and its console examples against a gateway.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parquay/server/tenants"
)

const examples = "../../docs/examples.md"

func TestExamplePrograms(t *testing.T) {
	setEnvironment(t, nil)
	for _, language := range []struct {
		name, file string // the name of its block, and of the file for its text
		command    []string
	}{
		{"python", "post.py", []string{"python3", "post.py"}},
		{"go", "post.go", []string{"go", "run", "post.go"}},
		{"java", "Post.java", []string{"java", "-XX:TieredStopAtLevel=1", "Post.java"}}, // it runs once: no need to optimise
		{"js", "post.mjs", []string{"node", "post.mjs"}},
	} {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			source := exampleOf(t, language.name)
			if _, err := exec.LookPath(language.command[0]); err != nil {
				t.Skipf("%s is not installed", language.command[0])
			}
			p := program{dir: t.TempDir(), command: language.command}
			if err := os.WriteFile(filepath.Join(p.dir, language.file), []byte(source), 0o644); err != nil {
				t.Fatal(err)
			}
			testProgram(t, p)
		})
	}
}

// exampleOf returns the one block of the document in a language.
func exampleOf(t *testing.T, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(readDocument(t, examples), -1)
	if len(blocks) != 1 {
		t.Fatalf("%s has %d blocks of %s, want 1", examples, len(blocks), language)
	}
	return blocks[0][1]
}

// testProgram: the program's first answer is lost, then it is refused twice. With
// all that its events are in the bucket once, and it says which one was rejected.
func testProgram(t *testing.T, p program) {
	dir := t.TempDir()
	key := writeTenants(t, dir)
	gateway, address := startExample(t, dir, "PARQUAY_FLUSH_INTERVAL=1h", "PARQUAY_TENANTS=tenants.json")
	b := newBalancer(address)
	front := httptest.NewServer(b)
	defer front.Close()

	stdout, stderr, err := p.run(front.URL, key)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	if told := regexp.MustCompile(`(?s)accepted\D+2\D+rejected\D+1\b.*2.*price.*format`); !told.MatchString(stdout) {
		t.Errorf("it does not say what became of its events:\n%s", stdout)
	}
	b.check(t)

	before := b.count()
	stdout, stderr, err = p.run(front.URL, "pqy_nobody_knows_this")
	if err == nil || !strings.Contains(stderr, "401") {
		t.Errorf("with a wrong key it ends with %v and says:\n%s%s", err, stdout, stderr)
	}
	if n := b.count() - before; n != 1 {
		t.Errorf("a request that was refused for good was made %d times", n)
	}

	gateway.cmd.Process.Signal(syscall.SIGTERM)
	<-gateway.done
	for table, want := range map[string]int{"events": 2, "rejected": 1} {
		rows := shell(t, dir, "parquay cat parquay-data/bucket/"+table+"/tenant=acme/*/*/*.parquet")
		if n := strings.Count(rows, "\n"); n != want {
			t.Errorf("%d rows in %s, want %d:\n%s", n, table, want, rows)
		}
	}
}

// writeTenants writes dir/tenants.json with the tenant acme, and returns its key.
func writeTenants(t *testing.T, dir string) string {
	t.Helper()
	key, id, hash := tenants.NewKey()
	file := fmt.Appendf(nil, `{"tenants":[{"name":"acme","keys":[{"id":%q,"sha256":%q}]}]}`, id, hash)
	if err := os.WriteFile(filepath.Join(dir, "tenants.json"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return key
}

// program is an example, in a folder of its own.
type program struct {
	dir     string
	command []string
}

func (p program) run(address, key string) (stdout, stderr string, err error) {
	var out, problems bytes.Buffer
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &problems
	cmd.Env = append(os.Environ(), "PARQUAY_URL="+address, "PARQUAY_KEY="+key, "no_proxy=127.0.0.1")
	err = cmd.Run()
	return out.String(), problems.String(), err
}

// balancer passes requests on to a gateway. But it loses the answer to the first
// one, and refuses the next two.
type balancer struct {
	gateway *httputil.ReverseProxy

	mu       sync.Mutex
	attempts []attempt
}

type attempt struct {
	at       time.Time
	key      string // Idempotency-Key
	body     []byte
	replayed string // Idempotency-Replayed, if there was an answer
}

func newBalancer(address string) *balancer {
	return &balancer{gateway: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})}
}

// patience is longer than any program waits by itself after its second attempt.
const patience = 3 * time.Second

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.mu.Lock()
	n := len(b.attempts)
	b.attempts = append(b.attempts, attempt{time.Now(), r.Header.Get("Idempotency-Key"), body, ""})
	b.mu.Unlock()
	switch n {
	case 0:
		b.gateway.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // closes the connection
	case 1:
		w.Header().Set("Retry-After", fmt.Sprint(patience.Seconds()))
		http.Error(w, "<h1>Service Unavailable</h1>", http.StatusServiceUnavailable)
	case 2:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "{}", http.StatusTooManyRequests)
	default:
		b.gateway.ServeHTTP(w, r)
		b.mu.Lock()
		b.attempts[n].replayed = w.Header().Get("Idempotency-Replayed")
		b.mu.Unlock()
	}
}

func (b *balancer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.attempts)
}

// check looks at what came before any program was given a wrong key.
func (b *balancer) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.attempts) != 4 {
		t.Fatalf("%d attempts, want 4", len(b.attempts))
	}
	first, last := b.attempts[0], b.attempts[3]
	if slices.ContainsFunc(b.attempts, func(a attempt) bool {
		return a.key != first.key || a.key == "" || !bytes.Equal(a.body, first.body)
	}) {
		t.Error("the attempts differ in their body or Idempotency-Key")
	}
	if !bytes.HasPrefix(first.body, []byte{0x1f, 0x8b}) {
		t.Error("the body is not compressed")
	}
	if waited := b.attempts[2].at.Sub(b.attempts[1].at); waited < patience-10*time.Millisecond { // timers are rounded
		t.Errorf("it waited %v, and was told to wait %v", waited, patience)
	}
	if last.replayed != "true" {
		t.Error("the last answer was not the first one again")
	}
}

// The console examples wait for the bucket, so this gateway's windows are short.
func TestExampleConsole(t *testing.T) {
	for _, tool := range []string{"curl", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the examples need %s, which is not installed", tool)
		}
	}
	if recent, err := curlHas("curl7.84"); !recent || err != nil {
		t.Skipf("the examples need curl 7.84 (%%header): %v", err)
	}
	dir := t.TempDir()
	setEnvironment(t, nil)
	key := writeTenants(t, dir)
	_, address := startExample(t, dir, "PARQUAY_FLUSH_INTERVAL=1s", "PARQUAY_TENANTS=tenants.json")
	setEnvironment(t, map[string]string{"PARQUAY_URL": "http://" + address, "PARQUAY_KEY": key, "CURL_HOME": dir, "no_proxy": "127.0.0.1"})
	// As on a terminal, where curl shows no progress beside an answer.
	if err := os.WriteFile(filepath.Join(dir, ".curlrc"), []byte("no-progress-meter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bucket := strings.NewReplacer("file://"+dir+"/parquay-data/bucket", "s3://bucket/prefix")
	text := readDocument(t, examples)
	want := runConsole(text, func(command string) string { return bucket.Replace(shell(t, dir, command)) })
	if masked(want) != masked(text) {
		checkDocument(t, examples, text, want)
	}
}
