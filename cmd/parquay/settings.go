// The settings: every PARQUAY_ variable, what it means, and what it may be.

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Settings is the whole configuration, read from the environment. The comments of
// its fields are what `parquay help serve` and the README's table say.
//
// S3's region and credentials come from the standard AWS chain (AWS_REGION,
// AWS_ACCESS_KEY_ID, profiles, container and instance roles) and not from here.
type Settings struct {
	// Where events are posted, host:port. Port 0 takes a free one, which the log names. Anything but loopback needs
	// PARQUAY_TENANTS, PARQUAY_TLS_CLIENT_CA or PARQUAY_INSECURE.
	Listen string `envconfig:"PARQUAY_LISTEN" default:"127.0.0.1:8080"`
	// Health, readiness, metrics and pprof, host:port. It asks for no credentials: anything but loopback needs
	// PARQUAY_ADMIN_INSECURE.
	AdminListen string `envconfig:"PARQUAY_ADMIN_LISTEN" default:"127.0.0.1:9090"`
	// Lets events be posted on any address without credentials: for a network that is trusted as a whole.
	Insecure bool `envconfig:"PARQUAY_INSECURE" default:"false"`
	// Lets the admin listener have any address: for a network without strangers, or for a container's own.
	AdminInsecure bool `envconfig:"PARQUAY_ADMIN_INSECURE" default:"false"`

	// A JSON file of tenants and their keys (docs/tenants.md), read again when it changes and on SIGHUP. With it every
	// request needs a key, and any address may be listened on. Unset is one tenant, default, without a key.
	Tenants string `envconfig:"PARQUAY_TENANTS"`
	// The PEM files of a certificate and its key for the event listener, read again when they change. Unset is cleartext.
	TLSCert string `envconfig:"PARQUAY_TLS_CERT"`
	// See PARQUAY_TLS_CERT.
	TLSKey string `envconfig:"PARQUAY_TLS_KEY"`
	// A PEM file of authorities. With it clients must show a certificate that one of them has signed.
	TLSClientCA string `envconfig:"PARQUAY_TLS_CLIENT_CA"`
	// Connections to the event listener at a time. Further ones wait until one ends, or one that is idle is closed.
	MaxConnections int `envconfig:"PARQUAY_MAX_CONNECTIONS" default:"4096"`
	// Networks of balancers, as 10.0.0.0/8,fd00::/8, whose X-Forwarded-For is believed about a client's address.
	TrustedProxies []netip.Prefix `envconfig:"PARQUAY_TRUSTED_PROXIES"`
	// Web origins, as https://app.example, whose scripts may post; * is any. Unset leaves CORS off.
	CORSOrigins []string `envconfig:"PARQUAY_CORS_ORIGINS"`

	// Holds journal/ and spool/, and bucket/ while PARQUAY_BUCKET is unset. A local disk, and this process's alone.
	Dir string `envconfig:"PARQUAY_DIR" default:"./parquay-data"`
	// Where files go: s3://bucket/prefix or file:///path. Unset is the folder bucket/ in PARQUAY_DIR.
	Bucket string `envconfig:"PARQUAY_BUCKET"`

	// The URL of an S3-compatible store. Unset is AWS's own for the region.
	S3Endpoint string `envconfig:"PARQUAY_S3_ENDPOINT"`
	// Puts the bucket into the path instead of the host name, as most compatible stores want it.
	S3PathStyle bool `envconfig:"PARQUAY_S3_PATH_STYLE" default:"false"`
	// What the store verifies of a put: crc32, crc32c, or none for stores that reject checksums.
	S3Checksum string `envconfig:"PARQUAY_S3_CHECKSUM" default:"crc32"`
	// Puts a file only if its key is absent (If-None-Match). For a store without that, false: a retried put then writes
	// the same rows over themselves.
	S3Conditional bool `envconfig:"PARQUAY_S3_CONDITIONAL" default:"true"`
	// Tries the bucket at start with a small object below .parquay/, and refuses one that would lose files. With a bucket
	// that does not answer it starts all the same, and puts no file before the check.
	CheckBucket bool `envconfig:"PARQUAY_CHECK_BUCKET" default:"true"`

	// When a request is answered: disk, after the sync of a journal frame that holds it (it survives power loss), or
	// memory, before that (it survives only a graceful stop).
	Ack string `envconfig:"PARQUAY_ACK" default:"disk"`

	// A window's age, 1s to 1h: how soon events are in the bucket. It divides an hour, since windows end on its multiples.
	FlushInterval time.Duration `envconfig:"PARQUAY_FLUSH_INTERVAL" default:"1m"`
	// Journal bytes at which a window ends before its age. At least 1MiB.
	WindowBytes ByteSize `envconfig:"PARQUAY_WINDOW_BYTES" default:"1GiB"`
	// Rows at which a file is cut. It is recorded with the window, so that a change never renames a file. At least 1000.
	FileRows int `envconfig:"PARQUAY_FILE_ROWS" default:"2000000"`

	// The whole byte budget. Bodies and batches take up to half of it, over which the answer is 503 with Retry-After;
	// the Go runtime's limit is set to seven eighths of it unless GOMEMLIMIT is.
	Memory ByteSize `envconfig:"PARQUAY_MEMORY" default:"512MiB"`
	// One tenant's share of the memory, over which the answer is 429. Unset is a quarter of PARQUAY_MEMORY; at most half.
	RingBytes ByteSize `envconfig:"PARQUAY_RING_BYTES"`
	// Journal bytes that may wait on disk for the bucket, over which the answer is 503 until the bucket has taken some.
	JournalLimit ByteSize `envconfig:"PARQUAY_JOURNAL_LIMIT" default:"10GiB"`

	// Bytes of a body as sent, over which the answer is 413.
	MaxBody ByteSize `envconfig:"PARQUAY_MAX_BODY" default:"10MiB"`
	// Bytes of a body decompressed, over which the answer is 413.
	MaxDecoded ByteSize `envconfig:"PARQUAY_MAX_DECODED" default:"64MiB"`
	// Bytes of one event. A longer one is rejected; the others of its body are not.
	MaxEvent ByteSize `envconfig:"PARQUAY_MAX_EVENT" default:"1MiB"`

	// How long a request's answer is remembered under its Idempotency-Key, 1s to 24h.
	IdempotencyWindow time.Duration `envconfig:"PARQUAY_IDEMPOTENCY_WINDOW" default:"10m"`
	// Idempotency keys remembered at a time, over which the answer to a new one is 503. Each takes about 260 bytes.
	IdempotencyKeys int `envconfig:"PARQUAY_IDEMPOTENCY_KEYS" default:"100000"`

	// How far an event's time may lie before its receipt. An older event is rejected.
	Late time.Duration `envconfig:"PARQUAY_LATE" default:"168h"`
	// How far an event's time may lie after its receipt.
	Early time.Duration `envconfig:"PARQUAY_EARLY" default:"1h"`

	// A folder of table schemas, <table>.json: it adds tables, and may replace events. Unset is events alone.
	Schemas string `envconfig:"PARQUAY_SCHEMAS"`

	// How long SIGTERM may take. What is not in the bucket by then stays in the journal.
	Shutdown time.Duration `envconfig:"PARQUAY_SHUTDOWN" default:"30s"`

	// debug, info, warn or error.
	LogLevel string `envconfig:"PARQUAY_LOG_LEVEL" default:"info"`
	// text or json. Unset is text on a terminal, else json.
	LogFormat string `envconfig:"PARQUAY_LOG_FORMAT"`
}

