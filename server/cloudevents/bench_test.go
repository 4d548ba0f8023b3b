// What the translation costs, beside the same events without an envelope.

package cloudevents

import (
	"fmt"
	"strings"
	"testing"

	"parquay/schema"
)

// sample is a batch of n CloudEvents.
func sample(n int) []byte {
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(`{"specversion":"1.0","id":"evt-%08d","source":"/gateways/%d","type":"message.delivered","time":"2018-04-05T17:%02d:00Z",
			"subject":"m-%d","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","datacontenttype":"application/json",
			"data":{"conversation_id":"c-%d","channel":"whatsapp","direction":"outbound","price":"0.0075","currency":"EUR","attributes":{"team":"blue"}}}`,
			i, i%7, i%60, i, i)
	}
	return []byte("[" + strings.Join(events, ",\n") + "]")
}

// TestAllocEvent: an event costs no memory of its own, beyond what a body does.
func TestAllocEvent(t *testing.T) {
	d := schema.NewDecoder(schema.Events(), limits)
	count := func(n int) float64 {
		body := sample(n)
		return testing.AllocsPerRun(20, func() {
			if err := Decode(d, Structured, nil, body, receipt, noLimit); err != nil || d.Accepted() != n {
				t.Fatal(err, d.Errors())
			}
		})
	}
	count(500) // the columns' memory
	if few, many := count(50), count(500); (many-few)/450 > 0.1 {
		t.Errorf("50 events: %v allocations, 500 events: %v", few, many)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprintf("mode=structured/batch=%d", n), func(b *testing.B) {
			d, body := schema.NewDecoder(schema.Events(), limits), sample(n)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := Decode(d, Structured, nil, body, receipt, noLimit); err != nil || d.Accepted() != n {
					b.Fatal(err, d.Errors())
				}
			}
		})
	}
	b.Run("mode=binary", func(b *testing.B) {
		d := schema.NewDecoder(schema.Events(), limits)
		h := header(append(mandatory, "ce-subject: m-1", "ce-traceparent: 00-4bf9", "Content-Type: application/json", "Accept: */*")...)
		body := []byte(`{"conversation_id":"c-1","channel":"whatsapp","direction":"outbound","price":"0.0075","currency":"EUR"}`)
		b.ReportAllocs()
		for b.Loop() {
			if err := Decode(d, Binary, h, body, receipt, noLimit); err != nil || d.Accepted() != 1 {
				b.Fatal(err, d.Errors())
			}
		}
	})
	b.Run("detect", func(b *testing.B) {
		h := header("Content-Type: application/json", "User-Agent: curl", "Authorization: Bearer x", "Accept: */*")
		for b.Loop() {
			if mode, _ := Detect(h); mode != None {
				b.Fatal(mode)
			}
		}
	})
}
