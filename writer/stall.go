package writer

// This file ends a request on which nothing moves: a peer that vanished without
// a word (a half-open connection) would otherwise hold a flush for ever.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// errStalled is returned when a request made no progress for too long.
var errStalled = errors.New("nothing moved")

// pulse ends a request that has not beaten for a while.
type pulse struct {
	every   time.Duration
	timer   *time.Timer
	cancel  context.CancelFunc
	stalled atomic.Bool
}

// startPulse returns a context for one request, which ends when the pulse has not
// beaten for as long as every. The caller stops the pulse after the request.
func startPulse(ctx context.Context, every time.Duration) (context.Context, *pulse) {
	ctx, cancel := context.WithCancel(ctx)
	p := &pulse{every: every, cancel: cancel}
	p.timer = time.AfterFunc(every, func() {
		p.stalled.Store(true)
		cancel()
	})
	return ctx, p
}

func (p *pulse) beat() { p.timer.Reset(p.every) }

// stop releases the context. A beat after it (the HTTP transport may still read
// from a body whose answer came early) cancels what is cancelled already.
func (p *pulse) stop() {
	p.timer.Stop()
	p.cancel()
}

// explain says so when an error came of a stall.
func (p *pulse) explain(err error) error {
	if err != nil && p.stalled.Load() {
		return fmt.Errorf("%w for %v: %w", errStalled, p.every, err)
	}
	return err
}

// beatingReader is a request's body. It embeds nothing: a promoted WriteTo would
// let bytes pass that the pulse does not see. Its own is for the SDK, which has the
// body hashed before it is sent.
type beatingReader struct {
	section *io.SectionReader
	pulse   *pulse
}

func (r *beatingReader) Read(p []byte) (int, error) {
	r.pulse.beat()
	return r.section.Read(p)
}

func (r *beatingReader) WriteTo(w io.Writer) (int64, error) { return copyTo(w, r) }

func (r *beatingReader) Seek(offset int64, whence int) (int64, error) {
	return r.section.Seek(offset, whence)
}

// beatingBody is an answer's body; the request lasts until it is closed. Only
// reads are watched: how long the reader takes between them is its own affair.
type beatingBody struct {
	body  io.ReadCloser
	pulse *pulse
}

func (b *beatingBody) Read(p []byte) (int, error) {
	b.pulse.beat()
	n, err := b.body.Read(p)
	b.pulse.timer.Stop()
	if err != nil && err != io.EOF {
		err = b.pulse.explain(err)
	}
	return n, err
}

func (b *beatingBody) Close() error {
	b.pulse.stop()
	return b.body.Close()
}
