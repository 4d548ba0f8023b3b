// Health and readiness.

package server

import "net/http"

// healthz says that the process is alive. It looks at nothing else: a restart
// would not mend a full journal or a bucket that can't be reached.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, plainType, []byte("ok\n"))
}

// readyz says whether requests should be sent here, and why not.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.ready(); err != nil {
		send(w, http.StatusServiceUnavailable, plainType, []byte(err.Error()+"\n"))
		return
	}
	send(w, http.StatusOK, plainType, []byte("ready\n"))
}

func (s *Server) ready() error {
	switch {
	case s.stopping.Load():
		return ErrStopping
	case s.cfg.Ready != nil:
		return s.cfg.Ready()
	}
	return nil
}
