// An event's id: who has sent it, and a proof that nothing of that was changed.

package scenario

// ID is an event's id, as text of a fixed width:
//
//	<run, 16 digits>-<worker, 4>-<sequence, 9>-<proof, 16>
//
// all hexadecimal. The first half of the proof depends on the three before it; the
// second half on the event's tenant and time as well. So a row tells by itself
// whether it stands under its tenant and its hour, and noise is not taken for an event.
type ID struct {
	Worker   int
	Sequence int64
	proof    uint64
}

// IDLength is the length of every id.
const IDLength = 16 + 1 + 4 + 1 + 9 + 1 + 16

const hexDigits = "0123456789abcdef"

// put writes the id.
func (id ID) put(to *[IDLength]byte, run Run) {
	putHex(to[0:16], uint64(run))
	to[16], to[21], to[31] = '-', '-', '-'
	putHex(to[17:21], uint64(id.Worker))
	putHex(to[22:31], uint64(id.Sequence))
	putHex(to[32:48], id.proof)
}

func putHex(to []byte, n uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = hexDigits[n&15]
		n >>= 4
	}
}

// ParseID reads an id of this run. It is false for any other text.
func (p *Plan) ParseID(text []byte) (id ID, ok bool) {
	if len(text) != IDLength || text[16] != '-' || text[21] != '-' || text[31] != '-' {
		return id, false
	}
	run, ok1 := parseHex(text[:16])
	worker, ok2 := parseHex(text[17:21])
	sequence, ok3 := parseHex(text[22:31])
	proof, ok4 := parseHex(text[32:])
	if !ok1 || !ok2 || !ok3 || !ok4 || Run(run) != p.Run {
		return id, false
	}
	return ID{int(worker), int64(sequence), proof}, true
}

func parseHex(text []byte) (n uint64, ok bool) {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, true
}

// Genuine is whether the worker and the sequence are those that the id was made of.
func (p *Plan) Genuine(id ID) bool {
	return uint32(id.proof>>32) == p.identity(id.Worker, id.Sequence)
}

// Belongs is whether an event with this id is of that tenant and time (milliseconds
// since 1970).
func (p *Plan) Belongs(id ID, tenant int, at int64) bool {
	return uint32(id.proof) == p.place(id.Worker, id.Sequence, tenant, at)
}

// identify makes the id of an event.
func (p *Plan) identify(worker int, sequence int64, tenant int, at int64) ID {
	return ID{worker, sequence, uint64(p.identity(worker, sequence))<<32 | uint64(p.place(worker, sequence, tenant, at))}
}

func (p *Plan) identity(worker int, sequence int64) uint32 {
	r := randomOf(uint64(p.Run), p.Seed, uint64(worker)<<40|uint64(sequence))
	return uint32(r)
}

func (p *Plan) place(worker int, sequence int64, tenant int, at int64) uint32 {
	r := randomOf(uint64(p.Run), p.Seed, uint64(worker)<<40|uint64(sequence), uint64(tenant), uint64(at))
	return uint32(r)
}
