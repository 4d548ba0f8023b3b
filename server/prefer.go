// Preferences of RFC 7240: what a client would like, and may be told it got.

package server

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds Prefer: wait. A window is put into the bucket within a minute or
// two, and balancers give up on a connection that is silent for much longer.
const maxWait = 300 * time.Second

// prefer reads the Prefer fields. Of preferences of one name the first counts; what
// is unknown, or has no meaning, is passed over, as the RFC wants it.
func (m *modes) prefer(fields []string) {
	var waitSeen, handlingSeen bool
	for _, field := range fields {
		for field != "" {
			var name, value string
			name, value, field = cutPreference(field)
			switch {
			case strings.EqualFold(name, "wait") && !waitSeen:
				waitSeen = true
				m.preferWait(value)
			case strings.EqualFold(name, "handling") && !handlingSeen:
				handlingSeen = true
				m.preferHandling(value)
			}
		}
	}
}

func (m *modes) preferWait(value string) {
	seconds, err := strconv.ParseUint(value, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return
	}
	// Beyond any number is beyond the bound.
	m.waits, m.wait = true, time.Duration(min(seconds, uint64(maxWait/time.Second)))*time.Second
}

func (m *modes) preferHandling(value string) {
	switch {
	case strings.EqualFold(value, "strict"):
		m.strict = true
		m.applied = append(m.applied, "handling=strict")
	case strings.EqualFold(value, "lenient"):
		m.applied = append(m.applied, "handling=lenient")
	}
}

// cutPreference cuts the first preference off a list of them. Its parameters are
// left out: neither wait nor handling has any.
func cutPreference(list string) (name, value, rest string) {
	item, rest := cutUnquoted(list, ',')
	item, _ = cutUnquoted(item, ';')
	name, value, _ = strings.Cut(item, "=")
	return strings.Trim(name, " \t"), unquote(strings.Trim(value, " \t")), rest
}

// cutUnquoted cuts s at the first separator that is in no quoted string.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++ // whatever follows is meant as it is
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote returns what a quoted string stands for, and any other text as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
