package schema

import "encoding/binary"

// Moments: RFC 3339 and epoch milliseconds to microseconds since the epoch, and
// to hours.

const (
	microsPerSecond = 1_000_000
	microsPerHour   = 3600 * microsPerSecond

	// The years 0000 to 9999, which is what RFC 3339 can write.
	minMicros = -62_167_219_200 * microsPerSecond
	maxMicros = 253_402_300_800*microsPerSecond - 1
)

// moments reads date-times. It remembers the last date, since few events have
// another one than the event before.
type moments struct {
	date [len("2006-01-02T00:00")]byte // its text, up to the minute that it begins with; zeros for none
	days int64                         // from the epoch to it
}

// parse reads a date-time of RFC 3339 with any offset. Digits beyond the microseconds
// are cut. It is three times as fast as time.Parse, which also lets some through that
// the RFC does not.
func (m *moments) parse(s string) (micros int64, ok bool) {
	if len(s) == len(usual) {
		if micros, ok = m.parseUsual(s); ok {
			return micros, ok
		}
	}
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	if date := s[:len("2006-01-02")]; date != string(m.date[:len(date)]) && !m.readDate(date) {
		return 0, false
	}
	hour, minute, second := twoDigits(s[11:]), twoDigits(s[14:]), twoDigits(s[17:])
	if hour|minute|second < 0 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	fraction, zone, ok := parseFraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(zone)
	if !ok {
		return 0, false
	}
	seconds := m.days*86400 + int64(hour*3600+minute*60+second-offset)
	return seconds*microsPerSecond + fraction, true
}

// usual is how most date-times are written, but for its digits.
const usual = "0000-00-00T00:00:00.000Z"

// parseUsual reads a date-time of the last date that is written as usual, eight bytes
// at a time.
func (m *moments) parseUsual(s string) (micros int64, ok bool) {
	// What is left of a byte is a digit's worth, and 0 of every other character.
	date := stringWord(s[:8]) ^ binary.LittleEndian.Uint64(m.date[:])
	minute := stringWord(s[8:16]) ^ binary.LittleEndian.Uint64(m.date[8:])
	second := stringWord(s[16:24]) ^ stringWord(usual[16:24])
	// The sums have the top bit of a byte set that is above 9, or not 0.
	wrong := minute | (minute + 0x76767f76767f7f7f) | second | (second + 0x7f7676767f76767f)
	if date != 0 || wrong&tops != 0 || m.date[0] == 0 {
		return 0, false
	}
	// Two digits are a number where the first of them was.
	minute, thousandth := minute*10+minute>>8, int64(second>>48&0xff)
	second = second*10 + second>>8
	hours, minutes, seconds := int64(minute>>24&0xff), int64(minute>>48&0xff), int64(second>>8&0xff)
	if hours > 23 || minutes > 59 || seconds > 59 {
		return 0, false
	}
	seconds += ((m.days*24+hours)*60 + minutes) * 60
	return seconds*microsPerSecond + (int64(second>>32&0xff)*10+thousandth)*1000, true
}

// stringWord is the eight bytes of a string.
func stringWord(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// readDate reads a date whose dashes are in place, and remembers it.
func (m *moments) readDate(s string) bool {
	century, year := twoDigits(s[0:]), twoDigits(s[2:])
	month, day := twoDigits(s[5:]), twoDigits(s[8:])
	if century|year|month|day < 0 {
		return false
	}
	year += 100 * century
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return false
	}
	copy(m.date[:], s+"T00:00")
	m.days = daysSinceEpoch(year, month, day)
	return true
}

// twoDigits reads two digits, or returns a negative number.
func twoDigits(s string) int {
	high, low := s[0]-'0', s[1]-'0'
	if high > 9 || low > 9 {
		return -1
	}
	return int(high)*10 + int(low)
}

// parseFraction reads the microseconds of a fraction, if there is one.
func parseFraction(s string) (micros int64, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	end := skipDigits(s, 1)
	for i := 1; i <= 6; i++ {
		micros *= 10
		if i < end {
			micros += int64(s[i] - '0')
		}
	}
	return micros, s[end:], end > 1
}

// parseOffset reads Z or ±hh:mm as seconds east of UTC.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hour, minute := twoDigits(s[1:]), twoDigits(s[4:])
	if hour|minute < 0 || hour > 23 || minute > 59 {
		return 0, false
	}
	seconds = hour*3600 + minute*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return int("\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"[month-1])
}

// daysSinceEpoch counts the days from 1970-01-01 in the Gregorian calendar. Years
// are counted from March, so that a leap day is a year's last, in eras of 400
// years (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := (year + 400) / 400 // year is -1 at least: shift it by an era
	yearOfEra := year + 400 - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64((era-1)*146097 + dayOfEra - 719468)
}

// hourOf is the number of whole hours from the epoch to the moment.
func hourOf(micros int64) int64 {
	hour := micros / microsPerHour
	if micros < hour*microsPerHour {
		hour-- // division rounds towards the epoch
	}
	return hour
}
