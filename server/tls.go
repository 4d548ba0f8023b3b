// TLS for events, with certificates that may be replaced while they are in use.

package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificatePoll is how often the files are read again. They are small, are
// replaced weeks before they expire, and comparing what they hold, unlike their
// times, also sees what a mounted secret does with symbolic links.
const certificatePoll = 10 * time.Second

// certificates keeps the TLS configuration that the files described when they last
// made sense. Connections that are open keep what they began with.
type certificates struct {
	files   TLSFiles
	log     *slog.Logger
	metrics *gateMetrics

	good atomic.Pointer[tls.Config]

	mu struct {
		sync.Mutex
		seen    [3][]byte // what the files held when they were last looked at
		failure string    // why that could not be used; "" if it is in use
	}
}

// openCertificates fails on files that can't be used: at first there are no
// earlier ones to keep.
func openCertificates(files TLSFiles, log *slog.Logger, m *gateMetrics) (*certificates, error) {
	c := &certificates{files: files, log: log, metrics: m}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// config is a configuration that asks for the good one at every handshake.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.good.Load(), nil },
	}
}

// run reads the files again and again until ctx ends. Each failure is logged once,
// however long it lasts.
func (c *certificates) run(ctx context.Context) {
	for tick := time.NewTicker(certificatePoll); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		if changed, err := c.reload(); changed && err != nil {
			c.log.Warn("the TLS files can't be used: the last good ones stay", "error", err)
		} else if changed {
			c.log.Info("the TLS files were read again")
		}
	}
}

// reload reads the files, and takes them if they differ from those last seen and
// make sense as a whole; else the last good ones stay. changed says whether this
// is news: other files, or another failure.
func (c *certificates) reload() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.files.read()
	if err == nil {
		if c.mu.failure == "" && sameFiles(seen, c.mu.seen) {
			return false, nil
		}
		err = c.use(seen)
	}
	before := c.mu.failure
	c.mu.seen, c.mu.failure = seen, ""
	if err == nil {
		c.metrics.tlsReloads.WithLabelValues("ok").Inc()
		c.metrics.tlsFailed.Set(0)
		return true, nil
	}
	c.mu.failure = err.Error()
	c.metrics.tlsFailed.Set(1)
	if changed = c.mu.failure != before; changed {
		c.metrics.tlsReloads.WithLabelValues("failed").Inc()
	}
	return changed, err
}

// use makes new handshakes use what the files hold.
func (c *certificates) use(held [3][]byte) error {
	pair, err := tls.X509KeyPair(held[0], held[1])
	if err == nil && !whole(held[0]) { // of a chain, it would take what it can read
		err = errNotWhole
	}
	if err != nil {
		return fmt.Errorf("use the certificate %s with the key %s: %w", c.files.Cert, c.files.Key, err)
	}
	cfg := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if c.files.ClientCA != "" {
		if cfg.ClientCAs, err = authorities(held[2]); err != nil {
			return fmt.Errorf("use the client authorities %s: %w", c.files.ClientCA, err)
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.metrics.tlsExpiry.Set(float64(pair.Leaf.NotAfter.Unix()))
	c.good.Store(cfg)
	return nil
}

// authorities reads PEM certificates. Unlike x509's own reading it takes all of
// them or none, so that a file that is being written is not taken in part.
func authorities(text []byte) (*x509.CertPool, error) {
	if !whole(text) {
		return nil, errNotWhole
	}
	pool := x509.NewCertPool()
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate %d: %w", n, err)
		}
		pool.AddCert(cert)
		n++
	}
	return pool, nil
}

// errNotWhole is returned for a file that may be in the middle of being written.
var errNotWhole = errors.New("it holds something else than whole PEM blocks")

// whole says whether everything that begins in a PEM text ends in it.
func whole(text []byte) bool {
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n > 0 && n == bytes.Count(text, []byte("-----BEGIN"))
}

// read returns what the certificate, the key and the client authorities hold.
func (f *TLSFiles) read() (held [3][]byte, err error) {
	for i, path := range [...]string{f.Cert, f.Key, f.ClientCA} {
		if path == "" {
			continue // only ClientCA may be
		}
		if held[i], err = os.ReadFile(path); err != nil {
			return held, fmt.Errorf("read the TLS files: %w", err)
		}
	}
	return held, nil
}

func sameFiles(a, b [3][]byte) bool {
	return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) && bytes.Equal(a[2], b[2])
}
