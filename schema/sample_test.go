package schema

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Events as a messaging platform sends them, for tests and benchmarks.

// receipt is when the sample events are received.
var receipt = time.Date(2026, 11, 23, 7, 45, 0, 123_456_000, time.UTC)

// noLimit grants whatever a decoder asks for.
func noLimit(int) error { return nil }

var sampleLimits = Limits{MaxEvent: 1 << 20, Late: 7 * 24 * time.Hour, Early: time.Hour}

// sampleEvents returns n events of about 430 bytes, one a line.
func sampleEvents(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	var b []byte
	for range n {
		b = fmt.Appendf(b, `{"id":"%08x-%04x-7%03x-a%03x-%012x",`, r.Uint32(), r.Uint32N(1<<16), r.Uint32N(1<<12), r.Uint32N(1<<12), r.Uint64N(1<<48))
		kind := pick("enqueued", "sent", "sent", "delivered", "delivered", "read", "failed")
		b = fmt.Appendf(b, `"type":"message.%s",`, kind)
		at := receipt.Add(-time.Duration(r.IntN(40*60*1000)) * time.Millisecond)
		b = fmt.Appendf(b, `"time":"%s",`, at.Format("2006-01-02T15:04:05.000Z07:00"))
		b = fmt.Appendf(b, `"message_id":"wamid.HBgL%016X%08X","conversation_id":"c-%07d",`, r.Uint64(), r.Uint32(), r.IntN(1e7))
		b = fmt.Appendf(b, `"channel":"%s","direction":"outbound",`, pick("whatsapp", "whatsapp", "sms", "rcs"))
		b = fmt.Appendf(b, `"sender":"15550%06d","recipient":"4915%09d",`, r.IntN(50), r.IntN(1e9))
		b = fmt.Appendf(b, `"country":"%s","provider":"%s",`, pick("DE", "FR", "ES", "BR", "IN"), pick("meta", "twilio", "infobip"))
		b = fmt.Appendf(b, `"template_id":"order_update_v%d",`, r.IntN(20))
		if kind == "failed" {
			b = fmt.Appendf(b, `"error_code":"%d","error_reason":"Message undeliverable",`, 131000+r.IntN(60))
		}
		b = fmt.Appendf(b, `"segments":%d,"price":"0.%04d","currency":"EUR",`, 1+r.IntN(2), r.IntN(900))
		b = fmt.Appendf(b, `"attributes":{"order":"%d","shop":"%s"}}`+"\n", r.IntN(1e6), pick("eu-1", "eu-2", "us-1"))
	}
	return b
}
