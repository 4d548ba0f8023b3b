// What a measured deployment costs a month.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"parquay/loadtest/cost"
	"parquay/loadtest/report"
)

func costs(_ context.Context, args []string, out, _ io.Writer) error {
	set := flags("cost", "cost -report FILE [FLAGS]", `Reckons the monthly bill of a deployment that takes -daily events, from what a run has
measured: CPU (that was run with -admin), bytes of JSON and of files. Beside it stand Amazon
Data Firehose, and Kafka with Connect or Flink, on list prices and assumptions that -print
shows and -prices replaces. Where something is left out it is left out in their favour:
Kafka's needs an HTTP front and traffic between zones.`, out)
	file := set.String("report", "", "`file` that -json wrote")
	prices := set.String("prices", "", "`file` with your own prices and assumptions")
	show := set.Bool("print", false, "print the prices and assumptions, to begin your own with")
	var l cost.Load
	set.Float64Var(&l.Events, "daily", 100e6, "events a day")
	set.Float64Var(&l.CPU, "cpu", 0, "CPU seconds of a gateway for a million events; as measured by default")
	set.Float64Var(&l.FileBytes, "bytes", 0, "bytes of an event in the bucket; as measured by default")
	set.Float64Var(&l.Tenants, "tenants", 0, "tenants; as in the run by default")
	flush := set.Duration("flush", time.Minute, "the gateways' PARQUAY_FLUSH_INTERVAL")
	set.Float64Var(&l.Peak, "peak", 2, "the busiest hour, as a multiple of the mean")
	set.Float64Var(&l.Utilization, "utilization", 0.5, "share of the machines' CPUs that may be in use then")
	set.Float64Var(&l.KeepDays, "keep", 365, "days that files are kept")
	set.Float64Var(&l.Scans, "scans", 3, "how often a month's data are read in a month")
	if err := parse(set, args, 0); err != nil {
		return err
	}
	table, err := cost.ListPrices()
	if err == nil && *prices != "" {
		table, err = cost.ReadPrices(*prices)
	}
	if err != nil {
		return usageError{err}
	}
	if *show {
		return table.Write(out)
	}
	if err := measured(*file, &l); err != nil {
		return err
	}
	if l.Events <= 0 || *flush <= 0 || l.Utilization <= 0 || l.Utilization > 1 || l.Peak < 1 {
		return usageError{errors.New("-daily, -flush and -utilization must be positive, -utilization at most 1, and -peak at least 1")}
	}
	l.Windows = float64(time.Hour) / float64(*flush)
	fmt.Fprintf(out, "%.0f events a day of %.0f bytes of JSON, %.1f bytes in files, %.2f CPU seconds a million; %.0f tenants\n\n",
		l.Events, l.JSONBytes, l.FileBytes, l.CPU, l.Tenants)
	return cost.Write(out, l, cost.Bills(l, table))
}

// measured fills in what a run has measured.
func measured(file string, l *cost.Load) error {
	if file == "" {
		return usageError{errors.New("-report must name the file that -json wrote")}
	}
	r, err := report.Read(file)
	if err != nil {
		return err
	}
	total := r.Result.Total()
	if total.Events == 0 {
		return fmt.Errorf("the run of %s has acknowledged nothing", file)
	}
	l.JSONBytes = float64(total.TextBytes) / float64(total.Events)
	if l.CPU == 0 {
		l.CPU, _ = r.CPU()
	}
	if l.FileBytes == 0 && r.Proof != nil {
		l.FileBytes = r.Proof.PerEvent()
	}
	if l.Tenants == 0 {
		l.Tenants = float64(len(r.Plan.Tenants))
	}
	if l.CPU == 0 || l.FileBytes == 0 {
		return usageError{errors.New("the run has not measured enough: it needs -admin and -verify, or give -cpu and -bytes here")}
	}
	return nil
}
