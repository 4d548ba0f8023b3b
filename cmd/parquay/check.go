// What the settings may be, checked before anything opens.

package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problems lists every setting that can't work, alone or together with others.
func (s *Settings) problems() []error {
	var list []error
	rule := func(ok bool, format string, args ...any) {
		if !ok {
			list = append(list, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(name, value string, allowed ...string) {
		rule(slices.Contains(allowed, value), "%s: %q is none of %s", name, value, strings.Join(allowed, ", "))
	}

	list = append(list, s.addressProblems()...)
	list = append(list, s.gateProblems()...)
	rule(s.Dir != "", "PARQUAY_DIR: is empty")
	if _, err := s.bucketURL(); err != nil {
		rule(false, "PARQUAY_BUCKET: %w", err)
	}
	if err := checkEndpoint(s.S3Endpoint); err != nil {
		rule(false, "PARQUAY_S3_ENDPOINT: %w", err)
	}
	oneOf("PARQUAY_S3_CHECKSUM", s.S3Checksum, "crc32", "crc32c", "none")
	oneOf("PARQUAY_ACK", s.Ack, "disk", "memory")

	rule(s.FlushInterval >= time.Second && s.FlushInterval <= time.Hour && time.Hour%s.FlushInterval == 0,
		"PARQUAY_FLUSH_INTERVAL: %v does not divide an hour into windows of 1s to 1h (1s, 5s, 10s, 30s, 1m, 5m, 15m, 1h do)", s.FlushInterval)
	rule(s.WindowBytes >= 1<<20, "PARQUAY_WINDOW_BYTES: %v is less than 1MiB", s.WindowBytes)
	rule(s.FileRows >= 1000, "PARQUAY_FILE_ROWS: %d is less than 1000: files would be too small to be worth opening", s.FileRows)
	rule(s.FileRows <= 1<<30, "PARQUAY_FILE_ROWS: %d is more than %d", s.FileRows, 1<<30)
	list = append(list, s.sizeProblems()...)

	rule(s.Late >= 0, "PARQUAY_LATE: %v is negative", s.Late)
	rule(s.Early >= 0, "PARQUAY_EARLY: %v is negative", s.Early)
	rule(s.Shutdown > 0, "PARQUAY_SHUTDOWN: %v is not positive", s.Shutdown)
	var level slog.Level
	rule(level.UnmarshalText([]byte(s.LogLevel)) == nil, "PARQUAY_LOG_LEVEL: %q is none of debug, info, warn, error", s.LogLevel)
	rule(s.IdempotencyWindow >= time.Second && s.IdempotencyWindow <= 24*time.Hour,
		"PARQUAY_IDEMPOTENCY_WINDOW: %v is not within 1s to 24h", s.IdempotencyWindow)
	rule(s.IdempotencyKeys >= 1000, "PARQUAY_IDEMPOTENCY_KEYS: %d is less than 1000", s.IdempotencyKeys)
	oneOf("PARQUAY_LOG_FORMAT", s.LogFormat, "", "text", "json")
	return list
}

// sizeProblems checks the byte bounds against one another: whatever one limit
// admits, the next one must be able to hold.
func (s *Settings) sizeProblems() []error {
	var list []error
	for _, size := range []struct {
		name  string
		value ByteSize
	}{
		{"PARQUAY_MEMORY", s.Memory},
		{"PARQUAY_JOURNAL_LIMIT", s.JournalLimit},
		{"PARQUAY_MAX_BODY", s.MaxBody},
		{"PARQUAY_MAX_DECODED", s.MaxDecoded},
		{"PARQUAY_MAX_EVENT", s.MaxEvent},
	} {
		if size.value < 1 {
			list = append(list, fmt.Errorf("%s: is zero", size.name))
		}
	}
	if s.Memory > 0 && s.RingBytes < 2 { // it is a quarter of the memory, if it is unset
		list = append(list, fmt.Errorf("PARQUAY_RING_BYTES: %v holds no request", s.RingBytes))
	}
	atMost := func(name string, value ByteSize, otherName string, other ByteSize, reason string) {
		if value > other && other > 0 { // zero was reported, or not read
			list = append(list, fmt.Errorf("%s: %v is more than %s allows (%v): %s", name, value, otherName, other, reason))
		}
	}
	atMost("PARQUAY_MAX_BODY", s.MaxBody, "PARQUAY_MAX_DECODED", s.MaxDecoded, "a body that is not compressed counts for both")
	atMost("PARQUAY_MAX_EVENT", s.MaxEvent, "PARQUAY_MAX_DECODED", s.MaxDecoded, "an event is part of a body")
	atMost("PARQUAY_MAX_DECODED", s.MaxDecoded, "half of PARQUAY_RING_BYTES", s.RingBytes/2, "a body and its columns count against the tenant's share")
	atMost("PARQUAY_RING_BYTES", s.RingBytes, "half of PARQUAY_MEMORY", s.Memory/2, "the other half is for encoding and for the runtime")
	atMost("PARQUAY_WINDOW_BYTES", s.WindowBytes, "PARQUAY_JOURNAL_LIMIT", s.JournalLimit, "a window is deleted only as a whole")
	return list
}

// gateProblems checks who may come in, and how.
func (s *Settings) gateProblems() []error {
	var list []error
	rule := func(ok bool, format string, args ...any) {
		if !ok {
			list = append(list, fmt.Errorf(format, args...))
		}
	}
	rule(s.TLSKey != "" || s.TLSCert == "", "PARQUAY_TLS_KEY: is unset, and the certificate of PARQUAY_TLS_CERT needs it")
	rule(s.TLSCert != "" || s.TLSKey == "", "PARQUAY_TLS_CERT: is unset, and the key of PARQUAY_TLS_KEY is of no use without it")
	rule(s.TLSCert != "" || s.TLSClientCA == "", "PARQUAY_TLS_CLIENT_CA: needs PARQUAY_TLS_CERT and PARQUAY_TLS_KEY: without TLS no client shows a certificate")
	rule(s.MaxConnections >= 1, "PARQUAY_MAX_CONNECTIONS: %d is less than 1", s.MaxConnections)
	for _, network := range s.TrustedProxies {
		rule(!network.Addr().Is4In6(), "PARQUAY_TRUSTED_PROXIES: %v is IPv4 in the form of IPv6: write it as IPv4", network)
		rule(network.Bits() > 0, "PARQUAY_TRUSTED_PROXIES: %v is everybody, and then anybody may say who they are", network)
	}
	for _, origin := range s.CORSOrigins {
		rule(isOrigin(origin), "PARQUAY_CORS_ORIGINS: %q is neither an origin such as https://app.example nor *", origin)
	}
	return list
}

// isOrigin reports whether a browser could send an origin in this form: without a
// path, and in small letters, since it is compared as it is.
func isOrigin(text string) bool {
	if text == "*" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		!strings.ContainsAny(u.Host, "*,") && text == strings.ToLower(u.Scheme+"://"+u.Host)
}

// addressProblems checks both listeners: well-formed, distinct, and on loopback
// unless credentials are asked for or that was waived, so that nothing is open by
// accident. The admin listener asks for none.
func (s *Settings) addressProblems() []error {
	var list []error
	for _, l := range []struct {
		name, address string
		anywhere      bool
	}{
		{"PARQUAY_LISTEN", s.Listen, s.Tenants != "" || s.TLSClientCA != "" || s.Insecure},
		{"PARQUAY_ADMIN_LISTEN", s.AdminListen, s.AdminInsecure},
	} {
		host, port, err := net.SplitHostPort(l.address)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		switch {
		case err != nil:
			list = append(list, fmt.Errorf("%s: %q is not host:port", l.name, l.address))
		case l.anywhere || isLoopback(host):
		case l.name == "PARQUAY_LISTEN":
			list = append(list, fmt.Errorf("%s: %q is not a loopback address and no credentials are configured: "+
				"anyone who reaches it could write; PARQUAY_TENANTS says who may, PARQUAY_INSECURE=true allows everybody", l.name, l.address))
		default:
			list = append(list, fmt.Errorf("%s: %q is not a loopback address and asks for no credentials: "+
				"anyone who reaches it could read profiles; PARQUAY_ADMIN_INSECURE=true allows it", l.name, l.address))
		}
	}
	if s.Listen == s.AdminListen && !strings.HasSuffix(s.Listen, ":0") {
		list = append(list, fmt.Errorf("PARQUAY_ADMIN_LISTEN: %q is PARQUAY_LISTEN too", s.AdminListen))
	}
	return list
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// bucketURL is where files go: Bucket, or the folder bucket/ in Dir as a URL.
func (s *Settings) bucketURL() (string, error) {
	if s.Bucket == "" {
		dir, err := filepath.Abs(filepath.Join(s.Dir, "bucket"))
		return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String(), err
	}
	u, err := url.Parse(s.Bucket)
	switch {
	case err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("not a URL of the form s3://bucket/prefix or file:///path")
	case u.Scheme == "s3" && u.Host != "", u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return s.Bucket, nil
	}
	return "", fmt.Errorf("%q is neither s3://bucket/prefix nor file:///path", s.Bucket)
}

// checkEndpoint says what is wrong with a store's URL; an empty one is AWS's own.
// It never repeats the URL, which may hold what should not be logged.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		return nil
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("not a URL of the form https://host:port")
	case u.User != nil:
		return fmt.Errorf("holds credentials: those come from the AWS chain (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)")
	}
	return nil
}
