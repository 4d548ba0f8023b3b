// The tables a process knows: the built-in ones and the operator's.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parquay/schema"
)

// The operator's folder is bounded: every table has its own metrics, open files
// and decoders.
const (
	maxTables   = 256
	maxDocument = 1 << 20 // bytes of a schema
)

// loadTables returns the built-in tables and those of the folder, which may
// replace events, sorted by name. It reports every bad schema at once.
func loadTables(folder string) ([]*schema.Table, error) {
	tables := map[string]*schema.Table{}
	for _, t := range []*schema.Table{schema.Events(), schema.Rejected()} {
		tables[t.Name()] = t
	}
	files, err := schemaFiles(folder)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, file := range files {
		t, err := compileFile(file)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		tables[t.Name()] = t
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	list := make([]*schema.Table, 0, len(tables))
	for _, t := range tables {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *schema.Table) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// schemaFiles lists the folder's schemas. A folder without any was a mistake.
func schemaFiles(folder string) ([]string, error) {
	if folder == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("PARQUAY_SCHEMAS: read the folder of schemas: %w", err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".json" && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	switch {
	case len(files) == 0:
		return nil, fmt.Errorf("PARQUAY_SCHEMAS: %s holds no schema (<table>.json)", folder)
	case len(files) > maxTables:
		return nil, fmt.Errorf("PARQUAY_SCHEMAS: %s holds %d schemas, more than %d", folder, len(files), maxTables)
	}
	return files, nil
}

// compileFile compiles one schema, whose table is named after the file.
func compileFile(file string) (*schema.Table, error) {
	name := strings.TrimSuffix(filepath.Base(file), ".json")
	if name == schema.Rejected().Name() {
		return nil, fmt.Errorf("%s: the table %s is built in and can't be replaced", file, name)
	}
	document, err := readBounded(file, maxDocument)
	if err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	t, err := schema.Compile(name, document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: larger than %v", file, ByteSize(limit))
	}
	return data, err
}
