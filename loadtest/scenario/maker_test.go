package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func testPlan() *Plan {
	p := &Plan{Run: 0xfeed, Seed: 7, Table: "events", Late: 0.1, Invalid: 0.1}
	for i := range 50 {
		p.Tenants = append(p.Tenants, fmt.Sprintf("t%d", i))
	}
	p.Traffic = []Traffic{{Name: "all", Connections: 4, Curve: Flat, Encoding: "zstd", Batch: Sizes{1, 1000}, Tenants: 50, Zipf: 1.1}}
	return p
}

// now is some moment, in milliseconds.
const now = int64(1_795_415_730_123)

// Whatever is read from an event's own text is enough to make it again.
func TestMakeAgain(t *testing.T) {
	p := testPlan()
	first, second := NewMaker(p), NewMaker(p)
	rapid.Check(t, func(t *rapid.T) {
		worker := rapid.IntRange(0, MaxWorkers-1).Draw(t, "worker")
		sequence := rapid.Int64Range(0, MaxSequence-1).Draw(t, "sequence")
		tenant := rapid.IntRange(0, len(p.Tenants)-1).Draw(t, "tenant")
		text, valid := first.Append([]byte("before"), worker, sequence, tenant, now)
		text = bytes.TrimPrefix(text, []byte("before"))

		id, at, ok := second.ParseRaw(text)
		if !ok {
			t.Fatalf("can't read %s", text)
		}
		if id.Worker != worker || id.Sequence != sequence || !p.Genuine(id) || !p.Belongs(id, tenant, at) {
			t.Fatalf("read %+v of %d, %d: %s", id, worker, sequence, text)
		}
		again, code := second.Again(id.Worker, id.Sequence, tenant, at)
		if !bytes.Equal(text, again) || (code == "") != valid || second.Valid(worker, sequence) != valid {
			t.Fatalf("made\n%s and then\n%s (%q)", text, again, code)
		}
		if valid && !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		if at > now || at < now-7*msPerDay+msPerDay/24 {
			t.Fatalf("time %d of now %d", at, now)
		}
	})
}

// An id does not fit another place.
func TestIDBelongsToOnePlace(t *testing.T) {
	p := testPlan()
	id := p.identify(3, 99, 7, now)
	for _, test := range []struct {
		name    string
		id      ID
		tenant  int
		at      int64
		genuine bool
		belongs bool
	}{
		{"itself", id, 7, now, true, true},
		{"another tenant", id, 8, now, true, false},
		{"another time", id, 7, now + 1, true, false},
		{"another worker", ID{4, 99, id.proof}, 7, now, false, false},
		{"another sequence", ID{3, 98, id.proof}, 7, now, false, false},
	} {
		if got := p.Genuine(test.id); got != test.genuine {
			t.Errorf("%s: genuine is %v", test.name, got)
		}
		if got := p.Belongs(test.id, test.tenant, test.at); got != test.belongs {
			t.Errorf("%s: belongs is %v", test.name, got)
		}
	}
	other := testPlan()
	other.Run++
	var text [IDLength]byte
	id.put(&text, p.Run)
	if _, ok := other.ParseID(text[:]); ok {
		t.Error("an id is read as one of another run")
	}
	if got, ok := p.ParseID(text[:]); !ok || got != id {
		t.Errorf("read %+v of %+v", got, id)
	}
}

// Each fault changes what the schema looks at, and keeps the event readable.
func TestFaultsSpoil(t *testing.T) {
	p := testPlan()
	m := NewMaker(p)
	for i, f := range faults {
		m.event.set(p, 1, 5, 2, now)
		text := m.event.append(nil)
		spoilt := f.spoil(bytes.Clone(text))
		if bytes.Equal(text, spoilt) {
			t.Errorf("%s changes nothing", faults[i].code)
		}
		if _, _, ok := m.ParseRaw(spoilt); !ok {
			t.Errorf("%s: can't read %s", f.code, spoilt)
		}
	}
}

// The shares of late and invalid events, the sizes of bodies and the shares of
// tenants are what the plan says.
func TestShares(t *testing.T) {
	p := testPlan()
	m, b := NewMaker(p), p.Bodies(&p.Traffic[0])
	const n = 20000
	invalid, late, events, first := 0, 0, 0, 0
	for i := range int64(n) {
		fault, ago := m.fate(0, i)
		if fault != nil {
			invalid++
		} else if ago > 2000 {
			late++
		}
		size, tenant := b.Next(1, i)
		events += size
		if tenant == 0 {
			first++
		}
	}
	near := func(name string, got, want, within float64) {
		if math.Abs(got-want) > within*want {
			t.Errorf("%s: %v, and should be %v", name, got, want)
		}
	}
	near("invalid", float64(invalid)/n, 0.1, 0.1)
	near("late", float64(late)/n, 0.1, 0.1)
	near("events of a body", float64(events)/n, b.traffic.Batch.Mean(), 0.05)
	near("of the first tenant", float64(first)/n, b.upTo[0], 0.05)
}

func TestSizes(t *testing.T) {
	var s Sizes
	for text, want := range map[string]Sizes{"1": {1, 1}, "500": {500, 500}, "1-1000": {1, 1000}} {
		if err := s.Set(text); err != nil || s != want || s.String() != text {
			t.Errorf("%s is read as %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "5-1", "x", "1-x", "100001"} {
		if s.Set(text) == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, name := range []string{"plain", "late and invalid"} {
		b.Run(name, func(b *testing.B) {
			p := testPlan()
			if name == "plain" {
				p.Late, p.Invalid = 0, 0
			}
			m := NewMaker(p)
			var text []byte
			sequence, size := int64(0), int64(0)
			b.ReportAllocs()
			for b.Loop() {
				text, _ = m.Append(text[:0], 1, sequence, 3, now)
				sequence++
				size += int64(len(text))
			}
			b.SetBytes(size / sequence)
		})
	}
}

func BenchmarkExpect(b *testing.B) {
	p := testPlan()
	e, err := NewMaker(p).NewExpect(NewSums(), nil)
	if err != nil {
		b.Fatal(err)
	}
	sequence := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		e.Row(1, sequence, 3, now)
		sequence++
	}
}
