// Tables that can be posted to, and the decoders of their bodies.

package server

import (
	"maps"
	"slices"
	"sync"

	"parquay/schema"
	"parquay/server/cloudevents"
	"parquay/server/tenants"
)

// endpoint is a table that can be posted to.
type endpoint struct {
	table    *schema.Table
	tag      string    // of the table's document
	decoders sync.Pool // of *schema.Decoder
	metrics  tableMetrics
}

// maxIdleColumns is the most column bytes of a decoder that is kept for reuse.
const maxIdleColumns = 1 << 20

func newEndpoints(cfg Config) (map[string]*endpoint, []string) {
	endpoints := map[string]*endpoint{}
	var names []string
	memory := new(schema.Memory) // one for all: of a size, any table's batches are alike
	for _, t := range cfg.Tables {
		if t.Name() == schema.RejectedName {
			continue
		}
		endpoints[t.Name()] = &endpoint{
			table: t,
			tag:   entityTag(t.Document()),
			decoders: sync.Pool{New: func() any {
				d := schema.NewDecoder(t, cfg.Limits)
				d.Use(memory)
				return d
			}},
			metrics: cfg.Metrics.table(t.Name()),
		}
		names = append(names, t.Name())
	}
	slices.Sort(names)
	return endpoints, names
}

// endpoint returns a table that the tenant may post to, by its name.
func (s *Server) endpoint(t *tenants.Tenant, name string) (*endpoint, error) {
	e := s.endpoints[name]
	switch {
	case e == nil:
		return nil, &unknownTableError{name, s.tablesOf(t)}
	case !t.MayPost(name):
		return nil, errForbidden
	}
	return e, nil
}

// tablesOf names the tables that the tenant may post to.
func (s *Server) tablesOf(t *tenants.Tenant) []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return !t.MayPost(name) })
}

// decode turns a text into batches, none if nothing is to be stored, and says what
// became of its events. It takes the text over, and lets it go before there are
// batches: nothing is reserved for both (I6).
func (s *Server) decode(p *post, text *buffer) (batches []*schema.Batch, out outcome, err error) {
	d := p.decoders.Get().(*schema.Decoder)
	// Not put back when it panics: who knows in what state it is.
	err = cloudevents.Decode(d, p.format, p.header, text.bytes, p.arrived, p.account.growColumns)
	s.buffers.put(text)
	if err == nil {
		out = outcomeOf(d)
		out.DryRun = p.dryRun
		if p.stores(out) {
			batches = d.Batches(p.account.tenant)
		}
		// They have been decoded, whatever becomes of them.
		p.tenant.Charge(p.arrived, int64(out.Accepted+out.Rejected), 0)
	}
	p.putBack(d, &p.account)
	return batches, out, err
}

func outcomeOf(d *schema.Decoder) outcome {
	out := outcome{Accepted: d.Accepted(), Rejected: d.Rejected()}
	if out.Rejected > 0 {
		out.Errors = slices.Clone(d.Errors())
		out.Omitted = out.Rejected - len(out.Errors)
		out.counts = maps.Clone(d.Counts())
	}
	return out
}

func (e *endpoint) putBack(d *schema.Decoder, a *account) {
	if a.columns <= maxIdleColumns {
		e.decoders.Put(d)
	}
}
