// Misspelt settings: an unknown PARQUAY_ variable is worth a warning.

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// serviceVariable matches what Kubernetes injects into every container when a
// Service named parquay exists: PARQUAY_PORT, PARQUAY_PORT_8080_TCP_ADDR,
// PARQUAY_SERVICE_HOST, PARQUAY_SERVICE_PORT_HTTP and so on.
var serviceVariable = regexp.MustCompile(`^PARQUAY_(PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)$`)

// unknownVariables warns of every PARQUAY_ variable in environ ("name=value")
// that is not known, with the nearest name that is.
func unknownVariables(environ, known []string) []string {
	var warnings []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "PARQUAY_") || slices.Contains(known, name) || serviceVariable.MatchString(name) {
			continue
		}
		nearest := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
		warnings = append(warnings, fmt.Sprintf("unknown variable %s: did you mean %s?", name, nearest))
	}
	slices.Sort(warnings)
	return warnings
}

// distance is Levenshtein's: the least number of insertions, deletions and
// substitutions of a byte that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // row[j]: from the bytes of a so far to b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
