// The report as a page of the documentation.

package report

import (
	_ "embed" // for the page
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
)

//go:embed page.md.tmpl
var pageText string

// Page writes docs/benchmarks.md.
func (r *Report) Page(out io.Writer) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"grouped": func(n int) string { return grouped(int64(n)) },
		"minutes": func(d time.Duration) string { return fmt.Sprintf("%.0f minutes", max(1, d.Minutes())) },
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	err = page.Execute(out, struct {
		*Report
		Date                                           string
		JSONSize, MemoryGiB                            float64
		Few                                            int
		SyncFor                                        time.Duration
		SubjectTable, SingleTable, SyncTable, BarTable string
		DiskOfBare                                     string
	}{
		r, r.Began.UTC().Format(time.DateOnly), r.jsonSize(), float64(r.Machine.Memory) / (1 << 30), Few, SyncFor,
		r.subjectTable().markdown(), r.singleTable().markdown(), r.syncTable().markdown(), r.barTable().markdown(),
		ratio(r.handler(Disk).good(), r.handler(Bare).good(), Answer.rate, Answer.rate).Format(2),
	})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func (t table) markdown() string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for i := range t.head {
			cell := ""
			if i < len(cells) {
				cell = strings.NewReplacer("|", "\\|", "\n", " ").Replace(cells[i])
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	line(t.head)
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
