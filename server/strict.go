// Strict requests: all events of a body, or none.

package server

// accept refuses events of which some were rejected, where all or none are wanted:
// then even the rejected ones are not kept, because the client sends the whole body
// again once it is right.
func (p *post) accept(out outcome) error {
	if p.strict && out.Rejected > 0 {
		return &strictError{out}
	}
	return nil
}
