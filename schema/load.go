package schema

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An operator's tables, from a folder.

// maxTables bounds a folder: every table is a route and a set of columns for each
// decoder.
const maxTables = 256

// Load compiles the documents of a folder and adds the built-in tables. Each
// name.json is the table of that name; events.json replaces the built-in events,
// and there must be no rejected.json or receipts.json. Other files, folders and
// names that begin with a dot are passed over, but a folder without any document is
// a mistake. A nil folder adds nothing. The tables are sorted by name.
func Load(folder fs.FS) ([]*Table, error) {
	tables := map[string]*Table{EventsName: Events(), RejectedName: Rejected()}
	var faults []error
	for _, file := range documents(folder, &faults) {
		name := strings.TrimSuffix(file, ".json")
		switch name {
		case RejectedName:
			faults = append(faults, fmt.Errorf("load %s: the table is the gateway's own and can't be replaced", file))
			continue
		case ReceiptsName:
			faults = append(faults, fmt.Errorf("load %s: no table can have this name, since /v1/%s is where receipts are looked up", file, name))
			continue
		}
		t, err := loadTable(folder, file, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("load %s: %w", file, err))
			continue
		}
		tables[name] = t
	}
	if len(tables) > maxTables {
		faults = append(faults, fmt.Errorf("load schemas: %d tables, at most %d are allowed", len(tables), maxTables))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	sorted := make([]*Table, 0, len(tables))
	for _, t := range tables {
		sorted = append(sorted, t)
	}
	slices.SortFunc(sorted, func(a, b *Table) int { return strings.Compare(a.name, b.name) })
	return sorted, nil
}

// documents lists the names of a folder's documents.
func documents(folder fs.FS, faults *[]error) (names []string) {
	if folder == nil {
		return nil
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		*faults = append(*faults, fmt.Errorf("list schemas: %w", err))
	}
	for _, e := range entries {
		if name := e.Name(); path.Ext(name) == ".json" && name[0] != '.' && !e.IsDir() {
			names = append(names, name)
		}
	}
	if err == nil && len(names) == 0 {
		*faults = append(*faults, errors.New("list schemas: the folder holds no schema (<table>.json)"))
	}
	return names
}

func loadTable(folder fs.FS, file, name string) (*Table, error) {
	f, err := folder.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	document, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, err
	}
	return Compile(name, document)
}
