// What is said about the settings: their names, defaults and meanings, taken from
// the struct itself so that no second list can disagree.

package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"strings"
)

//go:embed settings.go
var settingsSource string

// variable is one setting as an operator sees it.
type variable struct {
	name, def, meaning string
}

// variableNames lists every setting's name, in the struct's order.
func variableNames() []string {
	t := reflect.TypeFor[Settings]()
	list := make([]string, t.NumField())
	for i := range list {
		list[i] = t.Field(i).Tag.Get("envconfig")
	}
	return list
}

// variables lists the settings with the comments of their fields.
func variables() []variable {
	file, err := parser.ParseFile(token.NewFileSet(), "settings.go", settingsSource, parser.ParseComments)
	if err != nil {
		panic(err) // it is the source that this binary was compiled from
	}
	var list []variable
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Settings" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
			meaning := strings.Join(strings.Fields(field.Doc.Text()), " ")
			list = append(list, variable{tag.Get("envconfig"), tag.Get("default"), meaning})
		}
		return false
	})
	return list
}

// explainSettings prints the settings for a person at a terminal.
func explainSettings(w io.Writer) {
	fmt.Fprint(w, "\nSettings (environment variables):\n")
	for _, v := range variables() {
		fmt.Fprintf(w, "\n  %s\n", strings.TrimSuffix(v.name+"="+v.def, "="))
		for _, line := range wrap(v.meaning, 72) {
			fmt.Fprintf(w, "      %s\n", line)
		}
	}
}

// wrap breaks text into lines of at most width bytes, where the words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
