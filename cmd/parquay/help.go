// parquay help: the list of commands, or one of them explained.

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

func helpCommand() command {
	return command{
		name:    "help",
		args:    "[COMMAND]",
		summary: "explain a command",
		details: "Lists the commands, or explains the one that is named.",
		run:     runHelp,
	}
}

func runHelp(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	if err := cmd.parse(set, args, 0, -1); err != nil {
		return err
	}
	if set.NArg() == 0 {
		listCommands(c.out)
		return nil
	}
	about, rest, err := find(set.Args())
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{fmt.Errorf("help: %q is no command", strings.Join(args, " "))}
	}
	return about.run(ctx, about, []string{"-h"}, c) // knows its flags
}

func listCommands(w io.Writer) {
	fmt.Fprint(w, "Parquay takes JSON events over HTTP and writes them as hourly Parquet files.\n\nUsage: parquay [COMMAND]\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n", cmd.name, cmd.summary)
	}
	fmt.Fprint(w, `
Without a command it is serve. Settings are PARQUAY_ environment variables:
`+"`parquay help serve`"+` lists them.

Exit codes: 0 done, 1 failed or a check disagreed, 2 wrong usage or settings,
3 serve stopped because the journal failed.
`)
}
