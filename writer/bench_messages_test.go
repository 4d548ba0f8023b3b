package writer

// This file measures files of the events that loadtest/e2e/measure makes: of messages
// that are followed from being enqueued to being read, so that ids come back.

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
)

// message is one on its way: the kind of the event that happens next, and what all
// its events share.
type message struct {
	kind string
	head row
	cost row // of being sent
}

func newMessage(r *rand.Rand) message {
	channel := min(r.IntN(4), r.IntN(4))
	country := min(r.IntN(8), r.IntN(8))
	template := r.IntN(60)
	return message{
		kind: "enqueued",
		head: row{
			"message_id": uuid(r), "conversation_id": uuid(r), "direction": "outbound", "content_type": "template",
			"channel":     []string{"whatsapp", "sms", "rcs", "email"}[channel],
			"provider":    []string{"meta", "sinch", "google", "ses"}[channel],
			"country":     []string{"DE", "BR", "IN", "ES", "GB", "MX", "ID", "ZA"}[country],
			"recipient":   fmt.Sprintf("+%d%09d", 30+7*country, r.IntN(1e9)),
			"sender":      fmt.Sprintf("+4930%07d", template%10*7919),
			"template_id": fmt.Sprintf("tpl_%03d", template),
			"campaign_id": fmt.Sprintf("cmp-2026-%04d", r.IntN(300)),
		},
		cost: row{
			"segments": int64(1 + r.IntN(3)), "price": int64(r.IntN(40))*2500 + 5000, "currency": "EUR",
			"attributes": []string{"plan", []string{"free", "business", "enterprise"}[r.IntN(3)], "node", fmt.Sprintf("n%02d", r.IntN(24))},
		},
	}
}

// advance makes the message's next event that of what happens after it.
func (m *message) advance(r *rand.Rand) {
	switch {
	case m.kind == "enqueued":
		m.kind = "sent"
	case m.kind == "sent" && r.IntN(25) == 0:
		m.kind = "failed"
	case m.kind == "sent":
		m.kind = "delivered"
	case m.kind == "delivered" && r.IntN(3) > 0:
		m.kind = "read"
	default:
		*m = newMessage(r)
	}
}

func uuid(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// messageBatches returns n events of a minute in batches of up to size.
func messageBatches(seed uint64, n, size int) []*schema.Batch {
	r := rand.New(rand.NewPCG(seed, 2))
	under := make([]message, min(2000, n/4+1))
	for i := range under {
		under[i] = newMessage(r)
	}
	columns := schema.NewColumns(schema.Events())
	var batches []*schema.Batch
	for i := range n {
		// Events are accepted with the last of their request.
		m := &under[r.IntN(len(under))]
		at := int64(i) * 60_000_000 / int64(n)
		e := row{"id": uuid(r), "type": "message." + m.kind, "time": testTime(at / 1000 * 1000), "received_at": testTime(int64(i/size*size+size) * 60_000_000 / int64(n))}
		for name, v := range m.head {
			e[name] = v
		}
		switch m.kind {
		case "sent":
			for name, v := range m.cost {
				e[name] = v
			}
		case "failed":
			e["error_code"], e["error_reason"] = "131026", "Message undeliverable"
		}
		addRow(columns, e)
		m.advance(r)
		if columns.Rows() == size || i == n-1 {
			batches = append(batches, &schema.Batch{
				Table: columns.Table(), Tenant: "acme", Hour: testHour, Rows: columns.Rows(), Bytes: columns.AppendTo(nil),
			})
			columns.Reset()
		}
	}
	return batches
}

// BenchmarkMessages makes whole files of messages, from batches of 500 to a bucket that
// forgets them. Small files are those of 64 tenants by turns, since nobody has the same
// rows twice.
func BenchmarkMessages(b *testing.B) {
	for _, n := range []int{100, 1000, maxGroupRows} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			tenants := make([][]*schema.Batch, max(1, min(64, 64_000/n)))
			for i := range tenants {
				tenants[i] = messageBatches(uint64(i), n, 500)
			}
			r := newRig(b, func(c *Config) {
				c.Putter, c.MemoryFile, c.Memory = nowhere{}, 1<<30, 1<<30
				c.Metrics = NewMetrics(prometheus.NewRegistry())
			})
			id, size := testID("events"), int64(0)
			file := func() {
				f, err := r.Create(id, schema.Events())
				if err != nil {
					b.Fatal(err)
				}
				defer f.Discard()
				if err := f.Append(b.Context(), tenants[int(id.Window)%len(tenants)]); err != nil {
					b.Fatal(err)
				}
				if _, err := f.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := f.Put(b.Context()); err != nil {
					b.Fatal(err)
				}
				id.Window++
				size += f.body.length()
			}
			file() // the encoders' memory is made once
			size = 0
			b.ReportAllocs()
			begin := cpuTime()
			for b.Loop() {
				file()
			}
			cpu := cpuTime() - begin
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/event")
			b.ReportMetric(float64(size)/float64(n)/float64(b.N), "B/event")
		})
	}
}
