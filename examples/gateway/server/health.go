package server

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// serveHealth answers /healthz (the program runs) and /readyz (it can serve).
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeJSON(w, http.StatusMethodNotAllowed, []byte(`{"status":"method not allowed"}`))
		return
	}
	if r.URL.Path == "/readyz" && s.Ready() != nil {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, []byte(`{"status":"unavailable"}`))
		return
	}
	writeJSON(w, http.StatusOK, []byte(`{"status":"ok"}`))
}

// serveGreeting answers what clients ask before they begin.
func (x *exchange) serveGreeting() {
	h := x.w.Header()
	dialect.SetRequestID(h, x.route.API, x.id)
	x.answered, x.whole = true, true
	if x.route.Local == dialect.LocalOptions {
		h.Set("Allow", x.route.Allow)
		x.status = http.StatusNoContent
		x.w.WriteHeader(http.StatusNoContent)
		return
	}
	x.status = http.StatusOK
	writeJSON(x.w, http.StatusOK, []byte(`{"status":"ok"}`))
}

// writeJSON writes an answer in one piece.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who does not read it has gone
}

// recovery knows when the first account that rests will be back. It looks once a second.
type recovery struct {
	mu     sync.Mutex
	at     time.Time
	looked time.Time
}

// next is when an account may be ready again; zero: not known.
func (r *recovery) next(ctx context.Context, s *Server) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.looked) < time.Second {
		return r.at
	}
	snapshot, err := s.balancer.Snapshot(ctx)
	if err != nil {
		return r.at
	}
	r.looked, r.at = now, time.Time{}
	for i := range snapshot.Accounts {
		a := &snapshot.Accounts[i]
		if !a.Ready && a.ReadyAt.After(now) && (r.at.IsZero() || a.ReadyAt.Before(r.at)) {
			r.at = a.ReadyAt
		}
	}
	return r.at
}
