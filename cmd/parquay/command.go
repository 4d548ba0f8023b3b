// The sub-commands: how one is found, takes its flags, and explains itself.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one sub-command.
type command struct {
	name    string // as typed; "schema check" has two words
	args    string // what follows it, for the usage line
	summary string // one line for the list
	details string // paragraphs for `parquay help NAME`
	run     func(ctx context.Context, cmd command, args []string, c console) error
}

// commands lists them in the order of the help text.
func commands() []command {
	return []command{
		serveCommand(), keyNewCommand(), keyCheckCommand(), ddlCommand(), schemaCheckCommand(),
		catCommand(), verifyCommand(), recoverCommand(), bucketCheckCommand(), versionCommand(), helpCommand(),
	}
}

// errHelped says that a -h flag was answered.
var errHelped = errors.New("help was printed")

// find splits args into the command and its own arguments. Without a command, or
// with flags alone, it is serve.
func find(args []string) (command, []string, error) {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
		return helpCommand(), args[1:], nil
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serveCommand(), args, nil
	}
	for _, cmd := range commands() {
		words := strings.Fields(cmd.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == cmd.name {
			return cmd, args[len(words):], nil
		}
	}
	return command{}, nil, usageError{unknownCommand(args[0])}
}

// unknownCommand tells whoever has typed the first word of some commands which
// they are.
func unknownCommand(word string) error {
	var longer []string
	for _, cmd := range commands() {
		if strings.HasPrefix(cmd.name, word+" ") {
			longer = append(longer, "`parquay "+cmd.name+"`")
		}
	}
	if len(longer) > 0 {
		return fmt.Errorf("%q is not a whole command: there is %s", word, strings.Join(longer, " and "))
	}
	return fmt.Errorf("unknown command %q: run `parquay help` for the list", word)
}

// flags returns the command's flag set, which prints its help to c.
func (cmd command) flags(c console) *flag.FlagSet {
	set := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are returned, and help goes to standard output
	set.Usage = func() {
		set.SetOutput(c.out)
		cmd.explain(c.out)
		hasFlags := false
		set.VisitAll(func(*flag.Flag) { hasFlags = true })
		if hasFlags {
			fmt.Fprint(c.out, "\nFlags:\n")
			set.PrintDefaults()
		}
	}
	return set
}

// parse reads the flags, and then wants between min and max arguments (max < 0
// for any number).
func (cmd command) parse(set *flag.FlagSet, args []string, least, most int) error {
	err := set.Parse(args)
	switch n := set.NArg(); {
	case errors.Is(err, flag.ErrHelp):
		return errHelped
	case err != nil:
		return usageError{fmt.Errorf("%s: %w", cmd.name, err)}
	case n < least || (most >= 0 && n > most):
		return usageError{fmt.Errorf("%s: wrong number of arguments: usage: parquay %s", cmd.name, cmd.synopsis())}
	}
	return nil
}

func (cmd command) synopsis() string {
	return strings.TrimSpace(cmd.name + " " + cmd.args)
}

func (cmd command) explain(w io.Writer) {
	fmt.Fprintf(w, "Usage: parquay %s\n\n%s\n", cmd.synopsis(), strings.TrimSpace(cmd.details))
}
