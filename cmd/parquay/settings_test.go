// Tests of the settings: defaults, forms, rules, and what is said about them.

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// setEnvironment makes vars the only PARQUAY_ variables of the test.
func setEnvironment(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PARQUAY_") {
			t.Setenv(name, value) // restores it afterwards
			os.Unsetenv(name)
		}
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

func TestSettingsDefaults(t *testing.T) {
	setEnvironment(t, nil)
	got, err := load()
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Listen: "127.0.0.1:8080", AdminListen: "127.0.0.1:9090", Dir: "./parquay-data",
		S3Checksum: "crc32", S3Conditional: true, CheckBucket: true, Ack: "disk",
		FlushInterval: time.Minute, WindowBytes: 1 << 30, FileRows: 2_000_000,
		Memory: 512 << 20, RingBytes: 128 << 20, JournalLimit: 10 << 30,
		MaxBody: 10 << 20, MaxDecoded: 64 << 20, MaxEvent: 1 << 20,
		MaxConnections: 4096, IdempotencyWindow: 10 * time.Minute, IdempotencyKeys: 100_000,
		Late: 7 * 24 * time.Hour, Early: time.Hour, Shutdown: 30 * time.Second, LogLevel: "info",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestSettingsRules(t *testing.T) {
	for name, test := range map[string]struct {
		vars map[string]string
		want []string // one substring per problem, in order; none if the settings are good
	}{
		"ring is a quarter of the memory": {vars: map[string]string{"PARQUAY_MEMORY": "4GiB", "PARQUAY_MAX_DECODED": "512MiB"}},
		"free port twice":                 {vars: map[string]string{"PARQUAY_LISTEN": "127.0.0.1:0", "PARQUAY_ADMIN_LISTEN": "127.0.0.1:0"}},
		"loopback names":                  {vars: map[string]string{"PARQUAY_LISTEN": "localhost:1", "PARQUAY_ADMIN_LISTEN": "[::1]:1"}},
		"insecure on purpose": {vars: map[string]string{
			"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_ADMIN_LISTEN": ":9090", "PARQUAY_INSECURE": "true", "PARQUAY_ADMIN_INSECURE": "true",
		}},
		"each for itself": {
			vars: map[string]string{"PARQUAY_ADMIN_LISTEN": ":9090", "PARQUAY_INSECURE": "true"},
			want: []string{`PARQUAY_ADMIN_LISTEN: ":9090" is not a loopback`},
		},
		"and the other for itself": {
			vars: map[string]string{"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_ADMIN_INSECURE": "true"},
			want: []string{`PARQUAY_LISTEN: "0.0.0.0:80" is not a loopback`},
		},
		"open by accident": {
			vars: map[string]string{"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_ADMIN_LISTEN": ":9090"},
			want: []string{`PARQUAY_LISTEN: "0.0.0.0:80" is not a loopback`, `PARQUAY_ADMIN_LISTEN: ":9090" is not a loopback`},
		},
		"credentials cover the events alone": {
			vars: map[string]string{"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_ADMIN_LISTEN": ":9090", "PARQUAY_TENANTS": "t.json"},
			want: []string{`PARQUAY_ADMIN_LISTEN: ":9090" is not a loopback`},
		},
		"client certificates are credentials": {vars: map[string]string{
			"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_TLS_CERT": "c", "PARQUAY_TLS_KEY": "k", "PARQUAY_TLS_CLIENT_CA": "a",
		}},
		"a certificate is no credential": {
			vars: map[string]string{"PARQUAY_LISTEN": "0.0.0.0:80", "PARQUAY_TLS_CERT": "c", "PARQUAY_TLS_KEY": "k"},
			want: []string{"PARQUAY_LISTEN: "},
		},
		"insecure beside tenants":    {vars: map[string]string{"PARQUAY_INSECURE": "true", "PARQUAY_TENANTS": "t.json"}},
		"a certificate without key":  {vars: map[string]string{"PARQUAY_TLS_CERT": "c"}, want: []string{"PARQUAY_TLS_KEY: is unset"}},
		"a key without certificate":  {vars: map[string]string{"PARQUAY_TLS_KEY": "k"}, want: []string{"PARQUAY_TLS_CERT: is unset"}},
		"authorities without either": {vars: map[string]string{"PARQUAY_TLS_CLIENT_CA": "a"}, want: []string{"PARQUAY_TLS_CLIENT_CA: needs"}},
		"no connections":             {vars: map[string]string{"PARQUAY_MAX_CONNECTIONS": "0"}, want: []string{"PARQUAY_MAX_CONNECTIONS: 0 is less"}},
		"proxies":                    {vars: map[string]string{"PARQUAY_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8,192.0.2.7/32"}},
		"a proxy that is no network": {vars: map[string]string{"PARQUAY_TRUSTED_PROXIES": "10.0.0.1"}, want: []string{"PARQUAY_TRUSTED_PROXIES: "}},
		"everybody is a proxy":       {vars: map[string]string{"PARQUAY_TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, want: []string{"PARQUAY_TRUSTED_PROXIES: ::/0 is everybody"}},
		"IPv4 as IPv6":               {vars: map[string]string{"PARQUAY_TRUSTED_PROXIES": "::ffff:10.0.0.0/104"}, want: []string{"PARQUAY_TRUSTED_PROXIES: ::ffff:10.0.0.0/104 is IPv4"}},
		"origins":                    {vars: map[string]string{"PARQUAY_CORS_ORIGINS": "https://app.example,http://localhost:3000"}},
		"any origin":                 {vars: map[string]string{"PARQUAY_CORS_ORIGINS": "*"}},
		"origins that are none": {
			vars: map[string]string{"PARQUAY_CORS_ORIGINS": "app.example,https://app.example/,https://App.example,https://*.example,null,ftp://x,https://u:p@x,https://ok.example"},
			want: []string{
				`PARQUAY_CORS_ORIGINS: "app.example" is neither`, `PARQUAY_CORS_ORIGINS: "https://app.example/"`, `PARQUAY_CORS_ORIGINS: "https://App.example"`,
				`PARQUAY_CORS_ORIGINS: "https://*.example"`, `PARQUAY_CORS_ORIGINS: "null"`, `PARQUAY_CORS_ORIGINS: "ftp://x"`, `PARQUAY_CORS_ORIGINS: "https://u:p@x"`,
			},
		},
		"answers kept for a moment": {vars: map[string]string{"PARQUAY_IDEMPOTENCY_WINDOW": "999ms"}, want: []string{"PARQUAY_IDEMPOTENCY_WINDOW: "}},
		"answers kept for days":     {vars: map[string]string{"PARQUAY_IDEMPOTENCY_WINDOW": "25h"}, want: []string{"PARQUAY_IDEMPOTENCY_WINDOW: "}},
		"few idempotency keys":      {vars: map[string]string{"PARQUAY_IDEMPOTENCY_KEYS": "999"}, want: []string{"PARQUAY_IDEMPOTENCY_KEYS: 999 is less"}},
		"not loopback either": {
			vars: map[string]string{"PARQUAY_LISTEN": "localhost.example.org:80", "PARQUAY_ADMIN_LISTEN": "127.0.0.1.example.org:80"},
			want: []string{"PARQUAY_LISTEN: ", "PARQUAY_ADMIN_LISTEN: "},
		},
		"no port":      {vars: map[string]string{"PARQUAY_LISTEN": "127.0.0.1"}, want: []string{"PARQUAY_LISTEN: \"127.0.0.1\" is not host:port"}},
		"no such port": {vars: map[string]string{"PARQUAY_LISTEN": "127.0.0.1:65536"}, want: []string{"PARQUAY_LISTEN: "}},
		"one address for both": {
			vars: map[string]string{"PARQUAY_LISTEN": "127.0.0.1:9090"},
			want: []string{"PARQUAY_ADMIN_LISTEN: \"127.0.0.1:9090\" is PARQUAY_LISTEN too"},
		},
		"dir is empty":         {vars: map[string]string{"PARQUAY_DIR": ""}, want: []string{"PARQUAY_DIR: is empty"}},
		"bucket in S3":         {vars: map[string]string{"PARQUAY_BUCKET": "s3://b/some/prefix"}},
		"bucket in a folder":   {vars: map[string]string{"PARQUAY_BUCKET": "file:///var/b"}},
		"bucket elsewhere":     {vars: map[string]string{"PARQUAY_BUCKET": "gs://b"}, want: []string{`PARQUAY_BUCKET: "gs://b" is neither`}},
		"bucket without name":  {vars: map[string]string{"PARQUAY_BUCKET": "s3:///prefix"}, want: []string{"PARQUAY_BUCKET: "}},
		"relative file URL":    {vars: map[string]string{"PARQUAY_BUCKET": "file://relative/b"}, want: []string{"PARQUAY_BUCKET: "}},
		"endpoint":             {vars: map[string]string{"PARQUAY_S3_ENDPOINT": "http://127.0.0.1:7070"}},
		"endpoint is no URL":   {vars: map[string]string{"PARQUAY_S3_ENDPOINT": "127.0.0.1:7070"}, want: []string{"PARQUAY_S3_ENDPOINT: not a URL"}},
		"unknown checksum":     {vars: map[string]string{"PARQUAY_S3_CHECKSUM": "md5"}, want: []string{"PARQUAY_S3_CHECKSUM: \"md5\" is none of"}},
		"unknown level":        {vars: map[string]string{"PARQUAY_ACK": "bucket"}, want: []string{"PARQUAY_ACK: \"bucket\" is none of disk, memory"}},
		"7s leaves a rest":     {vars: map[string]string{"PARQUAY_FLUSH_INTERVAL": "7s"}, want: []string{"PARQUAY_FLUSH_INTERVAL: 7s does not divide"}},
		"no flush interval":    {vars: map[string]string{"PARQUAY_FLUSH_INTERVAL": "0s"}, want: []string{"PARQUAY_FLUSH_INTERVAL: "}},
		"two hours":            {vars: map[string]string{"PARQUAY_FLUSH_INTERVAL": "2h"}, want: []string{"PARQUAY_FLUSH_INTERVAL: "}},
		"an hour":              {vars: map[string]string{"PARQUAY_FLUSH_INTERVAL": "1h"}},
		"negative interval":    {vars: map[string]string{"PARQUAY_FLUSH_INTERVAL": "-1m"}, want: []string{"PARQUAY_FLUSH_INTERVAL: "}},
		"tiny windows":         {vars: map[string]string{"PARQUAY_WINDOW_BYTES": "1KiB"}, want: []string{"PARQUAY_WINDOW_BYTES: 1KiB is less"}},
		"tiny files":           {vars: map[string]string{"PARQUAY_FILE_ROWS": "10"}, want: []string{"PARQUAY_FILE_ROWS: 10 is less"}},
		"huge files":           {vars: map[string]string{"PARQUAY_FILE_ROWS": "9000000000"}, want: []string{"PARQUAY_FILE_ROWS: "}},
		"no events":            {vars: map[string]string{"PARQUAY_MAX_EVENT": "0"}, want: []string{"PARQUAY_MAX_EVENT: is zero"}},
		"body over decoded":    {vars: map[string]string{"PARQUAY_MAX_DECODED": "5MiB"}, want: []string{"PARQUAY_MAX_BODY: 10MiB is more"}},
		"event over decoded":   {vars: map[string]string{"PARQUAY_MAX_EVENT": "65MiB"}, want: []string{"PARQUAY_MAX_EVENT: 65MiB is more"}},
		"memory for no body":   {vars: map[string]string{"PARQUAY_MEMORY": "256MiB"}, want: []string{"PARQUAY_MAX_DECODED: 64MiB is more"}},
		"ring over memory":     {vars: map[string]string{"PARQUAY_RING_BYTES": "300MiB"}, want: []string{"PARQUAY_RING_BYTES: 300MiB is more"}},
		"window over journal":  {vars: map[string]string{"PARQUAY_JOURNAL_LIMIT": "512MiB"}, want: []string{"PARQUAY_WINDOW_BYTES: 1GiB is more"}},
		"negative late, early": {vars: map[string]string{"PARQUAY_LATE": "-1s", "PARQUAY_EARLY": "-1s"}, want: []string{"PARQUAY_LATE: ", "PARQUAY_EARLY: "}},
		"no time to stop":      {vars: map[string]string{"PARQUAY_SHUTDOWN": "0s"}, want: []string{"PARQUAY_SHUTDOWN: "}},
		"log":                  {vars: map[string]string{"PARQUAY_LOG_LEVEL": "chatty", "PARQUAY_LOG_FORMAT": "xml"}, want: []string{"PARQUAY_LOG_LEVEL: ", "PARQUAY_LOG_FORMAT: "}},
		"what can't be read and what can, at once": {
			vars: map[string]string{"PARQUAY_MEMORY": "lots", "PARQUAY_INSECURE": "maybe", "PARQUAY_FILE_ROWS": "many", "PARQUAY_LATE": "-1s"},
			want: []string{"PARQUAY_INSECURE: ", "PARQUAY_FILE_ROWS: ", `PARQUAY_MEMORY: "lots" is not a size`, "PARQUAY_LATE: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, test.vars)
			_, err := load()
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(test.want) {
				t.Fatalf("%d problems, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("problem %d is %q, want %q…", i, got[i], want)
				}
			}
		})
	}
}

// A store's URL may hold credentials by mistake: they must not reach the log.
func TestEndpointSecretIsNotRepeated(t *testing.T) {
	for _, endpoint := range []string{"https://key:hunter2@store", "key:hunter2@store", "https://key:hunter2@store:x"} {
		if err := checkEndpoint(endpoint); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// envconfig also reads a bare alternative name where a field has one: DIR or
// MEMORY in an environment must never become a setting.
func TestBareNamesAreNotRead(t *testing.T) {
	setEnvironment(t, map[string]string{"LISTEN": "0.0.0.0:1", "DIR": "/elsewhere", "MEMORY": "1GiB"})
	s, err := load()
	if err != nil || s.Listen != "127.0.0.1:8080" || s.Dir != "./parquay-data" || s.Memory != 512<<20 {
		t.Errorf("read %+v (%v)", s, err)
	}
}

func TestBucketURL(t *testing.T) {
	for _, test := range []struct {
		s    Settings
		want string
	}{
		{Settings{Dir: "/var/lib/parquay"}, "file:///var/lib/parquay/bucket"},
		{Settings{Dir: "/a b%20/c"}, "file:///a%20b%2520/c/bucket"},
		{Settings{Dir: "/x", Bucket: "s3://b/p"}, "s3://b/p"},
		{Settings{Dir: "/x", Bucket: "file:///y"}, "file:///y"},
	} {
		got, err := test.s.bucketURL()
		if err != nil || got != test.want {
			t.Errorf("%+v: %s (%v), want %s", test.s, got, err, test.want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]ByteSize{
		"0": 0, "1": 1, "7B": 7, "2KB": 2000, "2KiB": 2048, "3MB": 3e6, "3 MiB": 3 << 20, " 4GB": 4e9, "4GiB": 4 << 30,
	} {
		var got ByteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d (%v), want %d", text, got, err, want)
		}
		var back ByteSize
		if err := back.UnmarshalText([]byte(got.String())); err != nil || back != got {
			t.Errorf("%q: its String %q reads back as %d (%v)", text, got, back, err)
		}
	}
	for _, text := range []string{"", "MiB", "1.5GiB", "-1B", "1TB", "1mib", "1 1B", "9999999999GiB", "0x10", "1MiBGiB"} {
		var got ByteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	environ := []string{
		"PARQUAY_DIR=x", "PARQUAY_FLUSH_INTERVALL=1m", "PARQUAY_S3_PATHSTYLE=true", "PARQUAY_PORTAL=1", "PARQUAYS=1", "HOME=/",
		// what Kubernetes injects for a Service named parquay
		"PARQUAY_PORT=tcp://10.0.0.1:80", "PARQUAY_SERVICE_HOST=10.0.0.1", "PARQUAY_SERVICE_PORT=80", "PARQUAY_SERVICE_PORT_HTTP=80",
		"PARQUAY_PORT_80_TCP=tcp://10.0.0.1:80", "PARQUAY_PORT_80_TCP_PROTO=tcp", "PARQUAY_PORT_80_TCP_PORT=80", "PARQUAY_PORT_80_TCP_ADDR=10.0.0.1",
	}
	got := unknownVariables(environ, variableNames())
	want := []string{
		"unknown variable PARQUAY_FLUSH_INTERVALL: did you mean PARQUAY_FLUSH_INTERVAL?",
		"unknown variable PARQUAY_PORTAL: did you mean PARQUAY_LISTEN?",
		"unknown variable PARQUAY_S3_PATHSTYLE: did you mean PARQUAY_S3_PATH_STYLE?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// Every field is a setting with a name and a meaning, and the manual has them all.
func TestVariablesAreExplained(t *testing.T) {
	var got []string
	for _, v := range variables() {
		if v.meaning == "" || !strings.HasPrefix(v.name, "PARQUAY_") {
			t.Errorf("%+v is not explained", v)
		}
		got = append(got, v.name)
	}
	if diff := cmp.Diff(variableNames(), got); diff != "" {
		t.Errorf("explained (-struct +manual):\n%s", diff)
	}
}
