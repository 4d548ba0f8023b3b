package tenants

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The files of the tests below.
var (
	one   = file(`acme ,"certificates":["a"]`)
	two   = file(`acme ,"certificates":["a"]`, `globex ,"certificates":["b"]`)
	three = file(`acme ,"certificates":["a"]`, `globex ,"certificates":["b"]`, `initech ,"certificates":["c"]`)
)

// watch runs a test in a bubble, in which the site's file is being watched.
func watch(t *testing.T, text string, test func(t *testing.T, s *site)) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, text)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(10*pollInterval + pollInterval/2) // from now on, between two looks
		test(t, s)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// touch writes the file in place, at the bubble's time.
func (s *site) touch(t *testing.T, text string) {
	t.Helper()
	s.write(t, text)
	if err := os.Chtimes(s.path, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// lines is how many lines of the log have a text.
func (s *site) lines(text string) int { return strings.Count(s.log.String(), text) }

const (
	badLine  = "can't be used"
	goodLine = "tenants are in effect"
)

func (s *site) check(t *testing.T, names string, good, bad int) {
	t.Helper()
	synctest.Wait()
	s.reading.Lock() // Run logs while it has it
	defer s.reading.Unlock()
	if got := s.names(); got != names {
		t.Errorf("tenants %q, want %q", got, names)
	}
	if g, b := s.lines(goodLine), s.lines(badLine); g != good || b != bad {
		t.Errorf("%d good and %d bad lines, want %d and %d:\n%s", g, b, good, bad, s.log.String())
	}
	failed := map[bool]float64{}
	failed[true] = 1
	if got := testutil.ToFloat64(s.metrics.failed); got != failed[s.last.err != nil] {
		t.Errorf("reload_failed is %v", got)
	}
}

func TestRunTakesOverAChange(t *testing.T) {
	watch(t, one, func(t *testing.T, s *site) {
		s.check(t, "acme", 1, 0)
		s.touch(t, two)
		time.Sleep(pollInterval)
		s.check(t, "acme", 1, 0) // it might still be being written
		time.Sleep(pollInterval)
		s.check(t, "acme globex", 2, 0)
		s.touch(t, two) // nothing new
		time.Sleep(time.Minute)
		s.check(t, "acme globex", 2, 0)
	})
}

// A file that nobody changes is not read, even if its clock is ahead of ours.
func TestRunReadsNothingInVain(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		watch(t, one, func(t *testing.T, s *site) {
			at := time.Now().Add(ahead)
			s.write(t, two)
			if err := os.Chtimes(s.path, at, at); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			readings := testutil.ToFloat64(s.metrics.readings.WithLabelValues("ok"))
			time.Sleep(30 * time.Minute)
			s.check(t, "acme globex", 2, 0)
			if again := testutil.ToFloat64(s.metrics.readings.WithLabelValues("ok")); again != readings {
				t.Errorf("%v ahead: it was read %v times", ahead, again-readings)
			}
		})
	}
}

// A file that changes at every look is not read, even if it is valid by chance.
func TestRunLeavesAFileThatIsBeingWritten(t *testing.T) {
	watch(t, one, func(t *testing.T, s *site) {
		for i := range 20 {
			s.touch(t, []string{two, three, three[:len(three)/2], "", "{}"}[i%5])
			time.Sleep(pollInterval)
			s.check(t, "acme", 1, 0)
		}
		s.touch(t, three)
		time.Sleep(2 * pollInterval)
		s.check(t, "acme globex initech", 2, 0)
	})
}

// Each sign of a change is enough by itself.
func TestRunNoticesEachSign(t *testing.T) {
	again := strings.Replace(two, "globex", "hooli1", 1) // as long as two
	for name, test := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"size": {func(path string) error { return os.WriteFile(path, []byte(three), 0o600) }, "acme globex initech"},
		"identity": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte(again), 0o600), os.Rename(path+".new", path))
		}, "acme hooli1"},
		"time": {func(path string) error { return os.WriteFile(path, []byte(again), 0o600) }, "acme hooli1"},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, two, func(t *testing.T, s *site) {
				s.touch(t, two)
				wrote := time.Now()
				time.Sleep(time.Minute)
				if name == "time" {
					wrote = wrote.Add(time.Nanosecond)
				}
				if err := errors.Join(test.change(s.path), os.Chtimes(s.path, wrote, wrote)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				s.check(t, test.want, 2, 0)
			})
		})
	}
}

