// The mutations of the buffer's replay of what is in the journal.

package main

var replayMutations = []mutation{
	{
		name: "a window is deleted whatever was read of it the second time",
		rule: countsNotRead,
		file: "buffer/replay.go",
		edits: []edit{
			{"if sent != p.rows {", "if false {"},
			{"if err == nil && w.rows != end.rows {", "if false {"},
		},
		in: "buffer", run: "TestUnreadable.*",
	},
	{
		name:  "a recovered window is cut as the settings have it now",
		rule:  schemaOfTheWindow,
		file:  "buffer/replay.go",
		edits: replace("int(p.header.FileRows)", "r.b.cfg.FileRows"),
		in:    "buffer", run: "TestModel",
	},
	{
		name:  "a recovered window is flushed under the schema of now",
		rule:  schemaOfTheWindow,
		file:  "buffer/plan.go",
		edits: replace("current.Name() == t.Name() && string(current.Document()) == string(t.Document())", "current.Name() == t.Name()"),
		in:    "buffer", run: "TestWindowKeepsItsSchema",
	},
	{
		name:  "what earlier processes have left is not recovered",
		rule:  i2,
		file:  "buffer/buffer.go",
		edits: replace("newReplayer(b, left)", "newReplayer(b, left[:0])"),
		in:    "buffer", run: "TestCrashBetweenAnswerAndFile|TestCrashMatrix",
	},
	{
		name:  "recovered rows are counted and not flushed",
		rule:  i2,
		file:  "buffer/replay.go",
		edits: replace("r.window.push(t, entry{", "_ = r.window.push\n\t_ = (entry{"),
		in:    "buffer", run: "TestCrashBetweenAnswerAndFile",
	},
	{
		name:  "a window that can't be read at all is deleted",
		rule:  tornOrDamaged,
		file:  "buffer/replay.go",
		edits: replace("r.b.quarantine(next.id)", "r.b.delete(next.id)"),
		in:    "buffer", run: "TestNoHeader",
	},
	{
		name:  "a window that can't be opened now is put aside",
		rule:  i4,
		file:  "buffer/replay.go",
		edits: replace("if errors.Is(err, journal.ErrCorrupt) {", "if err != nil {"),
		in:    "buffer", run: "TestUnreadable.*|TestFailedBesideALeftover",
	},
	{
		name: "a window is read when the one before is in the bucket",
		rule: i8,
		file: "buffer/replay.go",
		edits: replace("return r.send(ctx, replayed{window: w, last: true})",
			"err = r.send(ctx, replayed{window: w, last: true})\n\tfor err == nil && w.refs.Load() > 0 {\n\t\ttime.Sleep(time.Millisecond)\n\t}\n\treturn err"),
		in: "buffer", run: "TestRefusedAtRecovery",
	},
	{
		name:  "what can't be read now is lost",
		rule:  i3,
		file:  "buffer/replay.go",
		edits: replace("next.unread <= looks", "next.unread < 0"),
		in:    "buffer", run: "TestUnreadForAWhile|TestUnreadAfterOtherFailures",
	},
	{
		name: "files are put of a reading that is not the first",
		rule: i3,
		file: "buffer/replay.go",
		edits: []edit{
			{"!frames.starts(p.frames)", "false"},
			{"(!slices.Equal(frames, p.frames) || !slices.Equal(reader.Damage(), p.damage))", "false"},
			{"if sent != p.rows {", "if false {"},
		},
		in: "buffer", run: "TestUnreadForAWhile",
	},
	{
		name:  "a reading that lacks as much as the first one, elsewhere, is put",
		rule:  i3,
		file:  "buffer/replay.go",
		edits: replace("!frames.starts(p.frames)", "len(frames) > len(p.frames)"),
		in:    "buffer", run: "TestUnreadElsewhere",
	},
	{
		name:  "a window is deleted that was put in part before it could be read",
		rule:  tornOrDamaged,
		file:  "buffer/replay.go",
		edits: replace("err := r.b.cfg.Medium.Keep(next.id)", "err := error(nil)"),
		in:    "buffer", run: "TestUnreadThenHealed",
	},
	{
		name:  "a window that fails again at the end waits as long as ever",
		rule:  i6,
		file:  "buffer/replay.go",
		edits: replace("if r.mu.hurried {", "if false {"),
		in:    "buffer", run: "TestDrainKeepsHurrying",
	},
	{
		name:  "failures of other kinds count as readings in vain",
		rule:  i3,
		file:  "buffer/replay.go",
		edits: replace("next.unread <= looks", "next.unread+next.failures <= looks"),
		in:    "buffer", run: "TestUnreadAfterOtherFailures",
	},
	{
		name: "a window is deleted, and not put aside, that was once read with damage",
		rule: tornOrDamaged,
		file: "buffer/replay.go",
		edits: []edit{
			{"err := r.b.cfg.Medium.Keep(next.id)", "err := error(nil)"},
			{"if end.retry.damaged {", "if false {"},
		},
		in: "buffer", run: "TestQuarantineFails|TestUnreadThenHealed|TestShedDamaged",
	},
	{
		name:  "a batch of more than the memory waits for room for ever",
		rule:  i6,
		file:  "buffer/admission.go",
		edits: replace("limit := b.limit + max(0, n-b.limit/4)", "limit := b.limit"),
		in:    "buffer", run: "TestReplayOfALargeBatch",
	},
}
