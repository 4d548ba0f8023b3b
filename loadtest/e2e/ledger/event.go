package ledger

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is what the ledger notes of one event: where its row must be, and what
// must be in it.
type Entry struct {
	Key   string `json:"key"`   // unique for ever; its row, or its text in rejected, holds it
	Table string `json:"table"` // rejected, if the schema refuses the event
	Hour  int64  `json:"hour"`  // hours since 1970; Received where the gateway's clock decides
	Hash  string `json:"hash"`  // of the row
}

// Received is the Hour of an event that is filed by the time of its receipt.
const Received = -1

// KeyPattern matches the keys of all events. The point at the end keeps one from
// being taken for the beginning of another.
var KeyPattern = regexp.MustCompile(`e2e-[0-9a-f]{8}-[0-9]+-[0-9]+-[0-9]+\.`)

// event is an event to be sent.
type event struct {
	Entry
	text string
	row  Row
}

// newEvent makes an ordinary or an odd event, or with fault one that the schema
// refuses. It depends on its arguments alone.
func newEvent(r *rand.Rand, key string, now time.Time, f *fault) event {
	b := &builder{r: r, row: Row{}, key: key}
	b.fields(now)
	e := event{Entry: Entry{Key: key, Table: "events", Hour: b.hour}, row: b.row}
	if f != nil {
		f.spoil(b, now)
	}
	e.text = b.object(b.members)
	if f == nil {
		e.Hash = e.row.Hash()
		return e
	}
	if f.text != nil {
		e.text = f.text(key)
	}
	e.Table, e.Hour = "rejected", Received
	e.row = Row{"table": "events", "code": f.code, "raw": e.text}
	if !utf8.ValidString(e.text) {
		e.row["raw"] = base64Raw(e.text)
	}
	if f.field != "" {
		e.row["field"] = f.field
	}
	e.Hash = e.row.Hash()
	return e
}

// builder gathers an event's members and the row that they must become.
type builder struct {
	r       *rand.Rand
	key     string
	members []string // `"name": value`
	row     Row
	hour    int64
	extra   []string
}

func (b *builder) fields(now time.Time) {
	b.identity()
	b.time(now)
	b.string("type", pick(b.r, types))
	b.members = append(b.members, `"message_id":"`+b.key+`"`)
	b.row["message_id"] = b.key
	b.maybe(0.7, func() { b.string("conversation_id", b.odd()) })
	b.maybe(0.9, func() { b.string("channel", pick(b.r, channels)) })
	b.maybe(0.8, func() { b.string("direction", pick(b.r, []string{"inbound", "outbound"})) })
	b.maybe(0.8, func() { b.string("sender", "+49151"+strconv.Itoa(b.r.IntN(1e7))) })
	b.maybe(0.8, func() { b.string("recipient", b.odd()) })
	b.maybe(0.6, func() { b.string("country", pick(b.r, countries)) })
	b.maybe(0.3, func() { b.string("error_code", "") })
	b.maybe(0.3, func() { b.string("error_reason", b.odd()) })
	b.maybe(0.5, func() { b.segments() })
	b.maybe(0.5, func() { b.price() })
	b.maybe(0.4, func() { b.attributes() })
	b.maybe(0.1, func() { b.members = append(b.members, `"provider":null`) })
	b.maybe(0.2, func() { b.unknown() })
	b.r.Shuffle(len(b.members), func(i, j int) { b.members[i], b.members[j] = b.members[j], b.members[i] })
}

func (b *builder) maybe(share float64, f func()) {
	if b.r.Float64() < share {
		f()
	}
}

// identity sets the id, which one event in ten leaves to the gateway.
func (b *builder) identity() {
	if b.r.IntN(10) == 0 {
		b.row["id"] = MadeID
		return
	}
	b.string("id", b.key)
}

// time sets the time: mostly just now, sometimes some hours or days ago, in every
// form that is allowed. One event in ten leaves it to the gateway.
func (b *builder) time(now time.Time) {
	if b.r.IntN(10) == 0 {
		b.row["time"], b.hour = MadeTime, Received
		return
	}
	at := now.Add(-time.Duration(b.r.IntN(60e6)) * time.Microsecond)
	switch n := b.r.IntN(100); {
	case n < 20:
		at = at.Add(-time.Duration(1+b.r.IntN(3)) * time.Hour)
	case n < 25:
		at = at.Add(-time.Duration(1+b.r.IntN(6)) * 24 * time.Hour)
	case n < 27:
		at = at.Add(30 * time.Minute)
	}
	at = at.UTC().Truncate(time.Microsecond)
	var text string
	switch b.r.IntN(5) {
	case 0:
		at = at.Truncate(time.Millisecond)
		text = strconv.FormatInt(at.UnixMilli(), 10)
	case 1:
		at = at.Truncate(time.Second)
		text = `"` + at.Format(time.RFC3339) + `"`
	case 2:
		zone := time.FixedZone("", (b.r.IntN(25)-12)*3600+b.r.IntN(2)*1800)
		text = `"` + at.In(zone).Format(time.RFC3339Nano) + `"`
	default:
		text = `"` + at.Format(time.RFC3339Nano) + `"`
	}
	b.members = append(b.members, `"time":`+text)
	b.row["time"] = strconv.FormatInt(at.UnixMicro(), 10)
	b.hour = at.Unix() / 3600
}

