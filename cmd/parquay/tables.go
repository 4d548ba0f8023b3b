// The tables a process knows: the built-in ones and the operator's.

package main

import (
	"fmt"
	"io/fs"
	"os"

	"parquay/buffer/journal"
	"parquay/schema"
)

// maxSchemas is the bytes of all schemas together. Every window's header in the
// journal holds all of them; half of it leaves room for the tables' names, and for
// a later binary's.
const maxSchemas = journal.MaxHeader / 2

// loadTables returns the built-in tables and those of the folder, if it is not "".
func loadTables(folder string) ([]*schema.Table, error) {
	var documents fs.FS
	if folder != "" {
		documents = os.DirFS(folder)
	}
	tables, err := schema.Load(documents)
	if err != nil {
		return nil, fmt.Errorf("PARQUAY_SCHEMAS: %s: %w", folder, err)
	}
	total := 0
	for _, t := range tables {
		total += len(t.Document())
	}
	if total > maxSchemas {
		return nil, fmt.Errorf("PARQUAY_SCHEMAS: %s: the schemas have %d bytes together, at most %d are allowed", folder, total, maxSchemas)
	}
	return tables, nil
}

// findTable returns the table of that name.
func findTable(tables []*schema.Table, name string) (*schema.Table, error) {
	var known []string
	for _, t := range tables {
		if t.Name() == name {
			return t, nil
		}
		known = append(known, t.Name())
	}
	return nil, fmt.Errorf("there is no table %q: known are %q", name, known)
}
