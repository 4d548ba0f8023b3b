// POST /v1/{table}: from a body to an answer that can be relied on.

package server

import (
	"context"
	"net/http"
	"time"

	"parquay/server/cloudevents"
	"parquay/server/tenants"
)

// post is one request to store events, on its way from the header to the answer.
type post struct {
	*endpoint
	modes
	tenant  *tenants.Tenant
	account account

	began   time.Time // when the header had come
	body    bodyReader
	arrived time.Time // when the body had: the moment of its events' receipt

	format cloudevents.Mode // what the body's events are
	header http.Header      // the request's, which may be a part of an event

	receipt [1]string // the field of Parquay-Receipt: here it costs no allocation
}

// result is what has become of a body's events. It stays true for ever, so that it
// can be the answer again.
type result struct {
	outcome
	receipt  Receipt // of the rows
	replayed bool    // it is what became of an earlier request's
}

// stored says whether anything was.
func (r *result) stored() bool { return r.receipt.Window > 0 }

// postEvents answers once the accepted events and the rejected ones are durable, or
// as the request's modes have it.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request, table string) error {
	p, err := s.newPost(w, r, table)
	if err != nil {
		return err
	}
	notesOf(w).tenant = p.account.tenant
	defer p.account.close()
	text, err := s.readText(w, r, p)
	p.arrived = time.Now()
	p.tenant.Charge(p.arrived, 0, p.account.read) // also of a body that is too large, broken, or known
	if err != nil {
		return err
	}
	s.metrics.textBytes.Add(float64(len(text.bytes)))

	var res result
	if p.key == "" {
		res, err = s.store(r.Context(), p, text)
	} else {
		res, err = s.storeOnce(r.Context(), p, text)
	}
	if err != nil {
		return err
	}
	if p.waits {
		s.await(w, r, p, &res)
	}
	return s.answer(w, p, &res)
}

// newPost says whose request it is, for which table, and how it is to be taken.
func (s *Server) newPost(w http.ResponseWriter, r *http.Request, table string) (*post, error) {
	if err := s.foreign(r); err != nil {
		return nil, err
	}
	tenant, err := s.tenant(w, r)
	if err != nil {
		return nil, err
	}
	e, err := s.endpoint(tenant, table)
	if err != nil {
		return nil, err
	}
	began := notesOf(w).began
	if err := tenant.Admit(began); err != nil {
		return nil, err
	}
	m, err := modesOf(r)
	if err != nil {
		return nil, err
	}
	format, err := cloudevents.Detect(r.Header)
	if err != nil {
		return nil, err
	}
	return &post{
		endpoint: e, modes: m, tenant: tenant, format: format, header: r.Header, began: began,
		account: account{intake: s.cfg.Intake, tenant: tenant.Name(), share: tenant.Share()},
	}, nil
}

// store decodes a text and commits its events, if they are to be stored. It takes
// the text over.
func (s *Server) store(ctx context.Context, p *post, text *buffer) (result, error) {
	batches, out, err := s.decode(p, text)
	if err != nil || len(batches) == 0 {
		return result{outcome: out}, err
	}
	receipt, err := p.account.reservation.Commit(ctx, batches)
	if err != nil {
		p.metrics.uncommitted(out, err)
		return result{}, err
	}
	// At this point every event of the body is durable, accepted or rejected:
	// an answer that gets lost from here on costs a duplicate, never an event.
	p.metrics.committed(out)
	return result{outcome: out, receipt: receipt}, nil
}
