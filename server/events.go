// POST /v1/{table}: from a body to an answer that can be relied on.

package server

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"parquay/schema"
)

// endpoint is a table that can be posted to.
type endpoint struct {
	table    *schema.Table
	decoders sync.Pool // of *schema.Decoder
	metrics  tableMetrics
}

// maxIdleColumns is the most column bytes of a decoder that is kept for reuse.
const maxIdleColumns = 1 << 20

func newEndpoints(cfg Config) (map[string]*endpoint, []string) {
	endpoints := map[string]*endpoint{}
	var names []string
	for _, t := range cfg.Tables {
		if t.Name() == schema.RejectedName {
			continue
		}
		endpoints[t.Name()] = &endpoint{
			table:    t,
			decoders: sync.Pool{New: func() any { return schema.NewDecoder(t, cfg.Limits) }},
			metrics:  cfg.Metrics.table(t.Name()),
		}
		names = append(names, t.Name())
	}
	slices.Sort(names)
	return endpoints, names
}

// postEvents answers once the accepted events and the rejected ones are durable.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "table")
	e := s.endpoints[name]
	if e == nil {
		return &unknownTableError{name, s.names}
	}
	tenant, err := s.tenant(r)
	if err != nil {
		return err
	}
	a := &account{}
	defer func() {
		if a.reservation != nil {
			a.reservation.Release()
		}
	}()
	text, err := s.readText(w, r, tenant, a)
	if err != nil {
		return err
	}
	s.metrics.textBytes.Add(float64(len(text.bytes)))

	batches, out, err := e.decode(text.bytes, tenant, a)
	s.buffers.put(text)
	if err != nil {
		return err
	}
	if _, err := a.reservation.Commit(r.Context(), batches); err != nil {
		e.metrics.uncommitted(out, err)
		return err
	}
	// At this point every event of the body is durable, accepted or rejected:
	// an answer that gets lost from here on costs a duplicate, never an event.
	e.metrics.committed(out)
	return s.answer(w, out)
}

func (s *Server) tenant(r *http.Request) (string, error) {
	if s.cfg.Authenticator == nil {
		return DefaultTenant, nil
	}
	return s.cfg.Authenticator.Tenant(r)
}

// decode turns a text into batches, and says what became of its events.
func (e *endpoint) decode(text []byte, tenant string, a *account) ([]*schema.Batch, outcome, error) {
	d := e.decoders.Get().(*schema.Decoder)
	// Not put back when it panics: who knows in what state it is.
	if err := d.Decode(text, time.Now(), a.growColumns); err != nil {
		e.putBack(d, a)
		return nil, outcome{}, err
	}
	batches := d.Batches(tenant)
	out := outcome{Accepted: d.Accepted(), Rejected: d.Rejected()}
	if out.Rejected > 0 {
		out.Errors = slices.Clone(d.Errors())
		out.Omitted = out.Rejected - len(out.Errors)
		out.counts = maps.Clone(d.Counts())
	}
	e.putBack(d, a)
	return batches, out, nil
}

func (e *endpoint) putBack(d *schema.Decoder, a *account) {
	if a.columns <= maxIdleColumns {
		e.decoders.Put(d)
	}
}
