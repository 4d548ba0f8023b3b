package buffer

import (
	"time"

	"pgregory.net/rapid"

	"parquay/schema"
)

// A story is drawn as a whole before it is told, so that rapid can make it shorter.
type story struct {
	seed      uint64 // of the disk: what it keeps of what was not synced
	processes []process
}

// process is what becomes of one process.
type process struct {
	settings
	damage   []wound   // of the journal, before it starts
	faults   []fault   // of its disk
	verdicts []verdict // of the appends, closes and puts, one after the other
	steps    []step
	ending   ending

	putsBefore int // steps of files before it began
}

// settings are those that may change from one process to the next.
type settings struct {
	schema      int // of the table modelTables
	fileRows    int
	windowBytes int64
	memory      int64
	backlog     int
}

// wound is a flipped bit, or a lost end, of one of the journal's files.
type wound struct {
	file, place uint64 // modulo what there is
	bit         byte
	cut         bool
}

// fault is what happens to an operation of the disk.
type fault struct {
	at   int
	kind faultKind
}

// faultKind has no stall: an operation that sleeps under a lock would stop the clock of
// the bubble. TestStalledSync has it.
type faultKind int

const (
	failsOnce faultKind = iota // an error, and it was not applied, or partly
	failsDone                  // an error, and it was applied
	crashes                    // the power fails
	fallsDead                  // the process is killed
	faultKinds
)

type step struct {
	kind  stepKind
	posts []request // sent at the same time
	wait  time.Duration
	room  int64 // bytes that the disk has
}

type stepKind int

const (
	posts stepKind = iota
	waitsFor
	fills
	empties
)

// request is the batches of one Commit.
type request []drawnBatch

type drawnBatch struct {
	tenant     string
	table      int
	hour       int64
	rows, size int
}

type ending int

const (
	drains     ending = iota
	losesPower        // and what was not synced
	isKilled
	endings
)

// modelTables are one table under two schemas, small enough not to be what takes time.
var modelTables = []*schema.Table{
	compileModel(`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`),
	compileModel(`{"type":"object","properties":{"a":{"type":"string"},"c":{"type":"boolean"}}}`),
}

func compileModel(document string) *schema.Table {
	t, err := schema.Compile("orders", []byte(document))
	if err != nil {
		panic(err)
	}
	return t
}

func drawStory(t *rapid.T) *story {
	s := &story{seed: rapid.Uint64().Draw(t, "seed")}
	s.processes = rapid.SliceOfN(rapid.Custom(drawProcess), 1, 3).Draw(t, "processes")
	return s
}

func drawProcess(t *rapid.T) process {
	sometimes := func(name string, generate func()) {
		if rapid.IntRange(0, 2).Draw(t, name+"?") == 0 {
			generate()
		}
	}
	p := process{
		settings: settings{
			schema:      rapid.IntRange(0, 1).Draw(t, "schema"),
			fileRows:    rapid.IntRange(1, 12).Draw(t, "file rows"),
			windowBytes: rapid.SampledFrom([]int64{1, 700, 2000, 5000, 1 << 20}).Draw(t, "window"),
			memory:      rapid.SampledFrom([]int64{1 << 20, 24_000, 12_000}).Draw(t, "memory"),
			backlog:     rapid.SampledFrom([]int{100, 6, 2}).Draw(t, "backlog"),
		},
		steps:  rapid.SliceOfN(rapid.Custom(drawStep), 0, 5).Draw(t, "steps"),
		ending: ending(rapid.IntRange(0, int(endings)-1).Draw(t, "ending")),
	}
	sometimes("wounds", func() { p.damage = rapid.SliceOfN(rapid.Custom(drawWound), 1, 2).Draw(t, "wounds") })
	sometimes("faults", func() { p.faults = rapid.SliceOfN(rapid.Custom(drawFault), 1, 2).Draw(t, "faults") })
	sometimes("verdicts", func() {
		p.verdicts = rapid.SliceOfN(rapid.SampledFrom([]verdict{done, fails, unknown, delayed, duplicate, panics, loses, slow, stalls}), 1, 12).Draw(t, "verdicts")
	})
	return p
}

func drawWound(t *rapid.T) wound {
	return wound{
		file:  rapid.Uint64().Draw(t, "file"),
		place: rapid.Uint64().Draw(t, "place"),
		bit:   1 << rapid.IntRange(0, 7).Draw(t, "bit"),
		cut:   rapid.IntRange(0, 5).Draw(t, "cut") == 0,
	}
}

func drawFault(t *rapid.T) fault {
	return fault{
		at:   rapid.IntRange(0, 120).Draw(t, "at"),
		kind: faultKind(rapid.IntRange(0, int(faultKinds)-1).Draw(t, "kind")),
	}
}

func drawStep(t *rapid.T) step {
	switch n := rapid.IntRange(0, 9).Draw(t, "step"); n {
	case 7:
		return step{kind: waitsFor, wait: time.Duration(rapid.Int64Range(1, 90).Draw(t, "seconds")) * time.Second}
	case 8:
		return step{kind: fills, room: rapid.Int64Range(0, 12_000).Draw(t, "room")}
	case 9:
		return step{kind: empties}
	default:
		return step{kind: posts, posts: rapid.SliceOfN(rapid.Custom(drawRequest), 1, 3).Draw(t, "posts")}
	}
}

func drawRequest(t *rapid.T) request {
	tenant := rapid.SampledFrom([]string{"acme", "bolt", "cork"}).Draw(t, "tenant")
	most := rapid.SampledFrom([]int{1, 1, 2, 3, 12}).Draw(t, "most")
	hours := rapid.SampledFrom([]int64{1, 2, 15}).Draw(t, "hours")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) drawnBatch {
		return drawnBatch{
			tenant: tenant,
			table:  rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "table"),
			hour:   rapid.Int64Range(0, hours).Draw(t, "hour"),
			rows:   rapid.IntRange(1, 5).Draw(t, "rows"),
			size:   rapid.SampledFrom([]int{0, 100, 700}).Draw(t, "size"),
		}
	}), 1, most).Draw(t, "batches")
}
