// The mutations of the event contract.

package main

var schemaMutations = []mutation{
	{
		name:  "rows are filed under the hour of their receipt",
		rule:  names,
		file:  "schema/hours.go",
		edits: replace("seal(d.rows, hourOf(d.rows.Vector(d.table.timeColumn).Int64(0)))", "seal(d.rows, hourOf(d.received.UnixMicro()))"),
		in:    "schema", run: "TestHoursOfEdges",
	},
	{
		name:  "rows of several hours share a batch",
		rule:  names,
		file:  "schema/hours.go",
		edits: replace("for n < len(rows) && rows[n]>>32 == rows[0]>>32 {", "for n < len(rows) {"),
		in:    "schema", run: "TestBatchesByHour",
	},
	{
		name:  "a moment on the hour belongs to the hour before",
		rule:  names,
		file:  "schema/hours.go",
		edits: replace("uint64(times.Int64(row)-start) < microsPerHour", "uint64(times.Int64(row)-start) <= microsPerHour"),
		in:    "schema", run: "TestHoursOfABody",
	},
	{
		name:  "rejected events are dropped",
		rule:  i7,
		file:  "schema/hours.go",
		edits: replace("if d.refused.rows > 0 {", "if false {"),
		in:    "schema", run: "TestRejectedRows|TestBatchesByHour",
	},
	{
		name:  "rejected events are not told of",
		rule:  i7,
		file:  "schema/rejection.go",
		edits: replace("if len(d.errors) < MaxErrors {", "if false {"),
		in:    "schema", run: "TestRefusals|TestManyErrors",
	},
	{
		name:  "what was read before a body breaks is accepted",
		rule:  i7,
		file:  "schema/decoder.go",
		edits: replace("\tif err != nil {\n\t\td.clear()\n\t}\n\treturn err", "\treturn err"),
		in:    "schema", run: "TestSyntaxErrors|FuzzDecode",
	},
	{
		name:  "a part of a refused event stays in the columns",
		rule:  i7,
		file:  "schema/split.go",
		edits: replace("\td.event.undo()\n\treturn d.reject(sent, f)", "\treturn d.reject(sent, f)"),
		in:    "schema", run: "TestRefusals|TestRejectedRows|TestValues|FuzzDecode",
	},
	{
		name:  "of two fields of one name the last one counts",
		rule:  i7,
		file:  "schema/event.go",
		edits: replace("if f.seen == e.serial {\n\t\treturn e.refuse", "if false {\n\t\treturn e.refuse"),
		in:    "schema", run: "TestRefusals|FuzzDecode",
	},
	{
		name:  "events may be nested without a bound",
		rule:  i6,
		file:  "schema/event.go",
		edits: replace("if e.depth++; e.depth > MaxDepth {", "if e.depth++; e.depth > MaxDepth && e.depth < 0 {"),
		in:    "schema", run: "TestRefusals|TestLimits",
	},
	{
		name:  "a batch is of no tenant",
		rule:  i8,
		file:  "schema/hours.go",
		edits: replace("Tenant: tenant,", "Tenant: \"\","),
		in:    "schema", run: "TestBatchesByHour",
	},
}
