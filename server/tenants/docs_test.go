package tenants

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// document is docs/tenants.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/tenants.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The example is a file that works, and has every member there is.
func TestDocsExample(t *testing.T) {
	_, rest, found := strings.Cut(document(t), "```json\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/tenants.md has no example")
	}
	list, err := parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	acme, globex := list[0], list[1]
	want := limits{events: 1000, bytes: 1_000_000, burst: 10 * time.Second, ringBytes: 64 << 20}
	if len(list) != 2 || len(acme.Keys()) != 2 || acme.limits != want || acme.MayPost("clicks") || len(globex.certificates) != 1 {
		t.Errorf("tenants %+v and %+v", acme, globex)
	}
	for _, name := range members(reflect.TypeFor[entry](), "") {
		if last := name[strings.LastIndex(name, ".")+1:]; !strings.Contains(example, `"`+last+`"`) {
			t.Errorf("the example has no %s", name)
		}
	}
}

// The table has the members that can be read, and no others.
func TestDocsListMembers(t *testing.T) {
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.\\[\\]]+)` \\|").FindAllStringSubmatch(document(t), -1) {
		documented = append(documented, row[1])
	}
	read := members(reflect.TypeFor[entry](), "")
	slices.Sort(documented)
	slices.Sort(read)
	if d := cmp.Diff(read, documented); d != "" {
		t.Errorf("members of a tenant and docs/tenants.md differ (-read +docs):\n%s", d)
	}
}

// members lists the JSON names of a struct's fields and of those in them.
func members(of reflect.Type, within string) (names []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name := within + field.Tag.Get("json")
		inner := field.Type
		switch inner.Kind() {
		case reflect.Slice:
			names = append(names, name)
			inner, name = inner.Elem(), name+"[]"
		case reflect.Struct:
		default:
			names = append(names, name)
		}
		if inner.Kind() == reflect.Struct {
			names = append(names, members(inner, name+".")...)
		}
	}
	return names
}

// The pattern for scanners is the one that keys are held to.
func TestDocsPattern(t *testing.T) {
	if pattern := strings.Trim(scanner.String(), "^$"); !strings.Contains(document(t), "```\n"+pattern+"\n```") {
		t.Errorf("docs/tenants.md does not have the pattern %s", pattern)
	}
}

// The metrics that the page tells to watch are there.
func TestDocsMetrics(t *testing.T) {
	s := open(t, one)
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if !strings.Contains(document(t), "`"+family.GetName()) {
			t.Errorf("docs/tenants.md does not tell of %s", family.GetName())
		}
	}
}
