// The flags of a load, and the plan that they make.

package main

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"parquay/loadtest/scenario"
)

// settings is what the flags say.
type settings struct {
	targets, admins string
	scenario        string
	events          int64
	duration        time.Duration
	rate            float64
	batch           scenario.Sizes
	connections     int
	encoding        string
	curve           string
	tenants         int
	zipf            float64
	keys            string
	tenant, table   string
	late, invalid   float64
	sample          string
	seed            uint64
	timeout         time.Duration
	patience        time.Duration
	insecure        bool
	ca              string
	noisyRate       float64

	verify bool
	place  place
	json   string
	html   string
}

// preset is what a scenario changes of the flags' defaults.
type preset struct {
	about string
	flags map[string]string
}

// presets are the scenarios.
var presets = map[string]preset{
	"batch":   {"bodies of 500 events, as services send that gather them", nil},
	"single":  {"one event a body, as webhooks come", map[string]string{"batch": "1", "connections": "64", "n": "100000"}},
	"mixed":   {"bodies of 1 to 1000 events, plain, gzip and zstd", map[string]string{"batch": "1-1000", "encoding": "mixed", "connections": "16"}},
	"tenants": {"bodies of 100 events of 1,000 tenants, whose shares are Zipf's", map[string]string{"batch": "100", "tenants": "1000", "zipf": "1.1", "connections": "16"}},
	"late":    {"a tenth of the events is from one hour to six days late", map[string]string{"late": "0.1"}},
	"invalid": {"one event in twenty is refused by the schema", map[string]string{"invalid": "0.05"}},
	"noisy":   {"tenant 1 sends all it can while the others keep to -rate", map[string]string{"tenants": "10", "rate": "5000", "batch": "50", "duration": "1m", "n": "0"}},
	"day":     {"a day's curve, compressed into -duration", map[string]string{"curve": "day", "duration": "5m", "tenants": "100", "zipf": "1.1", "batch": "1-1000", "connections": "32"}},
}

