// GET /v1/receipts/{receipt}: where the rows of a request are.

package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// state is how far rows have come.
type state string

const (
	pending state = "pending" // in the journal
	stored  state = "stored"  // in the bucket
)

func stateOf(p Placement) (state, []string) {
	if p.Stored {
		return stored, p.Objects
	}
	return pending, nil
}

// getReceipt answers with the state of the rows of a receipt that belong to the
// request's tenant. To another tenant the receipt is unknown (I8).
func (s *Server) getReceipt(w http.ResponseWriter, r *http.Request) error {
	tenant, err := s.tenant(w, r)
	if err != nil {
		return err
	}
	receipt, err := ParseReceipt(chi.URLParam(r, "receipt"))
	if err != nil {
		return ErrUnknownReceipt
	}
	found, err := s.cfg.Receipts.Lookup(tenant.Name(), receipt)
	if err != nil {
		return err
	}
	answer := struct {
		Receipt string   `json:"receipt"`
		State   state    `json:"state"`
		Objects []string `json:"objects,omitempty"`
	}{Receipt: receipt.String()}
	answer.State, answer.Objects = stateOf(found)
	send(w, http.StatusOK, jsonType, marshal(answer))
	return nil
}
