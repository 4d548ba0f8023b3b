package cost

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load() Load {
	return Load{
		Events: 100e6, JSONBytes: 455, FileBytes: 60, CPU: 4, Tenants: 100, Windows: 60, Peak: 2, Utilization: 0.6, KeepDays: 365, Scans: 3,
	}
}

func bill(t *testing.T, l Load, system string) Bill {
	t.Helper()
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range Bills(l, p) {
		if b.System == system {
			return b
		}
	}
	t.Fatalf("no bill of %s", system)
	return Bill{}
}

func item(t *testing.T, b Bill, name string) float64 {
	t.Helper()
	for _, i := range b.Items {
		if i.Name == name {
			return i.USD
		}
	}
	t.Fatalf("%s has no %s", b.System, name)
	return 0
}

// Bills that were reckoned by hand.
func TestBills(t *testing.T) {
	l := load()
	month := 100e6 * 730 / 24
	for _, test := range []struct {
		system, item string
		want         float64
	}{
		// 2,315 events/s at the peak are 0.015 CPUs: two machines, so that one may fail.
		{"Parquay", "machines", 2 * 730 * 0.0725},
		{"Parquay", "disks", 2 * 20 * 0.08},
		// 100 tenants in 60 windows an hour from each of two machines.
		{"Parquay", "puts", 100 * 60 * 730 * 2 * 5e-6},
		{"Parquay", "storage", 100e6 * 365 * 60 / (1 << 30) * 0.023},
		{"Parquay", "queries", month * 60 * 3 / (1 << 40) * 5},
		{"Firehose", "intake", month * 5120 / (1 << 30) * 0.029},
		{"Firehose", "conversion", month * 5120 / (1 << 30) * 0.018},
		{"Kafka Connect", "brokers", 3 * 730 * 0.204},
		{"Kafka Connect", "connectors", 730 * 0.11},
		{"Flink", "units", 2 * (730*0.11 + 5)},
	} {
		if got := item(t, bill(t, l, test.system), test.item); math.Abs(got-test.want) > 1e-6*test.want {
			t.Errorf("%s, %s: $ %.4f, and by hand $ %.4f", test.system, test.item, got, test.want)
		}
	}
}

// A billion records of 1 KB cost 224 dollars at Firehose before partitioning.
func TestFirehoseRounding(t *testing.T) {
	l := load()
	l.Events, l.JSONBytes = 1e9/days, 1000
	b := bill(t, l, "Firehose")
	if got := item(t, b, "intake") + item(t, b, "conversion"); math.Abs(got-224) > 0.5 {
		t.Errorf("$ %.2f", got)
	}
}

// More load takes more machines, brokers and units.
func TestBillsGrow(t *testing.T) {
	small, large := load(), load()
	large.Events *= 1000
	for system, name := range map[string]string{"Parquay": "machines", "Firehose": "intake", "Kafka Connect": "connectors", "Flink": "units"} {
		if a, b := item(t, bill(t, small, system), name), item(t, bill(t, large, system), name); b < 3*a {
			t.Errorf("%s, %s: $ %.2f for a thousand times what costs $ %.2f", system, name, b, a)
		}
	}
}

// A table with a price too few or too many is refused.
func TestReadPrices(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"whole":              func(s string) string { return s },
		"a price is missing": func(s string) string { return strings.Replace(s, `"scan_tb"`, `"scan_gb"`, 1) },
		"unknown member":     func(s string) string { return strings.Replace(s, `"usd"`, `"eur"`, 1) },
		"an assumption is 0": func(s string) string { return strings.Replace(s, `"value": 20,`, `"value": 0,`, 1) },
		"not JSON":           func(s string) string { return s[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "prices.json")
			if err := os.WriteFile(path, []byte(change(string(listPrices))), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadPrices(path); (err == nil) != (name == "whole") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Write(&out, load(), Bills(load(), p)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Parquay", "Firehose", "Kafka Connect", "Flink", "a million events"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("no %q in\n%s", text, out.String())
		}
	}
}