// Whatever is wrong with a file, the last good one stays, and one line says why.
func TestRunKeepsTheLastGood(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s *site){
		"empty":   func(t *testing.T, s *site) { s.touch(t, "") },
		"invalid": func(t *testing.T, s *site) { s.touch(t, two[:len(two)-1]) },
		"nobody":  func(t *testing.T, s *site) { s.touch(t, `{"tenants":[]}`) },
		"removed": func(t *testing.T, s *site) {
			if err := os.Remove(s.path); err != nil {
				t.Fatal(err)
			}
		},
		"a folder": func(t *testing.T, s *site) {
			if err := errors.Join(os.Remove(s.path), os.Mkdir(s.path, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
		"too large": func(t *testing.T, s *site) {
			if err := os.Truncate(s.path, maxFile+1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, one, func(t *testing.T, s *site) {
				spoil(t, s)
				time.Sleep(time.Minute)
				s.check(t, "acme", 1, 1)
				if err := s.Reload(); err == nil {
					t.Error("Reload takes what Run refuses")
				}
				time.Sleep(time.Minute)
				s.check(t, "acme", 1, 1)

				s.touchNew(t, "[]") // another fault, another line
				time.Sleep(time.Minute)
				s.check(t, "acme", 1, 2)

				s.touchNew(t, two)
				time.Sleep(time.Minute)
				s.check(t, "acme globex", 2, 2)
			})
		})
	}
}

// touchNew replaces the file by another one of its name.
func (s *site) touchNew(t *testing.T, text string) {
	t.Helper()
	if err := os.RemoveAll(s.path); err != nil {
		t.Fatal(err)
	}
	s.touch(t, text)
}

// A file that comes back as it was ends the failure.
func TestRunNoticesAReturn(t *testing.T) {
	watch(t, one, func(t *testing.T, s *site) {
		if err := os.Rename(s.path, s.path+".away"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.check(t, "acme", 1, 1)
		if err := os.Rename(s.path+".away", s.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.check(t, "acme", 2, 1)
	})
}

// Kubernetes mounts a secret as links: tenants.json → ..data/tenants.json, and
// ..data → a folder. An update is a rename over ..data.
func TestRunFollowsLinks(t *testing.T) {
	watch(t, one, func(t *testing.T, s *site) {
		dir := filepath.Dir(s.path)
		publish := func(version, text string) {
			t.Helper()
			data := filepath.Join(dir, "..data")
			err := errors.Join(
				os.Mkdir(filepath.Join(dir, version), 0o700),
				os.WriteFile(filepath.Join(dir, version, "tenants.json"), []byte(text), 0o600),
				os.Symlink(version, data+"_tmp"),
				os.Rename(data+"_tmp", data),
			)
			if err != nil {
				t.Fatal(err)
			}
		}
		publish("v1", one)
		if err := errors.Join(os.Remove(s.path), os.Symlink("..data/tenants.json", s.path)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.check(t, "acme", 1, 0)
		publish("v2", three)
		time.Sleep(2 * pollInterval)
		s.check(t, "acme globex initech", 2, 0)
	})
}

// Two writes within one tick of the file system's clock leave the same time and,
// here, the same size: the second one is noticed nevertheless.
func TestRunReadsAFreshFileTwice(t *testing.T) {
	watch(t, one, func(t *testing.T, s *site) {
		s.touch(t, two)
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		s.touch(t, strings.Replace(two, "globex", "hooli1", 1))
		time.Sleep(time.Minute)
		s.check(t, "acme hooli1", 3, 0)
	})
}

// A tenant that stays goes on with its buckets under the new limits; the key of
// one that is gone stops working at once.
func TestReload(t *testing.T) {
	stays, a := newKey("")
	goes, b := newKey("")
	s := open(t, file("acme "+a+`,"limits":{"events_per_second":10,"burst":"1s"}`, "globex "+b))
	now := time.Now()
	before := s.ByKey(stays, now)
	before.Charge(now, 110, 0) // 10 seconds of debt
	if s.ByKey(goes, now) == nil {
		t.Fatal("a good key is refused")
	}

	s.write(t, file("acme "+a+`,"limits":{"events_per_second":100,"burst":"1s","ring_bytes":"1MiB"},"tables":["clicks"]`))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if s.ByKey(goes, now) != nil {
		t.Error("the key of a tenant that is gone still works")
	}
	acme := s.ByKey(stays, now)
	if acme.Share() != 1<<20 || acme.MayPost("events") || before.Share() != 0 || !before.MayPost("events") {
		t.Error("the tenant is not the new one, or the old one has changed")
	}
	// 110 tokens are missing: 100 are the bucket, and 10 take 100 ms.
	for _, tenant := range []*Tenant{acme, before} {
		var limited *Limited
		if !errors.As(tenant.Admit(now), &limited) || limited.RetryAfter > 150*time.Millisecond {
			t.Errorf("limited %+v", limited)
		}
	}

	s.write(t, file("acme "+a))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := s.ByKey(stays, now).Admit(now); err != nil {
		t.Errorf("limited without a limit: %v", err)
	}
}

// No request fails because of a reload, and none sees a half of it.
func TestReloadUnderLoad(t *testing.T) {
	key, a := newKey("")
	versions := []string{
		file("acme "+a+`,"limits":{"events_per_second":100000000000}`, `globex ,"certificates":["b"]`),
		file("acme " + a),
		file("acme " + a + `,"limits":{"bytes_per_second":100000000000,"burst":"1m"},"certificates":["b"]`),
	}
	s := open(t, versions[0])
	ctx, stop := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			for ctx.Err() == nil {
				now := time.Now()
				tenant := s.ByKey(key, now)
				if tenant == nil || tenant.Name() != "acme" {
					t.Error("a good key is refused")
					return
				}
				if err := tenant.Admit(now); err != nil {
					t.Error(err)
					return
				}
				tenant.Charge(now, 1, 1)
				tenant.RateLimit(now)
			}
		})
	}
	for i := range 200 {
		s.write(t, versions[i%len(versions)])
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
	}
	stop()
	g.Wait()
}