// define makes the flags. Their defaults are those of the scenario batch.
func (s *settings) define(set *flag.FlagSet) {
	s.batch = scenario.Sizes{Least: 500, Most: 500}
	set.StringVar(&s.targets, "targets", "http://127.0.0.1:8080", "`URLs` of gateways, with commas; bodies go to each in turn")
	set.StringVar(&s.admins, "admin", "", "`URLs` of their admin listeners, to watch memory, CPU and what is pending")
	set.StringVar(&s.scenario, "scenario", "batch", "what other flags begin with: "+strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	set.Int64Var(&s.events, "n", 1_000_000, "events to send; 0 is no limit but -duration")
	set.DurationVar(&s.duration, "duration", 0, "how long to send; with -n, whichever comes first. With -curve day it is how long the day takes")
	set.Float64Var(&s.rate, "rate", 0, "events a second, sent on schedule whatever the answers take; 0 sends the next body when one is answered")
	set.Var(&s.batch, "batch", "events of a body, `N` or a range as 1-1000")
	set.IntVar(&s.connections, "connections", 8, "requests at a time; each has its own connection to each target")
	set.StringVar(&s.encoding, "encoding", "identity", "of the bodies: "+strings.Join(scenario.Encodings(), ", "))
	set.StringVar(&s.curve, "curve", "flat", "how the rate changes: flat or day")
	set.IntVar(&s.tenants, "tenants", 1, "how many tenants send; more than one needs -keys, whose first ones they are")
	set.Float64Var(&s.zipf, "zipf", 0, "exponent of the tenants' shares of the bodies; 0 gives all the same")
	set.StringVar(&s.keys, "keys", "", "`file` of tenants' names and keys, which `loadtest tenants` makes")
	set.StringVar(&s.tenant, "tenant", "default", "the tenant's name without -keys")
	set.StringVar(&s.table, "table", "events", "the table; any but events needs a -sample")
	set.Float64Var(&s.late, "late", 0, "share of events whose time is one hour to six days ago")
	set.Float64Var(&s.invalid, "invalid", 0, "share of events that the schema refuses, which must turn up in the table rejected")
	set.StringVar(&s.sample, "sample", "", "`file` of NDJSON with your own valid events, sent with other ids and times")
	set.Uint64Var(&s.seed, "seed", 1, "another number makes other events")
	set.DurationVar(&s.timeout, "timeout", 30*time.Second, "for an answer, before the body is sent again")
	set.DurationVar(&s.patience, "patience", time.Minute, "for bodies that have no answer when the run ends")
	set.BoolVar(&s.insecure, "tls-insecure", false, "take any certificate of the targets")
	set.StringVar(&s.ca, "tls-ca", "", "PEM `file` of authorities for the targets' certificates")
	set.Float64Var(&s.noisyRate, "noisy-rate", 0, "of the scenario noisy: events a second of the noisy tenant; 0 is all it can")
	set.BoolVar(&s.verify, "verify", true, "read the bucket afterwards and prove what is there")
	s.place.define(set)
	set.StringVar(&s.html, "html", "", "`file` for the report as a page with plots")
	set.StringVar(&s.json, "json", "", "`file` for the report as JSON, which verify and cost read")
}

// read parses the flags; those of the scenario are as if they stood before them.
func (s *settings) read(args []string, out io.Writer) error {
	var about strings.Builder
	about.WriteString("Sends events to gateways, measures the answers, and proves from the bucket that what was\nacknowledged is there. The scenarios:\n")
	for _, name := range slices.Sorted(maps.Keys(presets)) {
		fmt.Fprintf(&about, "\n  %-8s %s", name, presets[name].about)
	}
	set := flags("loadtest", "[FLAGS]", about.String(), out)
	s.define(set)
	if err := parse(set, args, 0); err != nil {
		return err
	}
	p, ok := presets[s.scenario]
	if !ok {
		return usageError{fmt.Errorf("unknown scenario %q", s.scenario)}
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range p.flags {
		if given[name] {
			continue
		}
		if err := set.Set(name, value); err != nil {
			return fmt.Errorf("scenario %s: -%s: %w", s.scenario, name, err)
		}
	}
	if s.curve == string(scenario.Day) && s.rate == 0 && s.events > 0 && s.duration > 0 {
		s.rate = float64(s.events) / s.duration.Seconds()
		s.duration = 0 // it ends with its events, however far behind
	}
	return nil
}

// plan makes the plan of the settings, and the keys by tenant.
func (s *settings) plan() (p *scenario.Plan, keys []string, err error) {
	p = &scenario.Plan{Seed: s.seed, Table: s.table, Tenants: []string{s.tenant}, Late: s.late, Invalid: s.invalid}
	var run [8]byte
	_, _ = rand.Read(run[:]) // never fails
	p.Run = scenario.Run(binary.BigEndian.Uint64(run[:]))
	if s.keys != "" {
		if p.Tenants, keys, err = readKeys(s.keys, s.tenants); err != nil {
			return nil, nil, err
		}
	} else if s.tenants > 1 {
		return nil, nil, usageError{errors.New("several tenants need their -keys: `parquay-loadtest tenants N` makes some")}
	}
	if s.sample != "" {
		if p.Sample, err = scenario.ReadSample(s.sample); err != nil {
			return nil, nil, err
		}
	} else if s.table != "events" {
		return nil, nil, usageError{fmt.Errorf("the table %s needs a -sample of its events", s.table)}
	}
	p.Traffic = s.traffic(len(p.Tenants))
	if err := p.Validate(); err != nil {
		return nil, nil, usageError{err}
	}
	if s.events == 0 && s.duration == 0 {
		return nil, nil, usageError{errors.New("-n or -duration must say when to end")}
	}
	return p, keys, nil
}

func (s *settings) traffic(tenants int) []scenario.Traffic {
	all := scenario.Traffic{
		Name: s.scenario, Connections: s.connections, Rate: s.rate, Curve: scenario.Curve(s.curve), Batch: s.batch,
		Encoding: s.encoding, Tenants: tenants, Zipf: s.zipf,
	}
	if s.scenario != "noisy" {
		return []scenario.Traffic{all}
	}
	noisy := all
	noisy.Name, noisy.Tenants, noisy.Rate = "noisy", 1, s.noisyRate
	all.Name, all.First, all.Tenants = "others", 1, tenants-1
	return []scenario.Traffic{noisy, all}
}

// readKeys reads the first n lines of a file of names and keys.
func readKeys(path string, n int) (names, keys []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the keys: %w", err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for len(names) < n && in.Scan() {
		name, key, ok := strings.Cut(strings.TrimSpace(in.Text()), " ")
		if !ok {
			return nil, nil, fmt.Errorf("read the keys %s: line %d is not a name and a key", path, len(names)+1)
		}
		names, keys = append(names, name), append(keys, strings.TrimSpace(key))
	}
	if err := in.Err(); err != nil {
		return nil, nil, fmt.Errorf("read the keys %s: %w", path, err)
	}
	if len(names) < n {
		return nil, nil, usageError{fmt.Errorf("%d tenants, and %s has the keys of %d", n, path, len(names))}
	}
	return names, keys, nil
}

// tls is how targets of https are spoken to.
func (s *settings) tls() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: s.insecure, NextProtos: []string{"http/1.1"}}
	if s.ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, fmt.Errorf("read the authorities: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("%s has no certificate", s.ca)}
	}
	return c, nil
}

// list splits a flag's value at commas.
func list(text string) (parts []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
