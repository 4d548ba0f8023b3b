package buffer

import "testing"

// TestTurn: a tenant that is wanted while it is drained is drained once more, by
// the one who has the turn.
func TestTurn(t *testing.T) {
	var turn turn
	step := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	step("an idle tenant must be queued", turn.want(), true)
	step("a queued one must not", turn.want(), false)
	turn.begin()
	step("what came before begin is seen by it", turn.done(), true)

	turn.want()
	turn.begin()
	step("one that is drained must not be queued", turn.want(), false)
	step("nor again", turn.want(), false)
	step("it must be looked at again", turn.done(), false)
	turn.begin()
	step("then it is done", turn.done(), true)
	step("and must be queued the next time", turn.want(), true)
}
