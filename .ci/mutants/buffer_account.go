// The mutations of the buffer's accounts and receipts.

package main

var accountMutations = []mutation{
	{
		name:  "a receipt's rows are called stored when they are in the journal",
		rule:  i1,
		file:  "buffer/receipt.go",
		edits: replace("case finished != nil:\n\t\treturn Placement{}, finished, nil", "case finished != nil:\n\t\treturn Placement{Stored: true}, finished, nil"),
		in:    "buffer", run: "TestReceipts",
	},
	{
		name:  "receipts are answered for any tenant",
		rule:  i8,
		file:  "buffer/traces.go",
		edits: replace("if part := tr.tenants[tenant]; part != nil {\n\t\tt = *part\n\t}", "for _, part := range tr.tenants {\n\t\tt = *part\n\t}"),
		in:    "buffer", run: "TestReceipts|TestCrashMatrix",
	},
	{
		name:  "events that are accepted are not pending",
		rule:  i7,
		file:  "buffer/account.go",
		edits: drop("\ta.counts.Late += n.late\n\ta.counts.Pending += n.events()\n"),
		in:    "buffer", run: "TestAccountsAddUp",
	},
	{
		name:  "events that the journal refused are not counted",
		rule:  i7,
		file:  "buffer/account.go",
		edits: drop("\ta.counts.Failed += n.events()\n"),
		in:    "buffer", run: "TestAccountOfAFailedJournal",
	},
	{
		name:  "rows that are read twice are recovered twice",
		rule:  i7,
		file:  "buffer/replay.go",
		edits: replace("counted[tenant] = rows", "_ = counted"),
		in:    "buffer", run: "TestUnreadableAtFirst",
	},
	{
		name:  "a window of one's own counts as recovered when it is replayed",
		rule:  i7,
		file:  "buffer/replay.go",
		edits: replace("if r.b.own(p.retry.id) {", "if false {"),
		in:    "buffer", run: "TestFlushFailures|TestAccountsAddUp|TestReceiptAfterAFailedFlush",
	},
}
