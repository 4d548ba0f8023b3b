package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates for a site's gateway.
type authority struct {
	site        *site
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

// useTLS gives the gateways of the site a certificate of a new authority.
func (s *site) useTLS() *authority {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		s.Fatal(err)
	}
	a := &authority{site: s, certificate: certificate, key: key, serial: 1}
	a.exchange()
	s.scheme = "https"
	s.env = append(s.env, "PARQUAY_TLS_CERT="+a.path("tls.crt"), "PARQUAY_TLS_KEY="+a.path("tls.key"))
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.site.work, name) }

// exchange puts a new certificate and its key into their files, one after the other,
// and returns its serial number.
func (a *authority) exchange() int64 {
	s := a.site
	s.Helper()
	a.serial++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: "parquay"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		s.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.Fatal(err)
	}
	for _, file := range []struct {
		name  string
		block pem.Block
	}{
		{"tls.crt", pem.Block{Type: "CERTIFICATE", Bytes: der}},
		{"tls.key", pem.Block{Type: "PRIVATE KEY", Bytes: private}},
	} {
		if err := os.WriteFile(a.path(file.name), pem.EncodeToMemory(&file.block), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return a.serial
}

// client trusts the authority alone.
func (a *authority) client() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{RootCAs: pool}
}

// served opens a connection and returns the serial number of the certificate on it.
func (a *authority) served(t testing.TB) int64 {
	t.Helper()
	c, err := tls.Dial("tcp", a.site.address(), a.client())
	if err != nil {
		t.Fatalf("a new connection: %v", err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
