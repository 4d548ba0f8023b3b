package writer

// This file maps a file's identity to its object key and back (I3).

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrKey is returned for a string that no [FileID] has as its key.
var ErrKey = errors.New("not a Parquay object key")

// FileID is a file's whole identity: two files have the same one if and only if
// they hold the same rows (I3).
type FileID struct {
	Incarnation string // of the journal that accepted the rows: lower-case hex or letters, no path separator
	Window      uint64 // the window within that journal
	Table       string
	Tenant      string
	Hour        int64 // hours since the epoch, UTC, of the rows' time
	Cut         int   // position among the files of this window, table, tenant and hour; 0 for nearly all
}

const (
	windowDigits = 12 // a window a second lasts 30,000 years
	cutDigits    = 4
	dateLayout   = "2006-01-02"
	fileSuffix   = ".parquet"
)

// Key returns the name of the file's object, below the bucket's prefix:
//
//	<table>/tenant=<tenant>/dt=YYYY-MM-DD/hour=HH/<incarnation>-<window>-<cut>.parquet
//
// It depends on nothing but the identity. The numbers are padded with zeros so
// that a listing shows the files of one incarnation in the order they were cut.
func (id FileID) Key() string {
	hour := time.Unix(id.Hour*3600, 0).UTC()
	b := make([]byte, 0, 128) // enough for nearly all
	b = append(append(b, id.Table...), "/tenant="...)
	b = append(append(b, id.Tenant...), "/dt="...)
	b = append(hour.AppendFormat(b, dateLayout), "/hour="...)
	b = append(appendPadded(b, uint64(hour.Hour()), 2), '/')
	b = append(append(b, id.Incarnation...), '-')
	b = append(appendPadded(b, id.Window, windowDigits), '-')
	return string(append(appendPadded(b, uint64(id.Cut), cutDigits), fileSuffix...))
}

// appendPadded appends a number of at least that many digits.
func appendPadded(b []byte, n uint64, digits int) []byte {
	var number [20]byte
	d := strconv.AppendUint(number[:0], n, 10)
	for range digits - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}

// check refuses an identity whose key could be mistaken for another's or lead
// out of its tenant's folder (I8).
func (id FileID) check() error {
	parsed, err := ParseKey(id.Key())
	if err != nil {
		return fmt.Errorf("file identity %+v: %w", id, err)
	}
	if parsed != id {
		return fmt.Errorf("file identity %+v: %w: it reads back as %+v", id, ErrKey, parsed)
	}
	return nil
}

// ParseKey is the inverse of [FileID.Key]. It accepts exactly the strings that
// Key returns, without any prefix of the bucket; the error is [ErrKey].
func ParseKey(key string) (FileID, error) {
	fail := func(why string) (FileID, error) {
		return FileID{}, fmt.Errorf("%w: %q: %s", ErrKey, key, why)
	}
	parts := strings.Split(key, "/")
	if len(parts) != 5 {
		return fail("it has not five parts")
	}
	id := FileID{Table: parts[0]}
	tenant, okTenant := strings.CutPrefix(parts[1], "tenant=")
	date, okDate := strings.CutPrefix(parts[2], "dt=")
	hour, okHour := strings.CutPrefix(parts[3], "hour=")
	name, okName := strings.CutSuffix(parts[4], fileSuffix)
	if !okTenant || !okDate || !okHour || !okName {
		return fail("a part lacks its label")
	}
	id.Tenant = tenant

	day, err := time.Parse(dateLayout, date)
	if err != nil {
		return fail("the date is none")
	}
	h, err := strconv.Atoi(hour)
	if err != nil || h < 0 || h > 23 {
		return fail("the hour is none")
	}
	id.Hour = day.Unix()/3600 + int64(h)

	fields := strings.Split(name, "-")
	if len(fields) != 3 {
		return fail("the name has not three parts")
	}
	id.Incarnation = fields[0]
	if id.Window, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return fail("the window is no number")
	}
	if id.Cut, err = strconv.Atoi(fields[2]); err != nil || id.Cut < 0 {
		return fail("the cut is no number")
	}
	if id.Table == "" || id.Tenant == "" || id.Incarnation == "" || isDots(id.Table) {
		return fail("a part is empty")
	}
	// Padding, signs and the like have one spelling only.
	if id.Key() != key {
		return fail("it is not spelled as Parquay does")
	}
	return id, nil
}

func isDots(s string) bool { return s == "." || s == ".." }