// segments sets an integer; 2.0 is one too.
func (b *builder) segments() {
	n := strconv.Itoa(b.r.IntN(300))
	b.row["segments"] = n
	if b.r.IntN(10) == 0 {
		n += ".0"
	}
	b.members = append(b.members, `"segments":`+n)
}

// price sets an exact decimal as a string or a number, with and without a point,
// beyond what a float64 holds.
func (b *builder) price() {
	unscaled := b.r.Int64N(2e6)
	switch b.r.IntN(10) {
	case 0:
		unscaled = b.r.Int64N(1e18)
	case 1:
		unscaled = -unscaled
	}
	text := decimal(unscaled)
	b.row["price"] = text
	if b.r.IntN(2) == 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if b.r.IntN(2) == 0 {
		text = `"` + text + `"`
	}
	b.members = append(b.members, `"price":`+text)
	b.string("currency", "EUR")
}

// decimal writes millionths with six digits after the point.
func decimal(unscaled int64) string {
	sign := ""
	if unscaled < 0 {
		sign, unscaled = "-", -unscaled
	}
	return fmt.Sprintf("%s%d.%06d", sign, unscaled/1e6, unscaled%1e6)
}

// attributes sets a map, which may be empty, in its own order.
func (b *builder) attributes() {
	var members, pairs []string
	for i := range b.r.IntN(5) {
		name, value := fmt.Sprintf("k%d%s", i, b.odd()), b.odd()
		members = append(members, quote(b.r, name)+":"+quote(b.r, value))
		pairs = append(pairs, name, value)
	}
	b.members = append(b.members, `"attributes":`+b.object(members))
	b.row["attributes"] = Strings(pairs)
}

// unknown adds fields that no schema names: they must come back from _extra.
func (b *builder) unknown() {
	values := []string{
		`12345678901234567890123456789`, `-0.10`, `1E400`, `null`, `true`, `""`, `[]`, `{}`, `[1,[2.50,{"deep":"\u00e9"}]]`,
		quote(b.r, b.odd()), `{"id":"not this one","time":0}`,
	}
	for i := range 1 + b.r.IntN(3) {
		member := fmt.Sprintf(`"x_%d":%s`, i, pick(b.r, values))
		b.members = append(b.members, member)
		b.extra = append(b.extra, member)
	}
	text, err := Canonical("{" + strings.Join(b.extra, ",") + "}")
	if err != nil {
		panic(err) // the values above are JSON
	}
	b.row["_extra"] = text
}

func (b *builder) string(name, value string) {
	b.members = append(b.members, quote(b.r, name)+space(b.r)+":"+space(b.r)+quote(b.r, value))
	b.row[name] = value
}

// odd is a string that is often unusual.
func (b *builder) odd() string { return pick(b.r, oddStrings) }

func (b *builder) object(members []string) string {
	var s strings.Builder
	s.WriteString("{" + space(b.r))
	for i, m := range members {
		if i > 0 {
			s.WriteString("," + space(b.r))
		}
		s.WriteString(m)
	}
	s.WriteString(space(b.r) + "}")
	return s.String()
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// space is white space as people send it, mostly none.
func space(r *rand.Rand) string {
	if r.IntN(20) > 0 {
		return ""
	}
	return pick(r, []string{" ", "\t", "  "})
}

// quote writes a JSON string, with every escape there is.
func quote(r *rand.Rand, s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch i := strings.IndexRune("\"\\/\b\f\n\r\t", c); {
		case i >= 0 && (c != '/' || r.IntN(2) == 0):
			b.WriteByte('\\')
			b.WriteByte(`"\/bfnrt`[i])
		case c < 0x20 || r.IntN(50) == 0:
			for _, unit := range utf16Units(c) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func utf16Units(c rune) []rune {
	if c < 0x10000 {
		return []rune{c}
	}
	c -= 0x10000
	return []rune{0xd800 + c>>10, 0xdc00 + c&0x3ff}
}

var (
	types     = []string{"message.enqueued", "message.sent", "message.delivered", "message.read", "message.failed", "a.b_c.d9"}
	channels  = []string{"whatsapp", "sms", "rcs", "email", "voice", "push", ""}
	countries = []string{"DE", "BR", "IN", "ßü"}

	oddStrings = []string{
		"", " ", "plain", "+4915112345678", "naïve café", "日本語", "👩‍👩‍👧‍👦 family", "\u202eright to left", "\ufeff", "\U0010ffff",
		"line\nbreak\r\n\ttab", `back\slash "quoted" /slash/`, "\x00\x01\x1f", "\x7f\u0080\u2028\u2029", `\u0041`, "null", "<script>&amp;",
		strings.Repeat("long ", 50),
	}
)
