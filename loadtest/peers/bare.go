// The least that an HTTP server on chi can do with an event: read it and answer 202.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"parquay/loadtest/peers/tree"
)

// bareCommand, with an address behind it, makes this program such a server.
const bareCommand = "serve-bare"

// bare is a process that serves it.
type bare struct {
	program
	address string
}

func (b *bare) Start(ctx context.Context, w workplace) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the own program: %w", err)
	}
	b.address = w.address
	if err := b.start(w, nil, self, bareCommand, w.address); err != nil {
		return err
	}
	return b.ready(ctx, "http://"+w.address+"/readyz")
}

func (b *bare) endpoint() endpoint { return endpoint{b.address, "/v1/events", http.StatusAccepted} }

func (b *bare) Stop(ctx context.Context) (tree.Usage, error) { return b.terminate(ctx) }

// bareRouter is the server's.
func bareRouter() http.Handler {
	r := chi.NewRouter()
	r.Get("/readyz", func(http.ResponseWriter, *http.Request) {})
	r.Post("/v1/events", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return r
}

// serveBare serves until ctx ends.
func serveBare(ctx context.Context, address string) error {
	s := http.Server{Addr: address, Handler: bareRouter(), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- s.ListenAndServe() }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	err := s.Close()
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
