// The mutations of what joins the packages.

package main

var commandMutations = []mutation{
	{
		name:  "every level of durability is memory",
		rule:  ackBeforeSync,
		file:  "cmd/parquay/pipeline.go",
		edits: replace("s.Ack == \"memory\"", "s.Ack != \"\""),
		in:    "cmd/parquay", run: "TestModelOfTheWhole|TestGatewayFailsClosed|TestGatewaySyncs",
	},
	{
		name:  "a window of an earlier process is cut as this one's are",
		rule:  i3,
		file:  "buffer/replay.go",
		edits: replace("int(p.header.FileRows)", "r.b.cfg.FileRows"),
		in:    "cmd/parquay", run: "TestModelOfTheWhole",
	},
	{
		name:  "a failed sync counts as a good one",
		rule:  i5,
		file:  "buffer/journal/append.go",
		edits: replace("if err := w.file.Sync(); err != nil {", "if err := w.file.Sync(); err != nil && false {"),
		in:    "cmd/parquay", run: "TestModelOfTheWhole",
	},
	{
		name:  "an error of the journal is answered as a 500",
		rule:  i5,
		file:  "cmd/parquay/wire.go",
		edits: drop("\t{buffer.ErrFailed, server.ErrFailed},\n"),
		in:    "cmd/parquay", run: "TestAnswerable",
	},
	{
		name:  "a process whose journal has failed exits as if all were well",
		rule:  i5,
		file:  "cmd/parquay/gateway.go",
		edits: replace("return fmt.Errorf(\"%w: %w\", errJournal, err)", "_ = fmt.Errorf\n\t\t\treturn nil"),
		in:    "cmd/parquay", run: "TestGatewayFailsClosed",
	},
	{
		name:  "a stop leaves the window in the journal",
		rule:  i1,
		file:  "cmd/parquay/gateway.go",
		edits: replace("if err := g.buffer.Drain(ctx); err != nil {", "if err := error(nil); err != nil {"),
		in:    "cmd/parquay", run: "TestScripts",
	},
	{
		name:  "files are put before the bucket was checked",
		rule:  i4,
		file:  "cmd/parquay/bucketcheck.go",
		edits: replace("case <-c.passed:\n\t\treturn c.putter.Put", "default:\n\t\treturn c.putter.Put"),
		in:    "cmd/parquay", run: "TestBucketIsCheckedWhenItComesBack|TestUnfitBucketThatComesBack",
	},
	{
		name:  "a bucket that would lose files is taken",
		rule:  i4,
		file:  "cmd/parquay/bucketcheck.go",
		edits: replace("if f.Fatal {", "if false {"),
		in:    "cmd/parquay", run: "TestUnfitBucketIsRefused",
	},
	{
		name:  "a bucket that takes nothing more keeps its process",
		rule:  i5,
		file:  "cmd/parquay/bucketcheck.go",
		edits: replace("errors.Is(err, errUnfit) || errors.Is(err, writer.ErrBucketFailed) ||", "errors.Is(err, errUnfit) ||"),
		in:    "cmd/parquay", run: "TestGatewayEndsWithItsBucket",
	},
	{
		name:  "a failed journal waits for ever for a disk that can't be written",
		rule:  i5,
		file:  "cmd/parquay/bucketcheck.go",
		edits: replace("(errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)) && c.journalFailed()", "errors.Is(err, syscall.EROFS) && false"),
		in:    "cmd/parquay", run: "TestGatewayEndsWithItsDisk",
	},
	{
		name:  "a bucket's disk that can't be written for a while ends the process",
		rule:  i5,
		file:  "cmd/parquay/bucketcheck.go",
		edits: replace("(errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)) && c.journalFailed()", "errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)"),
		in:    "cmd/parquay", run: "TestGatewayOutlastsItsBucketsDisk",
	},
	{
		name:  "verify asks the first journal alone whether it has a window",
		rule:  i7,
		file:  "cmd/parquay/verify_journals.go",
		edits: replace("if slices.Contains(now.Windows(), journal.WindowID{Incarnation: id, Window: window}) {\n\t\t\t\treturn true, nil\n\t\t\t}", "return slices.Contains(now.Windows(), journal.WindowID{Incarnation: id, Window: window}), nil"),
		in:    "cmd/parquay", run: "TestInJournals",
	},
	{
		name:  "verify takes a journal that can't be read for an empty one",
		rule:  i7,
		file:  "cmd/parquay/verify_journals.go",
		edits: replace("if err != nil {\n\t\t\t\treturn false, err\n\t\t\t}", "if err != nil {\n\t\t\t\tcontinue\n\t\t\t}"),
		in:    "cmd/parquay", run: "TestInJournals",
	},
	{
		name:  "a recovery that can't delete a window says that all is well",
		rule:  i7,
		file:  "cmd/parquay/recover.go",
		edits: replace("if n := len(left.Windows()); n > 0 {", "if n := len(left.Windows()); n < 0 {"),
		in:    "cmd/parquay", run: "TestRecoverCannotDelete",
	},
}
