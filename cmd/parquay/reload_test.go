// Scripts' commands about what may change while the gateway runs, and a reload
// under load.

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"parquay/buffer/journal/vfs"
	"parquay/server/tenants"
)

// cmdHup sends SIGHUP, waits until it was obeyed, and prints the log: hup.
func cmdHup(ts *testscript.TestScript, _ bool, _ []string) {
	p := ts.Value(processKey{}).(*process)
	const obeyed = `"msg":"reloaded"`
	before := strings.Count(p.log.text(), obeyed)
	ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
	for {
		p.log.mu.Lock()
		changed := p.log.changed
		p.log.mu.Unlock()
		if strings.Count(p.log.text(), obeyed) > before {
			break
		}
		select {
		case <-changed:
		case <-p.done:
			ts.Fatalf("SIGHUP ended it:\n%s", p.log.text())
		}
	}
	io.WriteString(ts.Stdout(), p.log.text())
}

// cmdCert writes a certificate of 127.0.0.1 that has signed itself, and its key:
// cert NAME CERT KEY.
func cmdCert(ts *testscript.TestScript, _ bool, args []string) {
	cert, key, err := selfSigned(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), cert, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), key, 0o600))
}

func selfSigned(name string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), err
}

// No request fails because the files are read again, whether they are good or not.
func TestReloadDropsNothing(t *testing.T) {
	setEnvironment(t, nil)
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	key, id, hash := tenants.NewKey()
	good := fmt.Sprintf(`{"tenants":[{"name":"acme","keys":[{"id":%q,"sha256":%q}]}]}`, id, hash)
	s.Listen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	s.Dir = t.TempDir()
	s.Tenants = filepath.Join(s.Dir, "tenants.json")
	put := func(text string) {
		if err := os.WriteFile(s.Tenants+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.Tenants+".new", s.Tenants); err != nil {
			t.Fatal(err)
		}
	}
	put(good)
	tables, err := loadTables("")
	if err != nil {
		t.Fatal(err)
	}
	g, err := openGateway(t.Context(), s, tables, vfs.OS{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	signals, reloads := make(chan os.Signal, 2), make(chan os.Signal)
	ended := make(chan error, 1)
	go func() { ended <- g.run(t.Context(), signals, reloads) }()

	var clients sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				r, err := http.NewRequest("POST", "http://"+g.server.Addr().String()+"/v1/events", strings.NewReader(`{"type":"a.b"}`))
				if err != nil {
					t.Error(err)
					return
				}
				r.SetBasicAuth("acme", key)
				res, err := client.Do(r)
				if err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					t.Errorf("request %d: status %d", n, res.StatusCode)
					return
				}
			}
		})
	}
	for i := range 50 {
		text := good
		switch i % 4 {
		case 1:
			text = ""
		case 2:
			text = `{"tenants":[]}`
		case 3:
			text = strings.Replace(good, `"name"`, fmt.Sprintf(`"limits":{"events_per_second":%d},"name"`, 1_000_000+i), 1)
		}
		put(text)
		reloads <- syscall.SIGHUP // taken when the one before was obeyed
	}
	close(done)
	clients.Wait()
	signals <- syscall.SIGTERM
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
