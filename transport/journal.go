package transport

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"

	"github.com/aitransport/aitransport/pool"
)

// journal writes a Transport's log lines. All about proxies have the same
// attributes: providerId (if it is known), proxyUrl (redacted), origin,
// fallbackToDirect and http2Enabled.
type journal struct {
	log      *slog.Logger
	mode     HTTP2Mode
	fallback bool
}

// silentJournal writes nothing, for layers that are used alone.
var silentJournal = journal{log: slog.New(slog.DiscardHandler)}

func newJournal(c Config) journal {
	j := journal{log: c.Logger, mode: c.HTTP2, fallback: c.FallbackToDirect}
	if j.log == nil {
		j.log = silentJournal.log
	}
	if c.ProviderID != "" {
		j.log = j.log.With("providerId", c.ProviderID)
	}
	return j
}

// write writes a line about a request to u, by way of p.
func (j journal) write(ctx context.Context, level slog.Level, line string, p *Proxy, u *url.URL, more ...any) {
	if !j.log.Enabled(ctx, level) {
		return
	}
	j.log.Log(ctx, level, line, append([]any{
		"proxyUrl", p, "origin", originOf(u), "fallbackToDirect", j.fallback,
		"http2Enabled", offersHTTP2(j.mode, strings.ToLower(u.Scheme), p),
	}, more...)...)
}

// failed tells of a request that its proxy did not get through. A caller who gave up
// knows of it.
func (j journal) failed(ctx context.Context, u *url.URL, err error) {
	var e *Error
	if errors.As(err, &e) && e.Proxy != nil && e.Phase != PhaseUnknown && !errors.Is(err, context.Canceled) {
		j.write(ctx, slog.LevelWarn, "Proxy request failed", e.Proxy, u, "phase", e.Phase.String(), "code", e.Code, "error", e)
	}
}

// maxSaid bounds how many routes are remembered to have been warned about; there are
// no warnings beyond it.
const maxSaid = 1000

// saidOnce remembers what was said about which routes.
type saidOnce struct {
	mu     sync.Mutex
	routes map[pool.Key]struct{}
}

// first tells whether nothing was said about a route, and notes that it is now.
func (s *saidOnce) first(route pool.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, said := s.routes[route]; said || len(s.routes) >= maxSaid {
		return false
	}
	if s.routes == nil {
		s.routes = make(map[pool.Key]struct{})
	}
	s.routes[route] = struct{}{}
	return true
}
