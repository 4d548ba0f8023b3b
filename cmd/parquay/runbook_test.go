// The runbook is kept complete: it has an entry for every alert, of which each says
// what is safe and what to do, and the commands and links in it exist.

package main

import (
	"regexp"
	"strings"
	"testing"

	"parquay/writer"
)

const runbookPage = "../../docs/runbook.md"

func TestRunbook(t *testing.T) {
	page, operations := readDocument(t, runbookPage), readDocument(t, operationsPage)
	entries := map[string]string{}
	for part := range strings.SplitSeq(page, "\n## ") {
		title, text, _ := strings.Cut(part, "\n")
		entries[title] = text
		if strings.HasPrefix(title, "# ") {
			continue
		}
		for _, mark := range []string{"\n**Means.** ", "\n**Safe.** ", "\n**Do.** "} {
			if strings.Count("\n"+text, mark) != 1 {
				t.Errorf("%s: it should have %q once", title, strings.TrimSpace(mark))
			}
		}
	}
	alerts := map[string]bool{}
	for _, alert := range regexp.MustCompile(`(?m)^  - alert: (\w+)$`).FindAllStringSubmatch(operations, -1) {
		alerts[alert[1]] = true
		if _, ok := entries[alert[1]]; !ok {
			t.Errorf("the runbook has no entry for the alert %s", alert[1])
		}
	}
	if len(alerts) < 15 {
		t.Errorf("only %d alerts were found", len(alerts))
	}
	for title := range entries {
		if strings.HasPrefix(title, "Parquay") && !alerts[title] {
			t.Errorf("there is no alert %s", title)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(page, -1) {
		found := false
		for title := range entries {
			found = found || strings.ReplaceAll(strings.ToLower(title), " ", "-") == link[1]
		}
		if !found {
			t.Errorf("there is no entry #%s", link[1])
		}
	}
	for _, kind := range writer.Kinds() {
		if kind != writer.KindStored && kind != writer.KindCancelled && !strings.Contains(entries["ParquayPutsFailing"], "`"+string(kind)+"`") {
			t.Errorf("ParquayPutsFailing does not say what to do about %s", kind)
		}
	}
	for _, command := range regexp.MustCompile("(?:`|\n)parquay ([a-z][a-z -]*)").FindAllStringSubmatch(page, -1) {
		if _, _, err := find(strings.Fields(command[1])); err != nil {
			t.Errorf("parquay %s: %v", command[1], err)
		}
	}
}
