// parquay version: which build this is.

package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print the version",
		details: "Prints the version of Parquay, of Go, and the platform it was built for.",
		run:     runVersion,
	}
}

func runVersion(_ context.Context, cmd command, args []string, c console) error {
	if err := cmd.parse(cmd.flags(c), args, 0, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "parquay %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the linker's, else the module's (go install parquay@v1.2.3), else "dev".
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
