// Bodies of which nothing is stored, although some events may be valid.

package server

// refuses says whether all events were to be accepted or none, and it is none. Then
// even the rejected ones are not kept, because the client sends the whole body again
// once it is right.
func (p *post) refuses(out outcome) bool { return p.strict && out.Rejected > 0 }

// stores says whether events that were decoded are kept. A dry run is like any other
// request up to here, so that it says what another one would.
func (p *post) stores(out outcome) bool { return !p.dryRun && !p.refuses(out) }
