package schema

import (
	"fmt"
	"strings"
)

// The statement that makes a table known to Athena.

// DDLOptions says what a table's schema does not know.
type DDLOptions struct {
	Location string   // where the bucket's tables lie, as in PARQUAY_BUCKET: s3://bucket/prefix
	Table    string   // the name in Athena, database.name or name; the table's own if empty
	Tenants  []string // tenants to enumerate; if none, every query must name its tenant
	From     string   // the first day that may have files; 2024-01-01 if empty
}

// maxComment is the number of bytes that a column's comment may have in the Glue
// catalog, where Athena keeps its tables.
const maxComment = 255

// DDL is an Athena statement that creates the table. Partitions are projected, so
// that no crawler and no ALTER TABLE is needed for new hours. Without Tenants the
// tenant is injected: a query must say tenant = '…', and can't read another's
// partitions by leaving it out.
func (t *Table) DDL(o DDLOptions) string {
	name, from := o.Table, o.From
	if name == "" {
		name = t.name
	}
	if from == "" {
		from = "2024-01-01"
	}
	folder := strings.TrimRight(o.Location, "/") + "/" + t.name
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n", quoteName(name))
	for i := range t.columns {
		c := &t.columns[i]
		fmt.Fprintf(&b, "  %s %s", quoteName(c.Name), c.typeName())
		if c.Description != "" {
			fmt.Fprintf(&b, " COMMENT %s", quoteText(cutText(oneLine(c.Description), maxComment)))
		}
		if i < len(t.columns)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, ")\nPARTITIONED BY (tenant string, dt string, hour string)\nSTORED AS PARQUET\nLOCATION %s\nTBLPROPERTIES (\n", quoteText(folder+"/"))
	properties := [][2]string{{"projection.enabled", "true"}}
	if len(o.Tenants) == 0 {
		properties = append(properties, [2]string{"projection.tenant.type", "injected"})
	} else {
		properties = append(properties,
			[2]string{"projection.tenant.type", "enum"},
			[2]string{"projection.tenant.values", strings.Join(o.Tenants, ",")})
	}
	properties = append(properties,
		[2]string{"projection.dt.type", "date"},
		[2]string{"projection.dt.format", "yyyy-MM-dd"},
		[2]string{"projection.dt.range", from + ",NOW+1DAY"}, // an event may lie ahead of the clock
		[2]string{"projection.hour.type", "integer"},
		[2]string{"projection.hour.range", "0,23"},
		[2]string{"projection.hour.digits", "2"},
		[2]string{"storage.location.template", folder + "/tenant=${tenant}/dt=${dt}/hour=${hour}"})
	for i, p := range properties {
		fmt.Fprintf(&b, "  %s = %s", quoteText(p[0]), quoteText(p[1]))
		if i < len(properties)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(");\n")
	return b.String()
}

// quoteName quotes a name, or a database's and a table's. Names such as time and
// _extra are no names to Athena without.
func quoteName(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = "`" + strings.ReplaceAll(p, "`", "``") + "`"
	}
	return strings.Join(parts, ".")
}

// quoteText quotes a text as Hive's lexer, which Athena's DDL goes through, reads
// it: a doubled quote would end one literal and begin the next.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// oneLine replaces what a comment in the catalog may not hold.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
