// Package openapi describes what server serves, in OpenAPI 3.1: it is made from
// the tables' schemas, the list of operations and the list of problems.
package openapi

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"parquay/schema"
)

// ContentType is what the description is served as. There is a name of its own
// for it, which fewer tools know.
const ContentType = jsonType

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	schemaType  = "application/schema+json"
)

// plain is a body of text for people.
var plain = body{"text/plain; charset=utf-8", ref("schemas", "Text")}

// Config is what a description depends on.
type Config struct {
	Tables             []*schema.Table // those that can be posted to
	Credentials        bool            // every operation but the open ones needs one
	ClientCertificates bool            // a client's certificate may be one
}

// Description is the document, in the pieces that all readers share. It is
// immutable and safe for concurrent use.
//
// It is put together anew for each reader, who may see only some tables. The
// schemas of all tables may come to megabytes, so no copy is made of them.
type Description struct {
	head   []byte // up to the tables' schemas
	middle []byte // from there up to the tables' paths
	tables map[string]table
}

// table is what the document says of one table.
type table struct {
	schema []byte // a member of components.schemas
	paths  []byte // members of paths
}

// New makes the description of what a server with these tables serves.
func New(cfg Config) *Description {
	shared, perTable := object{}, object{}
	for _, o := range operations() {
		o.secure(cfg)
		paths := shared
		if strings.Contains(o.path, "{table}") {
			paths = perTable
		}
		paths[o.path] = object{strings.ToLower(o.method): o.describe()}
	}
	head := marshal(document{OpenAPI: "3.1.0", Info: info(cfg), Security: schemes(cfg), Components: newComponents(cfg)})
	d := &Description{
		head:   bytes.TrimSuffix(head, []byte("}}}")), // of the schemas, the components and the document
		middle: fmt.Appendf(nil, `}},"paths":%s`, bytes.TrimSuffix(marshal(shared), []byte("}"))),
		tables: make(map[string]table, len(cfg.Tables)),
	}
	template := marshal(perTable)
	template = template[1 : len(template)-1] // the members alone
	for _, t := range cfg.Tables {
		d.tables[t.Name()] = table{
			schema: fmt.Appendf(nil, ",%q:%s", t.Name(), embed(t.Document())),
			paths:  fmt.Appendf(nil, ",%s", bytes.ReplaceAll(template, []byte("{table}"), []byte(t.Name()))),
		}
	}
	return d
}

// Write writes the description for somebody who may see these of the tables.
func (d *Description) Write(w io.Writer, tables []string) error {
	pieces := [][]byte{d.head}
	for _, name := range tables {
		pieces = append(pieces, d.tables[name].schema)
	}
	pieces = append(pieces, d.middle)
	for _, name := range tables {
		pieces = append(pieces, d.tables[name].paths)
	}
	for _, piece := range append(pieces, []byte("}}\n")) {
		if _, err := w.Write(piece); err != nil {
			return fmt.Errorf("write the description: %w", err)
		}
	}
	return nil
}
