package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

func TestNoMoreEncodersThanConfigured(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.Encoders = 2 })
	var held []*encoder
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := r.acquire(t.Context(), f.layout)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch := batchOf(table, someRows(1)...)
	if err := f.Append(ctx, []*schema.Batch{batch}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append() = %v while all encoders are taken, want the context's error", err)
	}
	for _, e := range held {
		r.release(e)
	}
	// What was given up before it began did not spoil the file.
	if err := f.Append(t.Context(), []*schema.Batch{batch}); err != nil {
		t.Error(err)
	}
	if n := len(r.mu.idle); n != 2 {
		t.Errorf("%d encoders, want the 2 that were there", n)
	}
}

// An encoder that has served a table serves it again, so that two tables by turns
// don't make it build its columns each time.
func TestEncodersKeepTheirTables(t *testing.T) {
	r := newRig(t, nil)
	layouts := make([]*layout, 2)
	for i, table := range []*schema.Table{kindsTable(t), schema.Rejected()} {
		var err error
		if layouts[i], err = r.layout(table); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := r.acquire(t.Context(), layouts[0])
	b, _ := r.acquire(t.Context(), layouts[1])
	r.release(b)
	r.release(a)
	for range 3 {
		for i, want := range []*encoder{a, b} {
			got, err := r.acquire(t.Context(), layouts[i])
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("table %d is served by another encoder", i)
			}
			r.release(got)
		}
	}
}

func TestLayoutsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	for i := range 3 * maxLayouts {
		table, err := schema.Compile("t", []byte(fmt.Sprintf(`{"type":"object","properties":{"c%d":{"type":"string"}}}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.layout(table); err != nil {
			t.Fatal(err)
		}
		if n := len(r.mu.layouts); n > maxLayouts {
			t.Fatalf("%d layouts are kept", n)
		}
	}
}

func TestNewEmptiesTheSpool(t *testing.T) {
	fsys := crashfs.New(1)
	if err := fsys.MkdirAll("/spool"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0000000000000001.spool", "00000000000000ff.spool", "notes.txt"} {
		if err := fsys.WriteFile("/spool/"+name, []byte("left")); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(c *Config) { c.FS = fsys })
	r.fs = fsys
	if got := r.spooled(t); !slices.Equal(got, []string{"notes.txt"}) {
		t.Errorf("spool folder has %q, want what is not ours alone", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"no file system", func(c *Config) { c.FS = nil }},
		{"no putter", func(c *Config) { c.Putter = nil }},
		{"no folder", func(c *Config) { c.SpoolDir = "" }},
		{"no encoder", func(c *Config) { c.Encoders = 0 }},
		{"negative memory", func(c *Config) { c.Memory = -1 }},
		{"negative file in memory", func(c *Config) { c.MemoryFile = -1 }},
	} {
		r := newRig(t, nil)
		cfg := r.cfg
		c.change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New() succeeded", c.name)
		}
	}
	r := newRig(t, nil)
	for k := range 3 {
		r.fs.Inject(crashfs.At(r.fs.Operations()+k, crashfs.Fail))
		if _, err := New(r.cfg); err == nil {
			t.Errorf("New() succeeded although operation %d failed", k)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	r := newRig(t, nil)
	table := kindsTable(t)
	if _, err := r.Create(testID("other"), table); err == nil {
		t.Error("Create() took a file of another table")
	}
	id := testID("kinds")
	id.Tenant = "a/b"
	if _, err := r.Create(id, table); !errors.Is(err, ErrKey) {
		t.Errorf("Create() of tenant a/b = %v, want ErrKey", err)
	}
}
