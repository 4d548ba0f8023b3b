package ledger

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Name identifies a body for ever.
type Name struct {
	Run        uint32 `json:"run"`
	Connection int    `json:"connection"`
	Sequence   int    `json:"sequence"`
}

func (n Name) String() string { return fmt.Sprintf("%08x-%d-%d", n.Run, n.Connection, n.Sequence) }

// Body is a request body. It is a function of its name and the time alone, so that
// it can be made again to explain a difference.
type Body struct {
	Name     Name
	Broken   bool   // no JSON: all of it must be refused with 400, and nothing taken
	Type     string // Content-Type; "" sends none
	Encoding string // Content-Encoding; "" sends none
	Chunked  bool   // sent without a Content-Length
	Bytes    []byte
	events   []event
}

// maxEvents is the most events of a body.
const maxEvents = 500

// NewBody makes a body of 1 to 500 events around the time now.
func NewBody(name Name, now time.Time) Body {
	r := rand.New(rand.NewPCG(uint64(name.Run)<<32|uint64(uint32(name.Connection)), uint64(name.Sequence)))
	b := Body{
		Name:     name,
		Broken:   r.IntN(50) == 0,
		Type:     pick(r, []string{"application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain; charset=utf-8", ""}),
		Encoding: pick(r, []string{"", "", "", "gzip", "zstd"}),
		Chunked:  r.IntN(4) == 0,
	}
	events := 1
	switch n := r.IntN(10); {
	case n < 2:
		events = 1 + r.IntN(maxEvents)
	case n < 6:
		events = 1 + r.IntN(30)
	}
	spoiled := r.IntN(3) == 0 // a third of the bodies has bad events among the good
	for i := range events {
		var f *fault
		if spoiled && r.IntN(5) == 0 {
			f = &faults[r.IntN(len(faults))]
			if f.text != nil && i == 0 {
				f = nil // a body that begins with a string is none of events
			}
		}
		b.events = append(b.events, newEvent(r, fmt.Sprintf("e2e-%s-%d.", name, i), now, f))
	}
	b.Bytes = compress(b.Encoding, b.join(r))
	return b
}

// join writes the events as one of the forms that a body may have.
func (b *Body) join(r *rand.Rand) []byte {
	texts := make([]string, len(b.events))
	for i, e := range b.events {
		texts[i] = e.text
	}
	broken := func(s string) string {
		if b.Broken {
			return s
		}
		return ""
	}
	switch r.IntN(4) {
	case 0:
		sep := pick(r, []string{",", ",\n", " ,\r\n  "})
		return []byte(space(r) + "[" + space(r) + strings.Join(texts, sep) + broken(",") + space(r) + "]" + space(r))
	case 1:
		return []byte(strings.Join(texts, pick(r, []string{"", " ", "\t"})) + broken(`{"type":"message.sent"`))
	default:
		newline := pick(r, []string{"\n", "\n", "\r\n", "\n\n"})
		return []byte(strings.Join(texts, newline) + broken("\n]") + pick(r, []string{"", newline}))
	}
}

func compress(encoding string, text []byte) []byte {
	switch encoding {
	case "gzip":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(text) // a Buffer takes everything
		_ = w.Close()        // as above
		return b.Bytes()
	case "zstd":
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10))
		if err != nil {
			panic(err) // the options are constant
		}
		return w.EncodeAll(text, nil)
	}
	return text
}

// Entries is what the ledger notes of the body.
func (b *Body) Entries() []Entry {
	entries := make([]Entry, len(b.events))
	for i, e := range b.events {
		entries[i] = e.Entry
	}
	return entries
}

// Find returns the row and the text of the event with a key.
func (b *Body) Find(key string) (row Row, text string) {
	for _, e := range b.events {
		if e.Key == key {
			return e.row, e.text
		}
	}
	return nil, ""
}
