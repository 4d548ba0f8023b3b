// The judgement on a row.

package prove

import (
	"bytes"
	"fmt"

	"parquay/loadtest/scenario"
)

// fault is why a row is not as it must be.
type fault struct {
	count func(*Proof) *int64
	text  string
}

func altered(format string, args ...any) *fault {
	return &fault{func(p *Proof) *int64 { return &p.Altered }, "altered: " + fmt.Sprintf(format, args...)}
}

func misplaced(format string, args ...any) *fault {
	return &fault{func(p *Proof) *int64 { return &p.Misplaced }, "misplaced: " + fmt.Sprintf(format, args...)}
}

func stranger(format string, args ...any) *fault {
	return &fault{func(p *Proof) *int64 { return &p.Strangers }, "stranger: " + fmt.Sprintf(format, args...)}
}

// judge compares the chunk's n rows with what they must be.
func (r *reader) judge(key string, at address, n int, expect *scenario.Expect) {
	tenant, known := r.v.tenants[at.tenant]
	if !known {
		tenant = -1
	}
	others, refused := int64(0), int64(0)
	for i := range n {
		row := &r.rows.row[i]
		when := row.time / 1000
		if at.table == rejected {
			row.id, when, row.ours = r.maker.ParseRaw(row.raw)
		}
		if !row.ours {
			others++
			continue
		}
		f, sent := r.row(at, tenant, i, when, expect)
		if sent {
			r.v.found(place{row.id.Worker, row.id.Sequence}, key, r.rows.first+int64(i))
		}
		if at.table == rejected {
			refused++
		}
		if f != nil {
			r.fail(f, key, r.rows.first+int64(i))
		}
	}
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	r.v.mu.Rows += int64(n)
	r.v.mu.Others += others
	r.v.mu.Refused += refused
}

func (r *reader) fail(f *fault, key string, row int64) {
	r.v.mu.Lock()
	defer r.v.mu.Unlock()
	*f.count(&r.v.mu.Proof)++
	r.v.mu.example("%s (row %d of %s)", f.text, row, key)
}

// row judges a row of this run. Sent is whether it is of an event that was sent.
func (r *reader) row(at address, tenant, i int, when int64, expect *scenario.Expect) (f *fault, sent bool) {
	row, plan := &r.rows.row[i], r.v.Plan
	id := row.id
	if id.Worker >= len(r.v.Fates) || id.Sequence >= r.v.Fates[id.Worker].Sent || !plan.Genuine(id) {
		return stranger("event %d of worker %d was never sent", id.Sequence, id.Worker), false
	}
	if tenant < 0 || !plan.Belongs(id, tenant, when) {
		for other := range plan.Tenants {
			if plan.Belongs(id, other, when) {
				return misplaced("event %d of worker %d belongs to tenant %s", id.Sequence, id.Worker, plan.Tenants[other]), true
			}
		}
		return altered("event %d of worker %d has another time than was sent, or none", id.Sequence, id.Worker), true
	}
	if at.table == rejected {
		return r.refusedRow(at, tenant, i, when), true
	}
	valid := r.maker.Valid(id.Worker, id.Sequence)
	switch {
	case at.table != plan.Table:
		return misplaced("event %d of worker %d belongs into the table %s", id.Sequence, id.Worker, plan.Table), true
	case !valid:
		return misplaced("event %d of worker %d is invalid and belongs into the table %s", id.Sequence, id.Worker, rejected), true
	case hourOf(row.time) != at.hour:
		return misplaced("event %d of worker %d belongs into %s", id.Sequence, id.Worker, hourText(hourOf(row.time))), true
	case expect.Row(id.Worker, id.Sequence, tenant, when) != row.sum:
		text, _ := r.maker.Again(id.Worker, id.Sequence, tenant, when)
		return altered("event %d of worker %d is not what was sent: %s", id.Sequence, id.Worker, text), true
	case row.received == 0:
		return altered("event %d of worker %d has no %s", id.Sequence, id.Worker, receivedAt), true
	}
	return nil, true
}

// refusedRow judges a row of the table rejected, which holds the event as it was sent
// and is filed under the hour of its receipt.
func (r *reader) refusedRow(at address, tenant, i int, when int64) *fault {
	row := &r.rows.row[i]
	text, code := r.maker.Again(row.id.Worker, row.id.Sequence, tenant, when)
	switch {
	case code == "":
		return misplaced("event %d of worker %d is valid and was refused as %s", row.id.Sequence, row.id.Worker, row.code)
	case !bytes.Equal(text, row.raw):
		return altered("event %d of worker %d is not what was sent: %s", row.id.Sequence, row.id.Worker, text)
	case row.code != code || row.table != r.v.Plan.Table:
		return altered("event %d of worker %d was refused as %s of %s, and should be as %s of %s",
			row.id.Sequence, row.id.Worker, row.code, row.table, code, r.v.Plan.Table)
	case hourOf(row.received) != at.hour:
		return misplaced("event %d of worker %d belongs into %s, when it was received", row.id.Sequence, row.id.Worker, hourText(hourOf(row.received)))
	}
	return nil
}
