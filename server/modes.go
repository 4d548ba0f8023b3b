// What a request asks for beside having its events stored.

package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// modes is how a body is to be taken. The zero value is the ordinary way: what is
// valid is accepted, what is not is kept as rejected, and the answer is sent as
// soon as both are durable.
type modes struct {
	strict bool // all events or none
	dryRun bool // nothing is stored

	waits bool          // the answer is to wait until the rows are in the bucket,
	wait  time.Duration // for so long at most

	key string // what a repetition is known by; "" for none

	applied []string // the preferences that are honoured, as Preference-Applied names them
}

// modesOf reads the query and the header. It costs an ordinary request nothing.
func modesOf(r *http.Request) (modes, error) {
	var m modes
	m.prefer(r.Header["Prefer"])
	if r.URL.RawQuery != "" {
		if err := m.parameters(r.URL.RawQuery); err != nil {
			return modes{}, err
		}
	}
	key, err := idempotencyKey(r.Header["Idempotency-Key"])
	if !m.dryRun { // which can be repeated as often as anybody likes
		m.key = key
	}
	return m, err
}

// parameters reads the query. A parameter that is not known is refused: whoever
// mistypes dry_run must not find their test's events stored.
func (m *modes) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &parameterError{reason: "the query can't be read"}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return &parameterError{name, "is given more than once"}
		}
		on, known := flag(values[name][0])
		switch {
		case name != "atomic" && name != "dry_run":
			return &parameterError{name, "is unknown: there are atomic and dry_run"}
		case !known:
			return &parameterError{name, "must be true or false"}
		case name == "dry_run":
			m.dryRun = on
		default:
			m.atomic(on)
		}
	}
	return nil
}

// flag reads a parameter's value.
func flag(value string) (on, known bool) {
	switch value {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// atomic is what ?atomic asks for. It stands above a preference, which a server
// may pass over.
func (m *modes) atomic(on bool) {
	if m.strict != on {
		m.applied = slices.DeleteFunc(m.applied, func(p string) bool { return strings.HasPrefix(p, "handling=") })
	}
	m.strict = on
}
