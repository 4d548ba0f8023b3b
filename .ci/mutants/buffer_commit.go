// The mutations of the buffer's committer, its windows and its failure.

package main

var committerMutations = []mutation{
	{
		name:  "requests are answered before their frame is appended",
		rule:  ackBeforeSync,
		file:  "buffer/committer.go",
		edits: replace("err := c.commit(rest[:n])\n\t\tc.answer(rest[:n], err)", "c.answer(rest[:n], nil)\n\t\terr := c.commit(rest[:n])"),
		in:    "buffer", run: "TestCrashMatrix|TestFailClosed|TestStalledSync",
	},
	{
		name:  "frames are never synced",
		rule:  ackBeforeSync,
		file:  "buffer/committer.go",
		edits: replace("!c.b.cfg.Volatile", "false"),
		in:    "buffer", run: "TestCrashMatrix",
	},
	{
		name: "batches are pushed into the rings before their frame is appended",
		rule: pushBeforeSync,
		file: "buffer/committer.go",
		edits: []edit{
			{"place, err := c.append(now)", "c.push(commits, journal.Place{})\n\tplace, err := c.append(now)"},
			{"c.push(commits, place)\n", "_ = place\n"},
		},
		in: "buffer", run: "TestFailureReachesThoseWhoWait|TestFailClosed",
	},
	{
		name:  "a frame joins the open window although its time is over",
		rule:  frameAfterEnd,
		file:  "buffer/committer.go",
		edits: replace("if c.window != nil && !now.Before(c.deadline) {", "if false {"),
		in:    "buffer", run: "TestClockJumps|TestHourBoundary",
	},
	{
		name:  "a window lasts an interval from its first frame, not to a multiple of it",
		rule:  frameAfterEnd,
		file:  "buffer/committer.go",
		edits: replace("now.Truncate(c.b.cfg.FlushInterval).Add(", "now.Add("),
		in:    "buffer", run: "TestWindowsEndOnMultiples|TestHourBoundary",
	},
	{
		name:  "the journal's window is deleted when it ends",
		rule:  deleteBeforePut,
		file:  "buffer/committer.go",
		edits: replace("\tw.end()\n}", "\tc.b.delete(w.id)\n\tw.end()\n}"),
		in:    "buffer", run: "TestDeleteLast|TestCrashMatrix",
	},
	{
		name:  "after a failed append requests are accepted",
		rule:  i5,
		file:  "buffer/committer.go",
		edits: replace("\tc.refuse(err)\n\tc.endWindow(\"failure\")", "\tc.endWindow(\"failure\")"),
		in:    "buffer", run: "TestFailureReachesThoseWhoWait",
	},
	{
		name:  "admission knows nothing of the journal's failure",
		rule:  i5,
		file:  "buffer/admission.go",
		edits: replace("if err := b.failure.Load(); err != nil {\n\t\treturn *err\n\t}\n", ""),
		in:    "buffer", run: "TestFailureReachesThoseWhoWait",
	},
	{
		name:  "what was acknowledged before the failure is not flushed",
		rule:  i5,
		file:  "buffer/committer.go",
		edits: drop("\tc.endWindow(\"failure\")\n"),
		in:    "buffer", run: "TestFailClosed",
	},
	{
		name:  "a process whose journal has failed does not end",
		rule:  i5,
		file:  "buffer/buffer.go",
		edits: replace("return *b.failure.Load()\n}\n\n// Drain", "return nil\n}\n\n// Drain"),
		in:    "buffer", run: "TestFailClosed",
	},
	{
		name:  "the process is ready while a sync does not return",
		rule:  i5,
		file:  "buffer/committer.go",
		edits: replace("return began != 0 && now.UnixNano()-began > int64(stallAfter)", "return false && began != 0 && now.UnixNano() > int64(stallAfter)"),
		in:    "buffer", run: "TestStalledSync",
	},
	{
		name:  "a stop does not end the window",
		rule:  i1,
		file:  "buffer/committer.go",
		edits: drop("\t\t\tc.endWindow(\"shutdown\")\n"),
		in:    "buffer", run: "TestNothingStaysInTheJournal|TestBatchesReachOneFileEach",
	},
	{
		name:  "the wait of a commit ends with success when the client leaves",
		rule:  i1,
		file:  "buffer/admission.go",
		edits: replace("return Receipt{}, fmt.Errorf(\"wait for the journal: %w\", ctx.Err())", "_ = fmt.Errorf\n\t\treturn Receipt{}, nil"),
		in:    "buffer", run: "TestClientGone|TestStalledSync",
	},
	{
		name:  "a push into the ring is seen before it is written",
		rule:  i2,
		file:  "buffer/ring.go",
		edits: replace("\tr.tail.slots[r.wrote] = e\n\tr.wrote++\n\tr.tail.filled.Store(r.wrote)", "\tr.wrote++\n\tr.tail.filled.Store(r.wrote)\n\tr.tail.slots[r.wrote-1] = e"),
		in:    "buffer", run: "TestRingBetweenTwoGoroutines", race: true,
	},
	{
		name:  "the committer keeps the batches of its last frame",
		rule:  i6,
		file:  "buffer/committer.go",
		edits: drop("\tclear(c.batches) // they are others' now, and the budget's\n"),
		in:    "buffer", run: "TestCommittedBatchesAreLetGo",
	},
}
