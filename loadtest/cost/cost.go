// The model: what each system needs for a load, and its bill.

package cost

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Load is what a deployment is to take, and what a run has measured of it.
type Load struct {
	Events      float64 // a day
	JSONBytes   float64 // of an event
	FileBytes   float64 // of an event in the bucket
	CPU         float64 // seconds of a gateway for a million events
	Tenants     float64
	Windows     float64 // flushes an hour
	Peak        float64 // the busiest hour's rate, as a multiple of the mean
	Utilization float64 // of the machines' CPUs in that hour, at most
	KeepDays    float64 // that files are kept
	Scans       float64 // how often a month's data are read in a month
}

// Bill is what a system costs a month.
type Bill struct {
	System string
	Items  []Item
}

// Item is a line of a bill.
type Item struct {
	Name   string
	Detail string
	USD    float64
}

// Total is the sum of a bill.
func (b Bill) Total() (usd float64) {
	for _, i := range b.Items {
		usd += i.USD
	}
	return usd
}

// A month, as clouds bill it.
const (
	hours = 730.0
	days  = hours / 24
	gb    = float64(1 << 30)
	tb    = float64(1 << 40)
)

// model reckons with a load and prices.
type model struct {
	Load
	*Prices
}

func (m model) price(name string) float64   { return m.Prices.Prices[name].USD }
func (m model) assume(name string) float64  { return m.Assumptions[name].Value }
func (m model) month() float64              { return m.Events * days }
func (m model) jsonGB() float64             { return m.month() * m.JSONBytes / gb }
func (m model) perSecond() float64          { return m.Events / 86400 * m.Peak } // in the busiest hour
func atLeast(least, needed float64) float64 { return max(least, math.Ceil(needed)) }

// Bills is the load's bill with this system, and with others.
func Bills(l Load, p *Prices) []Bill {
	m := model{l, p}
	return []Bill{m.parquay(), m.firehose(), m.connect(), m.flink()}
}

// parquay is machines enough for the busiest hour, each with a disk for its journal,
// behind a balancer. Each of them puts a file for each tenant that it has heard of in
// a window: at most one for each event.
func (m model) parquay() Bill {
	cpus := m.perSecond() * m.CPU / 1e6 / m.Utilization
	machines := atLeast(m.assume("least_machines"), cpus/m.assume("machine_cpus"))
	puts := min(m.Tenants*m.Windows*hours*machines, m.month())
	return Bill{"Parquay", append([]Item{
		{"machines", fmt.Sprintf("%.0f, for %.2f CPUs in the busiest hour", machines, cpus), machines * hours * m.price("machine_hour")},
		{"disks", fmt.Sprintf("%.0f GB", machines*m.assume("machine_disk_gb")), machines * m.assume("machine_disk_gb") * m.price("disk_gb_month")},
		{"balancer", fmt.Sprintf("%.0f GB", m.jsonGB()), hours*m.price("balancer_hour") + m.jsonGB()*m.price("balancer_gb")},
		{"puts", fmt.Sprintf("%.0f", puts), puts / 1000 * m.price("put_thousand")},
	}, m.lake()...)}
}

// lake is the same for all: the files, and reading them.
func (m model) lake() []Item {
	stored := m.Events * m.KeepDays * m.FileBytes
	scanned := m.month() * m.FileBytes * m.Scans
	return []Item{
		{"storage", fmt.Sprintf("%.0f GB", stored/gb), stored / gb * m.price("storage_gb_month")},
		{"queries", fmt.Sprintf("%.2f TB", scanned/tb), scanned / tb * m.price("scan_tb")},
	}
}

// firehose has each record rounded up, and is told the tenant and the hour by dynamic
// partitioning.
func (m model) firehose() Bill {
	rounding := m.assume("firehose_rounding")
	billed := m.month() * math.Ceil(m.JSONBytes/rounding) * rounding / gb
	objects := min(m.Tenants*hours/m.assume("firehose_buffer_hours"), m.month())
	delivered := m.month() * m.FileBytes / gb
	return Bill{"Firehose", append([]Item{
		{"intake", fmt.Sprintf("%.0f GB, rounded up from %.0f", billed, m.jsonGB()), billed * m.price("firehose_gb")},
		{"conversion", "to Parquet", billed * m.price("firehose_convert_gb")},
		{"partitions", fmt.Sprintf("%.0f objects", objects), delivered*m.price("firehose_partition_gb") + objects/1000*m.price("firehose_thousand")},
		{"puts", fmt.Sprintf("%.0f", objects), objects / 1000 * m.price("put_thousand")},
	}, m.lake()...)}
}

// brokers is a Kafka cluster that takes the load.
func (m model) brokers() []Item {
	brokers := atLeast(m.assume("least_brokers"), m.perSecond()*m.JSONBytes/1e6/m.assume("broker_mb"))
	kept := m.Events / 24 * m.assume("broker_hours") * m.JSONBytes * m.assume("broker_replicas") / gb
	return []Item{
		{"brokers", fmt.Sprintf("%.0f", brokers), brokers * hours * m.price("broker_hour")},
		{"broker disks", fmt.Sprintf("%.0f GB", kept), kept * m.price("broker_gb_month")},
	}
}

// connect is Kafka with a sink that writes Parquet by the hour: an object for each
// tenant and hour, if each tenant's events are in one partition.
func (m model) connect() Bill {
	units := atLeast(1, m.perSecond()/m.assume("connect_events"))
	objects := min(m.Tenants*hours, m.month())
	return Bill{"Kafka Connect", append(append(m.brokers(), []Item{
		{"connectors", fmt.Sprintf("%.0f units", units), units * hours * m.price("connect_unit_hour")},
		{"puts", fmt.Sprintf("%.0f", objects), objects / 1000 * m.price("put_thousand")},
	}...), m.lake()...)}
}

// flink is Kafka with a job that writes Parquet. A further unit coordinates it.
func (m model) flink() Bill {
	units := 1 + atLeast(1, m.perSecond()/m.assume("flink_events"))
	objects := min(m.Tenants*m.Windows*hours, m.month()) // it rolls a file at each checkpoint
	return Bill{"Flink", append(append(m.brokers(), []Item{
		{"units", fmt.Sprintf("%.0f", units), units * hours * (m.price("flink_unit_hour") + 50*m.price("flink_gb_month")/hours)},
		{"puts", fmt.Sprintf("%.0f", objects), objects / 1000 * m.price("put_thousand")},
	}...), m.lake()...)}
}

// Write prints bills one below the other, with their totals.
func Write(w io.Writer, l Load, bills []Bill) error {
	var b strings.Builder
	for _, bill := range bills {
		fmt.Fprintln(&b, bill.System)
		for _, i := range bill.Items {
			fmt.Fprintf(&b, "  %-13s %-34s $ %9.2f\n", i.Name, i.Detail, i.USD)
		}
		perMillion := fmt.Sprintf("$ %.3f a million events", bill.Total()/(l.Events*days)*1e6)
		fmt.Fprintf(&b, "  %-13s %-34s $ %9.2f\n\n", "a month", perMillion, bill.Total())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
