// The built-in events: what a messaging platform sends of its messages.

package scenario

// Every message is enqueued, sent, and delivered and read, or it fails. A worker
// follows so many side by side, as they would arrive.
const lanes = 512

// The columns of an event, in the order in which it is written. Columns from
// segments on are there for some events alone.
const (
	colID = iota
	colTime
	colType
	colMessage
	colConversation
	colChannel
	colDirection
	colSender
	colRecipient
	colCountry
	colProvider
	colTemplate
	colCampaign
	colContent
	colErrorCode
	colErrorReason
	colCurrency
	textColumns // how many of them are text in the event
	colSegments = iota - 1
	colPrice
	colAttributes
	columns
)

var columnNames = [columns]string{
	"id", "time", "type", "message_id", "conversation_id", "channel", "direction", "sender", "recipient", "country", "provider",
	"template_id", "campaign_id", "content_type", "error_code", "error_reason", "currency", "segments", "price", "attributes",
}

// message is an event with the memory for its values.
type message struct {
	text [textColumns][]byte // nil where there is none

	cost       bool // whether there are the three below, and a currency
	segments   byte // a digit
	price      [6]byte
	plan, node []byte

	id                    [IDLength]byte
	time                  [timeLength]byte
	message, conversation [36]byte
	sender                [12]byte
	recipient             [13]byte
	template              [7]byte
	campaign              [13]byte
	clock                 clock
}

// set makes the event of a worker, sequence, tenant and time.
func (m *message) set(p *Plan, worker int, sequence int64, tenant int, at int64) {
	p.identify(worker, sequence, tenant, at).put(&m.id, p.Run)
	m.clock.put(&m.time, at)
	m.text[colID], m.text[colTime] = m.id[:], m.time[:]

	// The lanes are at different points of a message's life, so that all kinds of
	// events come mixed.
	lane := sequence % lanes
	step := sequence/lanes + int64(mix(uint64(lane)+p.Seed)&3)
	r := randomOf(p.Seed, uint64(worker), uint64(lane), uint64(step/4), uint64(tenant))
	m.share(&r)
	failed := r.below(25) == 0
	m.cost = false
	m.text[colErrorCode], m.text[colErrorReason], m.text[colCurrency] = nil, nil, nil
	switch step % 4 {
	case 0:
		m.text[colType] = enqueued
	case 1:
		m.text[colType], m.text[colCurrency] = sent, currency
		m.bill(&r)
	case 2:
		m.text[colType] = delivered
		if failed {
			e := &failures[r.below(uint64(len(failures)))]
			m.text[colType], m.text[colErrorCode], m.text[colErrorReason] = failedType, e.code, e.reason
		}
	default:
		m.text[colType] = read
	}
}

// share makes what all events of a message have in common.
func (m *message) share(r *random) {
	putUUID(&m.message, r.next(), r.next())
	putUUID(&m.conversation, r.next(), r.next())
	n := r.next()
	c := &countries[min(n&7, n>>3&7)] // the first are the most frequent
	h := &channels[min(n>>6&3, n>>8&3)]
	template := int64(n >> 10 & 63)
	copy(m.sender[:], "+4930")
	putDecimal(m.sender[5:], template%10*7919)
	copy(m.recipient[:], c.prefix)
	putDecimal(m.recipient[3:], int64(n>>16%10_000_000_000))
	copy(m.template[:], "tpl_")
	putDecimal(m.template[4:], template)
	copy(m.campaign[:], "cmp-2026-")
	putDecimal(m.campaign[9:], int64(r.below(300)))

	m.text[colMessage], m.text[colConversation] = m.message[:], m.conversation[:]
	m.text[colChannel], m.text[colProvider] = h.name, h.provider
	m.text[colDirection], m.text[colContent] = outbound, templateType
	m.text[colSender], m.text[colRecipient], m.text[colCountry] = m.sender[:], m.recipient[:], c.name
	m.text[colTemplate], m.text[colCampaign] = m.template[:], m.campaign[:]
}

// bill makes what a message costs, which is told when it is sent.
func (m *message) bill(r *random) {
	n := r.next()
	m.cost = true
	m.segments = '1' + byte(n&0xffff*3>>16)
	copy(m.price[:], "0.")
	putDecimal(m.price[2:], 50+25*int64(n>>16&31))
	m.plan = plans[n>>32%uint64(len(plans))]
	m.node = nodes[n>>40%uint64(len(nodes))]
}

