package schema

// budget keeps what a body's columns occupy within what has been granted, without
// adding up the columns for every event: it counts an upper bound, and looks at
// the columns only when the bound passes the grant.
type budget struct {
	grow    func(bytes int) error
	first   int // what to ask for at first, if that is enough: the body's length
	granted int
	bound   int // the columns occupy no more
}

// maxNote bounds the text of a rejected row besides the event's own: table, code,
// field and message.
const maxNote = 64 + 32 + maxField + maxMessage

// event makes room for an event whose text has n bytes, should it be accepted.
func (b *budget) event(rows, refused *Columns, n int) error {
	return b.reserve(rows, refused, eventBytes(rows)+n+n/3)
}

// room is how many bytes the text of the next event may have, 0 or less for none. Spend
// counts what it has had.
func (b *budget) room(rows *Columns) int {
	// The largest n for which n+n/3 is no more than the bytes left.
	return (3*(b.granted-b.bound-eventBytes(rows)) + 2) >> 2
}

// makeRoom makes room for so many bytes at least.
func (b *budget) makeRoom(rows, refused *Columns, least int) (room int, err error) {
	if room = b.room(rows); room >= least {
		return room, nil
	}
	if err = b.event(rows, refused, least); err != nil {
		return 0, err
	}
	b.bound -= eventBytes(rows) + least + least/3 // it has had nothing yet
	return b.room(rows), nil
}

// spend counts an event of n bytes that there was room for.
func (b *budget) spend(rows *Columns, n int) { b.bound += eventBytes(rows) + n + n/3 }

// eventBytes is what an event may take besides four thirds of its text: no value
// takes more bytes than its text but the empty strings of a collection, "", : 4 for
// 3. A generated id has no text.
func eventBytes(rows *Columns) int { return rows.table.rowBytes + len(uuidExample) + 8 }

// refusal makes room for the row of a rejected event.
func (b *budget) refusal(rows, refused *Columns, raw int) error {
	return b.reserve(rows, refused, refused.table.rowBytes+maxNote+raw+raw/3+16) // base64
}

func (b *budget) reserve(rows, refused *Columns, more int) error {
	b.bound += more
	if b.bound <= b.granted {
		return nil
	}
	b.bound = rows.bound() + refused.bound() + more
	if b.bound <= b.granted {
		return nil
	}
	return b.ask(max(b.bound-b.granted, b.granted, b.first))
}

// settle makes sure that the grant covers the byte form of the rows in so many
// hours and of the refused ones.
func (b *budget) settle(rows, refused *Columns, hours int) error {
	total := 0
	if rows.rows > 0 {
		// A column's mode, and what each batch's bitmap rounds up.
		total += rows.bound() + hours*(formHeader+2*len(rows.vectors))
	}
	if refused.rows > 0 {
		total += refused.bound() + formHeader + 2*len(refused.vectors)
	}
	if total <= b.granted {
		return nil
	}
	return b.ask(total - b.granted)
}

func (b *budget) ask(bytes int) error {
	if err := b.grow(bytes); err != nil {
		return err
	}
	b.granted += bytes
	b.first = 0
	return nil
}

// bound is what the columns would occupy if each stored every row: what they may
// come to when a column gets its first value late.
func (c *Columns) bound() int {
	if c.rows == 0 {
		return 0
	}
	n := c.rows*c.table.rowBytes + len(c.vectors)
	for i := range c.vectors {
		n += len(c.vectors[i].elements) + len(c.vectors[i].text)
	}
	return n
}
