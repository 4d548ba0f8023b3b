package schema

import "slices"

// The rows of a body by the hour that they are filed under.

// Batches returns the last body's rows, one batch an hour, the earliest first,
// with memory of their own; then those of the rejected table. The decoder can be
// used again.
func (d *Decoder) Batches(tenant string) []*Batch {
	var batches []*Batch
	seal := func(c *Columns, hour int64) {
		size := c.chooseModes()
		batches = append(batches, &Batch{
			Table: c.table, Tenant: tenant, Hour: hour, Rows: c.rows,
			Bytes: c.appendForm(d.memory.Take(size)), Memory: d.memory,
		})
	}
	rows := d.order
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n]>>32 == rows[0]>>32 {
			n++
		}
		d.gathered.Reset()
		d.gathered.gather(d.rows, rows[:n])
		seal(d.gathered, int64(rows[0]>>32)-hourBias)
		rows = rows[n:]
	}
	if len(d.order) == 0 && d.rows.rows > 0 {
		seal(d.rows, hourOf(d.rows.Vector(d.table.timeColumn).Int64(0)))
	}
	if d.refused.rows > 0 {
		seal(d.refused, hourOf(d.received.UnixMicro()))
	}
	return batches
}

// hourBias makes every hour of the years 0 to 9999 positive.
const hourBias = 1 << 31

// sortByHour counts the hours of the accepted rows. If there are several it leaves
// the rows in order, by hour and then as the body has them: the hour in the upper
// half of a number and the row in the lower.
func (d *Decoder) sortByHour() (hours int) {
	if d.rows.rows == 0 {
		return 0
	}
	times := d.rows.Vector(d.table.timeColumn)
	start := hourOf(times.Int64(0)) * microsPerHour
	row := 1
	for row < d.rows.rows && uint64(times.Int64(row)-start) < microsPerHour {
		row++
	}
	if row == d.rows.rows {
		return 1
	}
	for row := range d.rows.rows {
		d.order = append(d.order, uint64(hourOf(times.Int64(row))+hourBias)<<32|uint64(row))
	}
	slices.Sort(d.order)
	for i, key := range d.order {
		if i == 0 || key>>32 != d.order[i-1]>>32 {
			hours++
		}
	}
	return hours
}

// gather adds rows of other columns of the same table: those in the lower halves
// of the keys.
func (c *Columns) gather(from *Columns, keys []uint64) {
	for i := range c.vectors {
		to, v := &c.vectors[i], &from.vectors[i]
		if v.present == 0 {
			continue
		}
		for n, key := range keys {
			if row := int(uint32(key)); v.Present(row) {
				to.copyRow(c.rows+n, v, row)
			}
		}
	}
	c.rows += len(keys)
	c.endRows()
}

// copyRow gives the row the value that another vector has in a row of its own.
func (v *Vector) copyRow(row int, from *Vector, other int) {
	switch v.kind {
	case String:
		v.setString(row, view(from.Bytes(other)))
	case StringMap, StringList:
		for i, to := from.Elements(other); i < to; i++ {
			if v.kind == StringMap {
				v.addElement(view(from.Key(i)))
			}
			v.addElement(view(from.Element(i)))
		}
		v.endElements(row)
	default:
		v.setInt64(row, from.Int64(other))
	}
}
