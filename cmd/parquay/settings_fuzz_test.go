package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzSettings: whatever stands in the environment is refused with the variable's
// name, or makes settings that a gateway can work with.
func FuzzSettings(f *testing.F) {
	var names []string
	for i := range reflect.TypeFor[Settings]().NumField() {
		names = append(names, reflect.TypeFor[Settings]().Field(i).Tag.Get("envconfig"))
	}
	for i, value := range []string{
		"127.0.0.1:0", "0.0.0.0:80", "true", "1m", "7s", "512MiB", "-1", "9223372036854775807GiB", "s3://bucket/a", "file:///tmp/x",
		"10.0.0.0/8,x", "https://app.example,*", "disk", "\x00", "1e9", "NaN", "::1:1", "10000h",
	} {
		f.Add(uint(i), value)
		f.Add(uint(i)+10, value)
		f.Add(uint(i)+20, value)
	}
	f.Fuzz(func(t *testing.T, which uint, value string) {
		if strings.Contains(value, "\x00") {
			return // no environment holds it
		}
		name := names[which%uint(len(names))]
		for _, other := range names {
			t.Setenv(other, "") // restores it afterwards
			os.Unsetenv(other)
		}
		t.Setenv(name, value)
		s, err := load()
		if err != nil {
			if !strings.Contains(err.Error(), "PARQUAY_") {
				t.Errorf("%s=%q: %v", name, value, err)
			}
			return
		}
		if s.Memory <= 0 || s.RingBytes <= 0 || s.MaxBody <= 0 || s.FileRows <= 0 || s.MaxConnections <= 0 ||
			s.FlushInterval <= 0 || time.Hour%s.FlushInterval != 0 || (s.Ack != "disk" && s.Ack != "memory") || s.encoders() < 1 {
			t.Errorf("%s=%q makes %+v", name, value, s)
		}
		if _, err := s.bucketURL(); err != nil {
			t.Errorf("%s=%q: the bucket's URL: %v", name, value, err)
		}
	})
}

// TestTinyMemory: sizes whose halves and quarters are nothing are refused, and not
// taken for unset.
func TestTinyMemory(t *testing.T) {
	for _, vars := range []map[string]string{
		{"PARQUAY_MEMORY": "1"},
		{"PARQUAY_MEMORY": "7"},
		{"PARQUAY_RING_BYTES": "1"},
	} {
		setEnvironment(t, vars)
		if s, err := load(); err == nil || !strings.Contains(err.Error(), "PARQUAY_RING_BYTES") {
			t.Errorf("%v: %v, a share of %v", vars, err, s.RingBytes)
		}
	}
}
