package writer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/writer"
	"parquay/writer/s3test"
)

// probed runs a probe of a bucket that can be asked, and returns the properties that
// it found wanting, fatal ones with a "!".
func probed(t *testing.T, b writer.Bucket) (text string) {
	t.Helper()
	found, err := writer.Probe(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found {
		t.Log(f)
		name := f.Property
		if f.Fatal {
			name += "!"
		}
		if f.Problem == "" || f.Advice == "" {
			t.Errorf("%+v does not explain itself", f)
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

// Whatever a store does otherwise than it should is found: what could lose events is
// fatal, and what can't is not.
func TestProbeFindsFlaws(t *testing.T) {
	setenv(t)
	conditional := writer.S3Options{Conditional: true}
	for name, test := range map[string]struct {
		flaws   s3test.Flaws
		options writer.S3Options
		want    string
	}{
		"none":                               {s3test.Flaws{}, conditional, ""},
		"none, unconditional":                {s3test.Flaws{}, writer.S3Options{}, ""},
		"ignores the condition":              {s3test.Flaws{Winners: 1000}, conditional, "create once"},
		"ignores it under concurrency":       {s3test.Flaws{Winners: 16}, conditional, "create once"},
		"two of sixteen win":                 {s3test.Flaws{Winners: 2}, conditional, "create once"},
		"is never empty":                     {s3test.Flaws{Exists: true}, conditional, "create!"},
		"is never empty, may not be read":    {s3test.Flaws{Exists: true, NoRead: true}, conditional, "create!"},
		"every put comes twice":              {s3test.Flaws{Repeats: true}, conditional, ""},
		"twice, and is damaged":              {s3test.Flaws{Repeats: true, Spoils: true}, conditional, "create!"},
		"may not be read, unconditional":     {s3test.Flaws{NoRead: true}, writer.S3Options{}, "read"},
		"forgets":                            {s3test.Flaws{Forgets: true}, conditional, "read!"},
		"forgets, unconditional":             {s3test.Flaws{Forgets: true}, writer.S3Options{}, "read!"},
		"damages":                            {s3test.Flaws{Spoils: true}, conditional, "read!"},
		"shows late":                         {s3test.Flaws{Invisible: 2}, conditional, "read"},
		"knows no condition":                 {s3test.Flaws{NoCondition: true}, conditional, "create!"},
		"knows no condition, unconditional":  {s3test.Flaws{NoCondition: true}, writer.S3Options{}, ""},
		"knows no checksum":                  {s3test.Flaws{NoChecksum: true}, conditional, "create!"},
		"knows no checksum, unconditional":   {s3test.Flaws{NoChecksum: true}, writer.S3Options{}, "create!"},
		"knows neither":                      {s3test.Flaws{NoCondition: true, NoChecksum: true}, conditional, "create!"},
		"knows neither, and is asked for no": {s3test.Flaws{NoCondition: true, NoChecksum: true}, writer.S3Options{Checksum: "none"}, ""},
		"may not be read":                    {s3test.Flaws{NoRead: true}, conditional, "read"},
		"may not be deleted":                 {s3test.Flaws{NoDelete: true}, conditional, "delete"},
		"clock ahead":                        {s3test.Flaws{Ahead: 6 * time.Minute}, conditional, "clock"},
		"clock behind":                       {s3test.Flaws{Ahead: -time.Hour}, conditional, "clock"},
		"clock nearly right":                 {s3test.Flaws{Ahead: 4 * time.Minute}, conditional, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store := s3test.NewFake(t, test.flaws)
			options := test.options
			options.Endpoint, options.PathStyle = store.Endpoint, true
			if got := probed(t, open(t, "s3://bucket/prefix", options)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
			if left := store.Keys(); len(left) > 0 && !test.flaws.NoDelete {
				t.Errorf("it leaves %q", left)
			}
		})
	}
}

// The settings that are advised are those that help.
func TestProbeNamesTheSetting(t *testing.T) {
	setenv(t)
	for want, flaws := range map[string]s3test.Flaws{
		"set PARQUAY_S3_CONDITIONAL=false":                              {NoCondition: true},
		"set PARQUAY_S3_CHECKSUM=none":                                  {NoChecksum: true},
		"set PARQUAY_S3_CONDITIONAL=false and PARQUAY_S3_CHECKSUM=none": {NoChecksum: true, NoCondition: true},
	} {
		store := s3test.NewFake(t, flaws)
		found, err := writer.Probe(t.Context(), open(t, "s3://bucket", writer.S3Options{Endpoint: store.Endpoint, PathStyle: true, Conditional: true}))
		if err != nil || len(found) != 1 || found[0].Advice != want {
			t.Errorf("found %+v, %v; want the advice %q", found, err, want)
		}
	}
}

// A store that refuses everything may be another tomorrow: it is no flaw of it.
func TestProbeOfAStoreThatIsAway(t *testing.T) {
	setenv(t)
	for _, status := range []int{400, 403, 404, 429, 500, 501, 503} {
		store := s3test.NewFake(t, s3test.Flaws{Status: status})
		b := open(t, "s3://bucket", writer.S3Options{Endpoint: store.Endpoint, PathStyle: true, Conditional: true})
		if found, err := writer.Probe(t.Context(), b); err == nil || len(found) > 0 {
			t.Errorf("%d: found %v, %v; want an error alone", status, found, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := open(t, "s3://bucket", writer.S3Options{Endpoint: "http://127.0.0.1:1", PathStyle: true, Conditional: true})
	if _, err := writer.Probe(ctx, b); err == nil {
		t.Error("no error after the end of the context")
	}
}

// What is known to be good is found to be.
func TestProbeOfGoodBuckets(t *testing.T) {
	if got := probed(t, writer.NewDir(crashfs.New(1), "/bucket")); got != "" {
		t.Errorf("directory: found %q", got)
	}
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	for _, conditional := range []bool{true, false} {
		b := open(t, gateway.URL("prefix"), writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: conditional})
		if got := probed(t, b); got != "" {
			t.Errorf("versitygw, conditional=%v: found %q", conditional, got)
		}
		for o, err := range b.List(t.Context(), "") {
			t.Errorf("it leaves %v, %v", o.Key, err)
		}
	}
}

// replacing is a bucket in which every put counts.
type replacing struct{ writer.Bucket }

func (b replacing) Put(ctx context.Context, key string, body writer.Body) error {
	if err := b.Delete(ctx, key); err != nil {
		return err
	}
	return b.Bucket.Put(ctx, key, body)
}

// Also where a put does not tell whether it has made the object, one that replaces
// it is found.
func TestProbeFindsReplacement(t *testing.T) {
	if got := probed(t, replacing{writer.NewDir(crashfs.New(1), "/bucket")}); got != "create once" {
		t.Errorf("found %q", got)
	}
}
