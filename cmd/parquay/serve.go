package main

import "context"

func serveCommand() command {
	return command{name: "serve", run: func(_ context.Context, cmd command, args []string, c console) error {
		set := cmd.flags(c)
		if err := cmd.parse(set, args, 0, 0); err != nil {
			return err
		}
		_, err := loadOrUsage(func(string) {})
		return err
	}}
}
