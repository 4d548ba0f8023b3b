// The queries of the documentation, compared with what there is to ask for.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

const operationsPage = "../../docs/operations.md"

var (
	metricName = regexp.MustCompile(`\b((?:parquay|process|go)_[a-z_]+)(?:\{([^}]*(?:\{[^}]*\}[^}]*)*)\})?`)
	quotedName = regexp.MustCompile("`(parquay_[a-z_]+)`")
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	fenced     = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	expression = regexp.MustCompile(`(?m)^\s*expr: (.*)$`)
)

// testQueries finds every metric, label and value that a query of the
// documentation names among those gathered.
func (m *metered) testQueries(t *testing.T) {
	queries := []string{}
	for _, r := range recipes {
		queries = append(queries, r.query)
	}
	for _, s := range guide {
		for _, e := range s.metrics {
			queries = append(queries, e.watch)
		}
	}
	page, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, alerts, found := strings.Cut(string(page), "\n## Alerts\n")
	rules := fenced.FindStringSubmatch(alerts)
	if !found || rules == nil {
		t.Fatal("docs/operations.md has no section Alerts with rules")
	}
	for _, e := range expression.FindAllStringSubmatch(rules[1], -1) {
		queries = append(queries, e[1])
	}
	families := map[string]*dto.MetricFamily{}
	for _, f := range m.families(t) {
		families[f.GetName()] = f
	}
	named := 0
	for _, q := range queries {
		for _, use := range metricName.FindAllStringSubmatch(q, -1) {
			named++
			checkUse(t, families, q, use[1], use[2])
		}
	}
	if named < 40 {
		t.Errorf("only %d metrics are named in %d queries", named, len(queries))
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, readme) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range quotedName.FindAllStringSubmatch(string(text), -1) {
			checkUse(t, families, filepath.Base(page), name[1], "")
		}
	}
}

// checkUse looks at one metric of a query with its matchers.
func checkUse(t *testing.T, families map[string]*dto.MetricFamily, query, name, matchers string) {
	f := families[name]
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, part); ok && families[base].GetType() == dto.MetricType_HISTOGRAM {
			f = families[base]
		}
	}
	if f == nil {
		t.Errorf("there is no metric %s: %s", name, query)
		return
	}
	values := map[string][]string{}
	for _, s := range f.GetMetric() {
		for _, l := range s.GetLabel() {
			values[l.GetName()] = append(values[l.GetName()], l.GetValue())
		}
	}
	for _, match := range matcher.FindAllStringSubmatch(matchers, -1) {
		label, wanted := match[1], []string{match[3]}
		if strings.HasSuffix(match[2], "~") {
			wanted = strings.Split(match[3], "|")
		}
		if values[label] == nil {
			t.Errorf("%s has no label %s: %s", name, label, query)
		}
		for _, v := range wanted {
			if openLabels[label] == "" && !slices.Contains(values[label], v) {
				t.Errorf("the label %s of %s is never %q: %s", label, name, v, query)
			}
		}
	}
}
