// Package cost reckons what a deployment costs a month, from what a run has measured
// and a table of prices.
package cost

import (
	"bytes"
	_ "embed" // for the prices
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Prices is a table of prices, and of what has to be assumed beside them.
type Prices struct {
	About       string                `json:"about"`
	Prices      map[string]Price      `json:"prices"`
	Assumptions map[string]Assumption `json:"assumptions"`
}

// Price is one, with where it is from.
type Price struct {
	USD    float64 `json:"usd"`
	Unit   string  `json:"unit"`
	AsOf   string  `json:"as_of"`
	Source string  `json:"source"`
}

// Assumption is a figure that no run measures.
type Assumption struct {
	Value float64 `json:"value"`
	About string  `json:"about"`
}

//go:embed prices.json
var listPrices []byte

// ListPrices are those that the tool comes with.
func ListPrices() (*Prices, error) { return parse(listPrices) }

// ReadPrices reads a user's own.
func ReadPrices(path string) (*Prices, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the prices: %w", err)
	}
	p, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the prices %s: %w", path, err)
	}
	return p, nil
}

// parse wants every price and assumption that the model needs, and no other: a
// misspelt one must not be passed over.
func parse(text []byte) (*Prices, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	p := new(Prices)
	if err := d.Decode(p); err != nil {
		return nil, err
	}
	var wrong []string
	for _, name := range prices {
		if price, ok := p.Prices[name]; !ok || price.USD < 0 {
			wrong = append(wrong, "no price "+name)
		}
	}
	for _, name := range assumptions {
		if a, ok := p.Assumptions[name]; !ok || a.Value <= 0 {
			wrong = append(wrong, "no assumption "+name)
		}
	}
	for name := range p.Prices {
		if !slices.Contains(prices, name) {
			wrong = append(wrong, "unknown price "+name)
		}
	}
	for name := range p.Assumptions {
		if !slices.Contains(assumptions, name) {
			wrong = append(wrong, "unknown assumption "+name)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return nil, fmt.Errorf("%s", strings.Join(wrong, ", "))
	}
	return p, nil
}

// What the model needs.
var (
	prices = []string{
		"machine_hour", "disk_gb_month", "balancer_hour", "balancer_gb", "put_thousand", "storage_gb_month", "scan_tb",
		"firehose_gb", "firehose_convert_gb", "firehose_partition_gb", "firehose_thousand",
		"broker_hour", "broker_gb_month", "connect_unit_hour", "flink_unit_hour", "flink_gb_month",
	}
	assumptions = []string{
		"machine_cpus", "machine_disk_gb", "least_machines", "firehose_rounding", "firehose_buffer_hours",
		"broker_mb", "least_brokers", "broker_replicas", "broker_hours", "connect_events", "flink_events",
	}
)

// Write prints the table as a file that ReadPrices reads.
func (p *Prices) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(p)
}
