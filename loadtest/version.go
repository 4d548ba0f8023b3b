// Which version of the tool this is.

package main

import "runtime/debug"

// buildVersion is set when a release is built.
var buildVersion = ""

// version is the release, or the commit that this was built from.
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "dev"
}
