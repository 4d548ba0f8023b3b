// parquay serve: run the gateway.

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"parquay/buffer/journal/vfs"
)

// servingMessage is the log line that says that events are taken, and where.
const servingMessage = "serving"

func serveCommand() command {
	return command{
		name:    "serve",
		summary: "run the gateway; what parquay does without a command",
		details: `
Takes events at POST /v1/<table> and writes them as Parquet files into the
bucket, one file an hour, table and flush interval. It runs until SIGTERM or
SIGINT, and then puts what it holds into the bucket within PARQUAY_SHUTDOWN;
what is left stays in the journal for the next start. A second signal stops the
waiting. SIGHUP reads the files of tenants and of TLS again; what can't be used
is logged, and the last good ones stay.

Exit codes: 0 stopped in good order, 1 it could not start or a part failed,
2 the settings can't work, 3 the journal failed.`,
		run: runServe,
	}
}

func runServe(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	explain := set.Usage
	set.Usage = func() { explain(); explainSettings(c.out) }
	if err := cmd.parse(set, args, 0, 0); err != nil {
		return err
	}
	var warnings []string
	s, err := loadOrUsage(func(w string) { warnings = append(warnings, w) })
	if err != nil {
		return err
	}
	tables, err := loadTables(s.Schemas)
	if err != nil {
		return usageError{err}
	}
	log := newLogger(s, c.err)
	for _, w := range warnings {
		log.Warn(w)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		// The collector notices a limit late: a body's buffers can be large, and are
		// taken while it is at work. With the last eighth for that, and for the pages
		// that the limit does not count, the whole is what is resident.
		debug.SetMemoryLimit(int64(s.Memory - s.Memory/8))
	}

	// Also with nothing to reload: unasked for, SIGHUP would end the process.
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	signals := make(chan os.Signal, 2) // the one to stop, and the one to stop waiting
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	g, err := openGateway(ctx, s, tables, failpointFS(vfs.OS{}), log)
	if err != nil {
		return err
	}
	spareProcessor(s)
	url, _ := s.bucketURL() // checked with the settings
	log.Info(servingMessage, "events", g.server.Addr().String(), "admin", g.server.AdminAddr().String(),
		"bucket", url, "directory", s.Dir, "ack", s.Ack, "version", buildVersion())
	if logsText(s, c.err) && s.Tenants == "" && s.TLSCert == "" { // somebody is watching, and needs nothing else to try it
		fmt.Fprintf(c.err, "\ntry: curl -d '%s' http://%s/v1/events\n\n", sampleEvent, g.server.Addr())
	}
	return g.run(ctx, signals, reloads)
}

// sampleEvent is one that the built-in table takes.
const sampleEvent = `{"type":"message.sent","channel":"sms","recipient":"+15550100","attributes":{"plan":"free"}}`