// load reads the settings from the environment and checks them. The error joins
// every problem there is, each with the variable's name.
func load() (Settings, error) {
	var s Settings
	var problems []error
	var unread []string
	v := reflect.ValueOf(&s).Elem()
	for i, name := range variableNames() {
		if err := loadField(v.Type().Field(i), v.Field(i)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			unread = append(unread, name)
		}
	}
	if s.RingBytes == 0 {
		s.RingBytes = s.Memory / 4
	}
	for _, p := range s.problems() {
		aboutUnread := slices.ContainsFunc(unread, func(name string) bool { return strings.Contains(p.Error(), name) })
		if !aboutUnread {
			problems = append(problems, p)
		}
	}
	return s, errors.Join(problems...)
}

// loadField reads one field through a struct of its own, because envconfig stops
// at the first value that it can't read.
func loadField(field reflect.StructField, v reflect.Value) error {
	one := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	if err := envconfig.Process("", one.Interface()); err != nil {
		if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
			return parse.Err
		}
		return err
	}
	v.Set(one.Elem().Field(0))
	return nil
}

// loadOrUsage is load for a command: a problem is a usage error, and an unknown
// variable is a warning.
func loadOrUsage(warn func(string)) (Settings, error) {
	for _, w := range unknownVariables(os.Environ(), variableNames()) {
		warn(w)
	}
	s, err := load()
	if err != nil {
		return s, usageError{fmt.Errorf("these settings can't work:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))}
	}
	return s, nil
}
