// Times as text, fast.

package scenario

import "time"

// timeLength is the length of 2006-01-02T15:04:05.000Z.
const timeLength = 24

const msPerDay = 24 * 60 * 60 * 1000

// clock writes times. It remembers the dates of some days, since a date is what
// costs most.
type clock struct {
	days  [16]int64
	dates [16][10]byte
}

// put writes a time after 1970, in milliseconds.
func (c *clock) put(to *[timeLength]byte, at int64) {
	day, ms := at/msPerDay, at%msPerDay
	slot := day & 15
	if c.days[slot] != day {
		c.days[slot] = day
		copy(c.dates[slot][:], time.UnixMilli(at).UTC().Format(time.DateOnly))
	}
	copy(to[:], c.dates[slot][:])
	s := ms / 1000
	to[10], to[13], to[16], to[19], to[23] = 'T', ':', ':', '.', 'Z'
	putDecimal(to[11:13], s/3600)
	putDecimal(to[14:16], s/60%60)
	putDecimal(to[17:19], s%60)
	putDecimal(to[20:23], ms%1000)
}

func putDecimal(to []byte, n int64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}

// parseTime reads what put has written.
func parseTime(text []byte) (at int64, err error) {
	t, err := time.Parse("2006-01-02T15:04:05.000Z", string(text))
	return t.UnixMilli(), err
}
