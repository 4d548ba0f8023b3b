// Where the packages meet: each declares the small thing that it needs, and this
// file gives it what another one has.

package main

import (
	"context"
	"errors"

	"parquay/buffer"
	"parquay/schema"
	"parquay/server"
	"parquay/writer"
)

// files gives the buffer the writer's files.
type files struct {
	w      *writer.Writer
	putter *writer.Putter // of w
}

func (f files) Create(id buffer.FileID, t *schema.Table) (buffer.File, error) {
	return f.w.Create(writer.FileID(id), t)
}

func (f files) Hurry() { f.putter.Hurry() }

// watchedFiles are files whose errors are heeded. Those of puts are by the putter.
type watchedFiles struct {
	files
	check *bucketCheck
}

func (f watchedFiles) Create(id buffer.FileID, t *schema.Table) (buffer.File, error) {
	file, err := f.files.Create(id, t)
	return watchedFile{file, f.check}, err
}

type watchedFile struct {
	buffer.File
	check *bucketCheck
}

func (f watchedFile) Append(ctx context.Context, batches []*schema.Batch) error {
	return f.check.heed(f.File.Append(ctx, batches))
}

func (f watchedFile) Close(ctx context.Context) (rows int64, err error) {
	rows, err = f.File.Close(ctx)
	return rows, f.check.heed(err)
}

// intake gives the server the buffer's admission.
type intake struct{ b *buffer.Buffer }

func (i intake) Reserve(tenant string, share, bytes int64) (server.Reservation, error) {
	r, err := i.b.Reserve(tenant, share, bytes)
	if err != nil {
		return nil, answerable(err)
	}
	return reservation{r}, nil
}

type reservation struct{ *buffer.Reservation }

func (r reservation) Grow(bytes int64) error { return answerable(r.Reservation.Grow(bytes)) }

func (r reservation) Commit(ctx context.Context, batches []*schema.Batch) (server.Receipt, error) {
	receipt, err := r.Reservation.Commit(ctx, batches)
	if err != nil {
		return server.Receipt{}, answerable(err)
	}
	return server.Receipt(receipt), nil
}

// receipts tells the server where rows are, as URLs of the bucket.
type receipts struct {
	b      *buffer.Buffer
	bucket string // URL, without a slash at its end
}

func (r receipts) Lookup(tenant string, receipt server.Receipt) (server.Placement, error) {
	return r.placement(r.b.Lookup(tenant, buffer.Receipt(receipt)))
}

func (r receipts) Await(ctx context.Context, tenant string, receipt server.Receipt) (server.Placement, error) {
	return r.placement(r.b.Await(ctx, tenant, buffer.Receipt(receipt)))
}

func (r receipts) placement(p buffer.Placement, err error) (server.Placement, error) {
	if err != nil {
		return server.Placement{}, answerable(err)
	}
	objects := make([]string, len(p.Files))
	for i, id := range p.Files {
		objects[i] = r.bucket + "/" + writer.FileID(id).Key()
	}
	return server.Placement{Stored: p.Stored, Objects: objects}, nil
}

// accounts gives the server the tenants' accounts.
func accounts(b *buffer.Buffer) func() []server.Account {
	return func() []server.Account {
		var list []server.Account
		for _, a := range b.Accounts() {
			list = append(list, server.Account(a))
		}
		return list
	}
}

// answers pairs the buffer's errors with those that the server has an answer for.
var answers = [...]struct{ from, to error }{
	{buffer.ErrTenantFull, server.ErrTenantFull},
	{buffer.ErrTooLarge, server.ErrTooLarge},
	{buffer.ErrBusy, server.ErrBusy},
	{buffer.ErrJournalFull, server.ErrJournalFull},
	{buffer.ErrFailed, server.ErrFailed},
	{buffer.ErrStopping, server.ErrStopping},
	{buffer.ErrUnknownReceipt, server.ErrUnknownReceipt},
}

// answerable turns an error of the buffer into one of the server's. What it does
// not know stays as it is, and is a 500.
func answerable(err error) error {
	for _, a := range answers {
		if errors.Is(err, a.from) {
			return a.to
		}
	}
	return err
}
