package buffer

import (
	"testing"
	"time"
)

// TestModelHides tells the stories that [model.hide] is for, which chance hardly ever
// does: a write or a sync is done and reported as failed, and the process dies at each
// of the steps after that. Some of them put a window's file without the last frame, and
// then with it: the model excuses that, and nothing else of them.
func TestModelHides(t *testing.T) {
	post := step{kind: posts, posts: []request{{{tenant: "acme", hour: 1, rows: 1, size: 100}}}}
	var seen sightings
	for at := range 30 {
		for later := 1; later <= 8; later++ {
			s := story{processes: []process{{
				settings: settings{fileRows: 100, windowBytes: 1 << 20, memory: 1 << 20, backlog: 100},
				faults:   []fault{{at, failsDone}, {at + later, fallsDead}},
				steps:    []step{post, post, {kind: waitsFor, wait: 2 * time.Minute}},
				ending:   isKilled,
			}}}
			for _, problem := range s.run(t, &seen) {
				t.Errorf("done but reported as failed at %d, dead %d after: %s", at, later, problem)
			}
		}
	}
	if seen.Hidden == 0 {
		t.Error("no file was put with other rows than before: these are other stories")
	}
	t.Logf("%+v", &seen)
}
