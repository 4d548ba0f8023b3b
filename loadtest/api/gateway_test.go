// The gateway under test, and requests to it.

package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parquay/loadtest/e2e/process"
)

// built is where the binary is built.
var built string

// program is the gateway's binary, built once a run.
var program = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("API_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	return process.Build(built, false)
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "parquay-api-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a leftover in the temporary folder fails no test
	os.Exit(code)
}

// patience bounds every wait for a gateway that hangs. Nothing on a busy machine
// comes near it.
const patience = 90 * time.Second

// gateway is a running gateway with its description.
type gateway struct {
	*testing.T
	*process.Gateway
	*contract
	client *http.Client
	header http.Header // of every request that has not its own: the credential
}

// start runs a gateway until the test ends, with windows of a second unless env
// says otherwise, and reads its description.
func start(t *testing.T, seen *coverage, env ...string) *gateway {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := process.Start(ctx, process.Options{
		Binary: binary, Work: t.TempDir(), Env: append([]string{"PARQUAY_FLUSH_INTERVAL=1s"}, env...),
	})
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{T: t, Gateway: p, header: http.Header{}}
	g.client = &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		p.Kill()
		if t.Failed() {
			t.Logf("the end of the gateway's log:\n%s", strings.Join(p.Tail(), "\n"))
		}
	})
	if err := p.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	g.contract = &contract{seen: seen}
	return g
}

// overHTTP2 makes every further request over HTTP/2 in cleartext.
func (g *gateway) overHTTP2() *gateway {
	c := *g
	transport := g.client.Transport.(*http.Transport).Clone()
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	c.client = &http.Client{Timeout: patience, Transport: transport}
	g.Cleanup(c.client.CloseIdleConnections)
	return &c
}

// as makes every further request with this credential, and reads what is described
// to its tenant.
func (g *gateway) as(field, value string) *gateway {
	g.Helper()
	c := *g
	c.header = http.Header{}
	if field != "" {
		c.header.Set(field, value)
	}
	x := exchange{method: http.MethodGet, target: "/openapi.json"}
	c.send(&x)
	var err error
	if c.contract, err = readContract(x.content, g.seen); err != nil {
		c.Fatalf("%v in %d %s", err, x.status, x.content)
	}
	return &c
}

// exchange is a request and its answer.
type exchange struct {
	method, target string // the target as it is sent: a path and a query
	header         http.Header
	body           []byte

	status  int
	answer  http.Header
	content []byte
}

func (x *exchange) String() string {
	return fmt.Sprintf("%s %s %v %.300q\nwas answered %d %v %.600s", x.method, x.target, x.header, x.body, x.status, x.answer, x.content)
}

// send fills in the answer.
func (g *gateway) send(x *exchange) {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), x.method, g.Events, bytes.NewReader(x.body))
	if err != nil {
		g.Fatalf("%v: %v", x, err)
	}
	r.URL.Opaque = x.target // nothing is normalised on the way
	r.Header = x.header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for name, values := range g.header {
		if r.Header[name] == nil {
			r.Header[name] = values
		}
	}
	if x.body == nil {
		r.Body = nil
	}
	response, err := g.client.Do(r)
	if err != nil {
		g.Fatalf("%v: %v", x, err)
	}
	x.read(g.T, response)
}

func (x *exchange) read(t *testing.T, response *http.Response) {
	t.Helper()
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%v: %v", x, err)
	}
	x.status, x.answer, x.content = response.StatusCode, response.Header, content
}

// post sends a body to the table events, and fails unless the answer is described.
func (g *gateway) post(target, body string, header ...string) exchange {
	g.Helper()
	return g.do(http.MethodPost, target, body, header...)
}

func (g *gateway) get(target string, header ...string) exchange {
	g.Helper()
	return g.do(http.MethodGet, target, "", header...)
}

func (g *gateway) do(method, target, body string, header ...string) exchange {
	g.Helper()
	x := exchange{method: method, target: target, header: http.Header{}}
	if body != "" {
		x.body = []byte(body)
	}
	for i := 0; i < len(header); i += 2 {
		x.header.Set(header[i], header[i+1])
	}
	g.send(&x)
	if err := g.check(&x); err != nil {
		g.Errorf("%v\n%v", &x, err)
	}
	return x
}

// raw is a connection on which a request can be sent in parts.
type raw struct {
	*gateway
	net.Conn
	x exchange
}

// open sends the first part of a request.
func (g *gateway) open(method, target, header, body string) *raw {
	g.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.Events, "http://"))
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { conn.Close() })
	for name, values := range g.header {
		header = name + ": " + values[0] + "\r\n" + header
	}
	r := &raw{g, conn, exchange{method: method, target: target, body: []byte(body)}}
	r.write(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, target, conn.RemoteAddr(), header) + body)
	return r
}

func (r *raw) write(text string) {
	r.Helper()
	if _, err := io.WriteString(r.Conn, text); err != nil {
		r.Fatal(err)
	}
}

// await reads the answer, which must be described unless it only asks for the body.
func (r *raw) await() exchange {
	r.Helper()
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		r.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(r.Conn), &http.Request{Method: r.x.method})
	if err != nil {
		r.Fatalf("%v: %v", &r.x, err)
	}
	r.x.read(r.T, response)
	if r.x.status == http.StatusContinue {
		return r.x
	}
	if err := r.check(&r.x); err != nil {
		r.Errorf("%v\n%v", &r.x, err)
	}
	return r.x
}
