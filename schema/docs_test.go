package schema

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docsSection returns the lines of docs/schemas.md under a heading.
func docsSection(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/schemas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/schemas.md has no section %s", heading)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// TestDocsListCodes compares the table of codes with the constants.
func TestDocsListCodes(t *testing.T) {
	var documented []Code
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z0-9_`, ]+`) \\|").FindAllStringSubmatch(docsSection(t, "Refusals"), -1) {
		for _, code := range strings.Split(row[1], ", ") {
			documented = append(documented, Code(strings.Trim(code, "`")))
		}
	}
	declared := declaredCodes(t)
	slices.Sort(documented)
	slices.Sort(declared)
	if d := cmp.Diff(declared, documented); d != "" {
		t.Errorf("codes of code.go and docs/schemas.md differ (-code +docs):\n%s", d)
	}
}

// TestDocsListKeywords: every keyword that Compile takes is documented.
func TestDocsListKeywords(t *testing.T) {
	text := docsSection(t, "Keywords")
	for _, keyword := range append([]string{"$schema", "$id", "properties", "required"}, anyKeyword...) {
		if !strings.Contains(text, "`"+keyword+"`") {
			t.Errorf("docs/schemas.md does not tell of %s", keyword)
		}
	}
}

// TestDocsExample compiles the example, and decodes the event beside it.
func TestDocsExample(t *testing.T) {
	text := docsSection(t, "An example")
	_, rest, _ := strings.Cut(text, "```json\n")
	document, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "curl -d '")
	event, _, _ := strings.Cut(rest, "'")
	table, err := Compile("clicks", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(table, sampleLimits)
	if err := d.Decode([]byte(event), receipt, noLimit); err != nil || d.Accepted() != 1 {
		t.Fatal(err, d.Errors())
	}
	if row := decoded(t, d)[0]; !strings.Contains(row, "cost=125 ") || !strings.HasSuffix(row, `_extra={"referrer":{"page":7}}`) {
		t.Errorf("the example's row is %s", row)
	}
}
