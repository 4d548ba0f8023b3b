package main

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// events is NDJSON in one piece of memory.
type events struct {
	text []byte
	ends []int // where each line ends, after its newline
}

// typical is the bytes that an event takes, to allocate once.
const typical = 450

// generate makes n events as a messaging platform has them: every message is
// enqueued, sent, and mostly delivered and read, or fails; ids are random, and
// names come from small sets. They happened within the last minute, in order.
func generate(n int) *events {
	r := rand.New(rand.NewPCG(1, 2))
	e := &events{text: make([]byte, 0, n*typical), ends: make([]int, 0, n)}
	begin := time.Now().Add(-time.Minute)
	// Messages under way are followed side by side, as they would arrive.
	under := make([]message, 2000)
	for i := range n {
		at := begin.Add(time.Minute * time.Duration(i) / time.Duration(n))
		m := &under[r.IntN(len(under))]
		if m.next == "" {
			*m = newMessage(r)
		}
		e.text = m.append(e.text, r, at)
		e.ends = append(e.ends, len(e.text))
		m.advance(r)
	}
	return e
}

// message is one on its way.
type message struct {
	next string // the event that happens next; "" when there is no message
	head string // the members that all its events share
	tail string
	cost string // of being sent
}

func newMessage(r *rand.Rand) message {
	country := countries[min(r.IntN(len(countries)), r.IntN(len(countries)))]
	channel := channels[min(r.IntN(len(channels)), r.IntN(len(channels)))]
	template := r.IntN(60)
	price := strconv.FormatFloat(float64(r.IntN(40))*0.0025+0.005, 'f', 4, 64)
	return message{
		next: "message.enqueued",
		head: fmt.Sprintf(`"message_id":"%s","conversation_id":"%s","channel":"%s","direction":"outbound","sender":"+4930%07d","recipient":"%s%09d","country":"%s","provider":"%s",`,
			uuid(r), uuid(r), channel.name, template%10*7919, country.prefix, r.IntN(1e9), country.name, channel.provider),
		tail: fmt.Sprintf(`"template_id":"tpl_%03d","campaign_id":"cmp-2026-%04d","content_type":"template"`, template, r.IntN(300)),
		cost: fmt.Sprintf(`,"segments":%d,"price":"%s","currency":"EUR","attributes":{"plan":"%s","node":"n%02d"}`, 1+r.IntN(3), price, plans[r.IntN(len(plans))], r.IntN(24)),
	}
}

func (m *message) append(to []byte, r *rand.Rand, at time.Time) []byte {
	to = append(to, `{"id":"`...)
	to = append(to, uuid(r)...)
	to = append(to, `","type":"`...)
	to = append(to, m.next...)
	to = append(to, `","time":"`...)
	to = at.UTC().AppendFormat(to, "2006-01-02T15:04:05.000Z")
	to = append(to, `",`...)
	to = append(to, m.head...)
	to = append(to, m.tail...)
	switch m.next {
	case "message.sent":
		to = append(to, m.cost...)
	case "message.failed":
		to = append(to, `,"error_code":"131026","error_reason":"Message undeliverable"`...)
	}
	return append(to, "}\n"...)
}

func (m *message) advance(r *rand.Rand) {
	switch {
	case m.next == "message.enqueued":
		m.next = "message.sent"
	case m.next == "message.sent" && r.IntN(25) == 0:
		m.next = "message.failed"
	case m.next == "message.sent":
		m.next = "message.delivered"
	case m.next == "message.delivered" && r.IntN(3) > 0:
		m.next = "message.read"
	default:
		m.next = ""
	}
}

func uuid(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// bodies cuts the first n events into whole HTTP requests of so many events each.
func (e *events) bodies(n, batch int) [][]byte {
	var list [][]byte
	begin := 0
	for i := 0; i < n; i += batch {
		end := e.ends[min(i+batch, n)-1]
		list = append(list, request(e.text[begin:end]))
		begin = end
	}
	return list
}

var (
	countries = []struct{ name, prefix string }{{"DE", "+49"}, {"BR", "+55"}, {"IN", "+91"}, {"ES", "+34"}, {"GB", "+44"}, {"MX", "+52"}, {"ID", "+62"}, {"ZA", "+27"}}
	channels  = []struct{ name, provider string }{{"whatsapp", "meta"}, {"sms", "sinch"}, {"rcs", "google"}, {"email", "ses"}}
	plans     = []string{"free", "business", "enterprise"}
)