func putUUID(to *[36]byte, high, low uint64) {
	high, low = high&^0xf000|0x4000, low&^(0xc<<60)|0x8<<60 // version 4
	to[8], to[13], to[18], to[23] = '-', '-', '-', '-'
	putHex(to[0:8], high>>32)
	putHex(to[9:13], high>>16)
	putHex(to[14:18], high)
	putHex(to[19:23], low>>48)
	putHex(to[24:36], low)
}

// openings is what stands before each column's text.
var openings = func() (list [textColumns]string) {
	for i := range list {
		list[i] = `","` + columnNames[i] + `":"`
	}
	list[0] = `{"id":"`
	return list
}()

// append writes the event as JSON.
func (m *message) append(to []byte) []byte {
	for i, text := range m.text {
		if text != nil {
			to = append(to, openings[i]...)
			to = append(to, text...)
		}
	}
	to = append(to, '"')
	if m.cost {
		to = append(to, `,"segments":`...)
		to = append(to, m.segments)
		to = append(to, `,"price":"`...)
		to = append(to, m.price[:]...)
		to = append(to, `","attributes":{"plan":"`...)
		to = append(to, m.plan...)
		to = append(to, `","node":"`...)
		to = append(to, m.node...)
		to = append(to, `"}`...)
	}
	return append(to, '}')
}

// builtInSums sums the rows of built-in events.
type builtInSums struct {
	Sums
	columns    [columns]uint64
	attributes uint64 // their values
}

func newBuiltInSums(s Sums) *builtInSums {
	b := &builtInSums{Sums: s, attributes: s.Column(ValuesOf("attributes"))}
	for i, name := range columnNames {
		b.columns[i] = s.Column(name)
	}
	return b
}

// row is the sum of the row that the event must become.
func (b *builtInSums) row(m *message, at int64) (sum uint64) {
	for i, text := range m.text {
		if text != nil && i != colTime {
			sum += b.Bytes(b.columns[i], text)
		}
	}
	sum += b.Integer(b.columns[colTime], at*1000)
	if !m.cost {
		return sum
	}
	price := int64(0)
	for _, digit := range m.price[2:] {
		price = price*10 + int64(digit-'0')
	}
	sum += b.Integer(b.columns[colSegments], int64(m.segments-'0'))
	sum += b.Integer(b.columns[colPrice], price*100) // of decimal(18,6)
	names, values := b.columns[colAttributes], b.attributes
	return sum + b.Join(b.Join(0, b.Bytes(names, planName)), b.Bytes(names, nodeName)) +
		b.Join(b.Join(0, b.Bytes(values, m.plan)), b.Bytes(values, m.node))
}

var (
	enqueued, sent, delivered = []byte("message.enqueued"), []byte("message.sent"), []byte("message.delivered")
	read, failedType          = []byte("message.read"), []byte("message.failed")
	outbound, templateType    = []byte("outbound"), []byte("template")
	currency                  = []byte("EUR")
	planName, nodeName        = []byte("plan"), []byte("node")

	countries = [8]struct{ name, prefix []byte }{
		{[]byte("DE"), []byte("+49")},
		{[]byte("BR"), []byte("+55")},
		{[]byte("IN"), []byte("+91")},
		{[]byte("ES"), []byte("+34")},
		{[]byte("GB"), []byte("+44")},
		{[]byte("MX"), []byte("+52")},
		{[]byte("ID"), []byte("+62")},
		{[]byte("ZA"), []byte("+27")},
	}
	channels = [4]struct{ name, provider []byte }{
		{[]byte("whatsapp"), []byte("meta")},
		{[]byte("sms"), []byte("sinch")},
		{[]byte("rcs"), []byte("google")},
		{[]byte("email"), []byte("ses")},
	}
	failures = [3]struct{ code, reason []byte }{
		{[]byte("131026"), []byte("Message undeliverable")},
		{[]byte("131047"), []byte("Re-engagement message")},
		{[]byte("30006"), []byte("Landline or unreachable carrier")},
	}
	plans = [3][]byte{[]byte("free"), []byte("business"), []byte("enterprise")}
	nodes = func() (list [24][]byte) {
		for i := range list {
			list[i] = []byte{'n', byte('0' + i/10), byte('0' + i%10)}
		}
		return list
	}()
)
