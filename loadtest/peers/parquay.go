// Parquay itself, with its defaults and files in a directory.

package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
)

type parquay struct {
	program
	binary  string
	ack     string
	address string
}

// shutdown is how long a server may take to put what it holds into files.
const shutdown = "10m"

func (p *parquay) Facts() report.Facts {
	f := report.Facts{
		Key: p.ack, Name: "Parquay, ack=" + p.ack,
		Config:     "`PARQUAY_ACK=" + p.ack + "`, else the defaults (512 MiB in all), bucket in a directory",
		Durability: "an answer follows the sync of a journal frame: it survives `kill -9` and power loss",
		Order:      "sorted by time within a row group",
		Layout:     "a folder for each tenant and hour; timestamps, decimals and maps typed; validated, refused events kept; a filter on the ids; files read back before the journal is deleted",
	}
	if p.ack == report.Memory {
		f.Durability = "an answer survives a graceful stop alone"
	}
	return f
}

func (p *parquay) Install(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, p.binary, "version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask for the version (`make build` builds it): %w: %s", err, output)
	}
	fields := strings.Fields(string(output)) // parquay VERSION GO PLATFORM
	if len(fields) < 2 {
		return "", fmt.Errorf("ask for the version: it says %q", output)
	}
	return fields[1], nil
}

func (p *parquay) Start(ctx context.Context, w workplace) error {
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	p.address = w.address
	err = p.start(w, []string{
		"PARQUAY_LISTEN=" + w.address, "PARQUAY_ADMIN_LISTEN=" + admin, "PARQUAY_ACK=" + p.ack, "PARQUAY_SHUTDOWN=" + shutdown,
		"PARQUAY_DIR=" + filepath.Join(w.dir, "data"), "PARQUAY_BUCKET=file://" + w.out, "PARQUAY_LOG_FORMAT=json",
	}, p.binary)
	if err != nil {
		return err
	}
	return p.ready(ctx, "http://"+admin+"/readyz")
}

func (p *parquay) endpoint() endpoint { return endpoint{p.address, "/v1/events", 202} }

func (p *parquay) Feed(ctx context.Context, e *events, connections int) (sending, error) {
	return p.endpoint().send(ctx, e, connections, 0)
}

func (p *parquay) Stop(ctx context.Context) (tree.Usage, error) { return p.terminate(ctx) }

// freeAddress finds a port of loopback that is free now; another process may take it
// before it is used, which loses one round.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
