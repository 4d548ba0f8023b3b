package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// authority signs certificates for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.pem, _ = a.sign(template)
	block, _ := pem.Decode(a.pem)
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign returns a certificate and its key as PEM; the first one is the authority's own.
func (a *authority) sign(template *x509.Certificate) (cert, key []byte) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer, a.key = template, private, private
	}
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	// A bubble's clock begins in the year 2000.
	template.NotBefore, template.NotAfter = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// issue returns a certificate of 127.0.0.1, for a server or a client.
func (a *authority) issue(name string) (cert, key []byte) {
	return a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

// pool is what a peer trusts.
func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// client is a client's certificate.
func (a *authority) client(name string) []tls.Certificate {
	a.t.Helper()
	pair, err := tls.X509KeyPair(a.issue(name))
	if err != nil {
		a.t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

// tlsFiles writes a server's certificate and key into a folder of the test's.
func (a *authority) tlsFiles() *TLSFiles {
	dir := a.t.TempDir()
	f := &TLSFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	a.replace(f, "first")
	return f
}

// replace puts a new certificate and key into the files.
func (a *authority) replace(f *TLSFiles, name string) {
	a.t.Helper()
	cert, key := a.issue(name)
	write(a.t, f.Cert, cert)
	write(a.t, f.Key, key)
}

func write(t testing.TB, path string, held []byte) {
	t.Helper()
	if err := os.WriteFile(path, held, 0o600); err != nil {
		t.Fatal(err)
	}
}

// shown is the name in the certificate that a server shows now, and the protocol.
func shown(addr net.Addr, cfg *tls.Config) (name, protocol string, err error) {
	c, err := tls.Dial("tcp", addr.String(), cfg)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = c.Close() }()
	// With TLS 1.3 a server's refusal of a client's certificate follows the
	// handshake, so a request is what tells.
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", "", err
	}
	if _, err := io.ReadAll(c); err != nil {
		return "", "", err
	}
	state := c.ConnectionState()
	return state.PeerCertificates[0].Subject.CommonName, state.NegotiatedProtocol, nil
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	cfg := testConfig(newFakeIntake(t))
	cfg.TLS = a.tlsFiles()
	s := start(t, cfg)
	for proto, set := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true) },
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool()}, Protocols: new(http.Protocols)}
		set(transport.Protocols)
		client := &http.Client{Transport: transport}
		res, err := client.Post("https://"+s.Addr().String()+"/v1/events", "", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 202 || res.Proto != proto {
			t.Errorf("status %d over %s, want 202 over %s", res.StatusCode, res.Proto, proto)
		}
		transport.CloseIdleConnections()
	}
	if _, _, err := shown(s.Addr(), &tls.Config{RootCAs: a.pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	if got := s.post(event); got.status != 400 {
		t.Errorf("status %d for cleartext", got.status)
	}
	if got := s.do("GET", s.admin+"/healthz", nil); got.status != 200 {
		t.Errorf("status %d on the admin listener, which has no TLS", got.status)
	}
}

func TestNewRefusesCertificates(t *testing.T) {
	a := newAuthority(t)
	for name, change := range map[string]func(*TLSFiles){
		"no certificate":       func(f *TLSFiles) { f.Cert += "x" },
		"no key":               func(f *TLSFiles) { f.Key += "x" },
		"no authorities":       func(f *TLSFiles) { f.ClientCA = f.Cert + "x" },
		"an empty certificate": func(f *TLSFiles) { write(t, f.Cert, nil) },
		"another's key":        func(f *TLSFiles) { _, key := a.issue("other"); write(t, f.Key, key) },
		"empty authorities":    func(f *TLSFiles) { f.ClientCA = f.Cert + "x"; write(t, f.ClientCA, nil) },
		"a key as authority":   func(f *TLSFiles) { f.ClientCA = f.Key },
		"half an authority": func(f *TLSFiles) {
			f.ClientCA = f.Cert + "x"
			write(t, f.ClientCA, append(bytes.Clone(a.pem), a.pem[:len(a.pem)/2]...))
		},
		"a damaged authority": func(f *TLSFiles) {
			f.ClientCA = f.Cert + "x"
			write(t, f.ClientCA, append(bytes.Replace(a.pem, []byte("MII"), []byte("!!!"), 1), a.pem...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(newFakeIntake(t))
			cfg.TLS = a.tlsFiles()
			change(cfg.TLS)
			s, err := New(cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), "PARQUAY_TLS_CERT") || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// New handshakes get the new certificate, connections that are open stay.
func TestReloadReplacesTheCertificate(t *testing.T) {
	a := newAuthority(t)
	cfg := testConfig(newFakeIntake(t))
	cfg.TLS = a.tlsFiles()
	s := start(t, cfg)
	trust := &tls.Config{RootCAs: a.pool()}

	open, err := tls.Dial("tcp", s.Addr().String(), trust)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	a.replace(cfg.TLS, "second")
	if name, _, err := shown(s.Addr(), trust); name != "first" {
		t.Errorf("%q is shown before the reload (%v)", name, err)
	}
	if err := s.Reload(); err != nil {
		t.Error(err)
	}
	if name, _, err := shown(s.Addr(), trust); name != "second" {
		t.Errorf("%q is shown after the reload (%v)", name, err)
	}
	if _, err := io.WriteString(open, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(open); err != nil || !bytes.Contains(got, []byte("200 OK")) {
		t.Errorf("on the connection that was open: %q, %v", got, err)
	}

	write(t, cfg.TLS.Key, []byte("nonsense"))
	for range 2 {
		if err := s.Reload(); err == nil || strings.Contains(err.Error(), "nonsense") {
			t.Errorf("error %v of a broken key", err)
		}
	}
	if name, _, err := shown(s.Addr(), trust); name != "second" {
		t.Errorf("%q is shown with a broken key (%v)", name, err)
	}
	metrics := s.do("GET", s.admin+"/metrics", nil).body
	for _, want := range []string{
		`parquay_tls_reload_total{result="ok"} 2`, `parquay_tls_reload_total{result="failed"} 1`,
		"parquay_tls_reload_failed 1", "parquay_tls_certificate_expiry_timestamp_seconds 4.102",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

// A file that is still being written is not taken for a shorter chain, which some
// clients could not verify.
func TestReloadWaitsForTheWholeChain(t *testing.T) {
	a := newAuthority(t)
	cfg := testConfig(newFakeIntake(t))
	cfg.TLS = a.tlsFiles()
	s := start(t, cfg)
	trust := &tls.Config{RootCAs: a.pool()}
	cert, key := a.issue("second")
	write(t, cfg.TLS.Key, key)
	chain := append(cert, a.pem...)
	for _, n := range []int{len(cert) / 2, len(cert) + len(a.pem)/2, len(chain) - len("-----\n")} {
		write(t, cfg.TLS.Cert, chain[:n])
		if err := s.Reload(); err == nil {
			t.Errorf("%d of the chain's %d bytes are taken", n, len(chain))
		}
		if name, _, err := shown(s.Addr(), trust); name != "first" {
			t.Errorf("%q is shown with %d of the chain's %d bytes (%v)", name, n, len(chain), err)
		}
	}
	write(t, cfg.TLS.Cert, chain)
	if err := s.Reload(); err != nil {
		t.Error(err)
	}
	if name, _, err := shown(s.Addr(), trust); name != "second" {
		t.Errorf("%q is shown with the whole chain (%v)", name, err)
	}
}

// The files are looked at without being asked to. A failure is told once.
func TestCertificatesArePolled(t *testing.T) {
	a := newAuthority(t)
	files := a.tlsFiles()
	var log lines
	synctest.Test(t, func(t *testing.T) {
		m := newGateMetrics()
		m.register(prometheus.NewRegistry())
		c, err := openCertificates(*files, log.logger(slog.LevelInfo), m)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.run(ctx) }()
		defer func() { stop(); <-ended }()
		poll := func(times int) { time.Sleep(time.Duration(times) * certificatePoll); synctest.Wait() }
		time.Sleep(time.Second) // off the beat

		first := c.good.Load()
		poll(3)
		if c.good.Load() != first || log.String() != "" {
			t.Errorf("something was taken although nothing changed: %s", log.String())
		}
		before, err := os.ReadFile(files.Cert)
		if err != nil {
			t.Fatal(err)
		}
		write(t, files.Cert, []byte("half a"))
		poll(1)
		if err := os.Remove(files.Cert); err != nil {
			t.Fatal(err)
		}
		poll(5)
		if n := strings.Count(log.String(), "level=WARN"); c.good.Load() != first || n != 2 {
			t.Errorf("taken: %v; %d warnings of two failures: %s", c.good.Load() != first, n, log.String())
		}
		write(t, files.Cert, before)
		poll(1)
		if c.mu.failure != "" {
			t.Errorf("still failing with the good files: %s", c.mu.failure)
		}
		a.replace(files, "second")
		poll(1)
		if c.good.Load() == first || strings.Count(log.String(), "level=INFO") != 2 {
			t.Errorf("the new files were not taken: %s", log.String())
		}
	})
}

// With authorities, only clients whose certificate they have signed are heard, and
// an authority that is withdrawn is withdrawn from whoever connects again: also from
// a client that resumes a session, as crypto/tls sees to.
func TestClientCertificates(t *testing.T) {
	a, mine, others := newAuthority(t), newAuthority(t), newAuthority(t)
	cfg := testConfig(newFakeIntake(t))
	cfg.TLS = a.tlsFiles()
	cfg.TLS.ClientCA = filepath.Join(t.TempDir(), "ca.crt")
	write(t, cfg.TLS.ClientCA, mine.pem)
	cfg.Listen = ":0" // a verified certificate is a credential
	s := start(t, cfg)
	_, port, _ := net.SplitHostPort(s.Addr().String())
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	resumed := tls.NewLRUClientSessionCache(10)
	good := &tls.Config{RootCAs: a.pool(), Certificates: mine.client("client"), ClientSessionCache: resumed}
	for range 2 {
		if _, _, err := shown(addr, good); err != nil {
			t.Errorf("a client of ours: %v", err)
		}
	}
	for name, certs := range map[string][]tls.Certificate{"no": nil, "another authority's": others.client("client")} {
		if _, _, err := shown(addr, &tls.Config{RootCAs: a.pool(), Certificates: certs}); err == nil {
			t.Errorf("a client with %s certificate is heard", name)
		}
	}
	write(t, cfg.TLS.ClientCA, others.pem)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := shown(addr, good); err == nil {
		t.Error("a client is heard after its authority was withdrawn")
	}
}
