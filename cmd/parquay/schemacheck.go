// parquay schema check: what becomes of senders and readers under a new schema.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"parquay/schema"
)

func schemaCheckCommand() command {
	return command{
		name:    "schema check",
		args:    "OLD NEW",
		summary: "say whether a schema change breaks readers or writers",
		details: `
Compares two schema documents of one table and lists what differs. A change
breaks if senders would be refused what was accepted, or if readers could not
read old and new files as one table: a column that is removed, retyped or newly
required, a narrower rule. Added optional columns are fine.

Exit codes: 0 nothing breaks, 1 something does, 2 a document can't be used.`,
		run: runSchemaCheck,
	}
}

func runSchemaCheck(_ context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	if err := cmd.parse(set, args, 2, 2); err != nil {
		return err
	}
	old, errOld := compileFile(set.Arg(0))
	next, errNew := compileFile(set.Arg(1))
	if err := errors.Join(errOld, errNew); err != nil {
		return usageError{err}
	}
	breaking := 0
	for _, change := range schema.Check(old, next) {
		verdict := "fine:    "
		if change.Breaking {
			verdict = "breaking:"
			breaking++
		}
		if _, err := fmt.Fprintf(c.out, "%s %s\n", verdict, change); err != nil {
			return err
		}
	}
	if breaking > 0 {
		return fmt.Errorf("%s breaks what %s allowed: %d breaking changes", set.Arg(1), set.Arg(0), breaking)
	}
	return nil
}

// compileFile compiles a document under a name of no consequence, since files of
// two versions can't both be called after their table.
func compileFile(file string) (*schema.Table, error) {
	document, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	t, err := schema.Compile("checked", document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}
