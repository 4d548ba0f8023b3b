// The events of a plan, printed.

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"parquay/loadtest/scenario"
)

// generate prints events as NDJSON, for other programs to measure themselves with.
func generate(ctx context.Context, args []string, out, _ io.Writer) error {
	set := flags("generate", "generate [FLAGS]", "Prints events as NDJSON: the built-in ones, of one tenant, that happened within the minute before -at.", out)
	n := set.Int64("n", 1_000_000, "how many")
	seed := set.Uint64("seed", 1, "another number makes other events")
	at := set.String("at", "", "the `time` of the last one, in RFC 3339; now by default")
	if err := parse(set, args, 0); err != nil {
		return err
	}
	end := time.Now()
	if *at != "" {
		var err error
		if end, err = time.Parse(time.RFC3339, *at); err != nil {
			return usageError{fmt.Errorf("-at: %w", err)}
		}
	}
	m := scenario.NewMaker(&scenario.Plan{Seed: *seed, Table: "events", Tenants: []string{"default"}})
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	begin := end.Add(-time.Minute).UnixMilli()
	for i := range *n {
		if i%10000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, _ = m.Append(line[:0], 0, i, 0, begin + time.Minute.Milliseconds()*i / *n)
		if _, err := w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("print the events: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the events: %w", err)
	}
	return nil
}
