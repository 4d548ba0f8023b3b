// The manual that stands before package main is about what there is.

package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestPackageCommentIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	manual := file.Doc.Text()
	for _, cmd := range commands() {
		if !strings.Contains(manual, "parquay "+cmd.name) && !strings.Contains(manual, "parquay ["+cmd.name+"]") {
			t.Errorf("the package comment does not mention %q", cmd.name)
		}
		if cmd.summary == "" || cmd.details == "" || cmd.run == nil {
			t.Errorf("command %q is not complete", cmd.name)
		}
	}
	for _, code := range []string{"\n\t0  ", "\n\t1  ", "\n\t2  ", "\n\t3  "} {
		if !strings.Contains(manual, code) {
			t.Errorf("the package comment does not document exit code %s", strings.TrimSpace(code))
		}
	}
}
