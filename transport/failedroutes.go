package transport

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxFailedRoutes bounds what is remembered; beyond it old failures are forgotten.
const maxFailedRoutes = 1000

// tryFor is how long one request may take to find out, before the next may try too.
const tryFor = 30 * time.Second

// failedRoutes remembers for a while which ways did not lead where.
type failedRoutes struct {
	memory time.Duration // 0 and below: nothing is remembered
	any    atomic.Bool   // something may be remembered; most often there is not

	mu     sync.Mutex
	routes map[routeKey]*failedRoute
}

// routeKey is a way to an origin, or with an empty origin a way to anywhere.
type routeKey struct{ route, origin string }

type failedRoute struct {
	failure *Error
	until   time.Time
	trying  time.Time // until then a request has its turn to try that way anew
}

func newFailedRoutes(memory time.Duration) *failedRoutes {
	return &failedRoutes{memory: memory, routes: make(map[routeKey]*failedRoute)}
}

// originOf is a URL's scheme, host and port.
func originOf(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

// router is a round tripper that can tell by which way it is about to send a request.
// Of the others nothing is known: they are taken to have one way to each origin.
type router interface {
	// routeOf is not ok if the request goes by no proxy, or cannot be sent.
	routeOf(req *http.Request) (route string, ok bool)
}

func routeOf(rt http.RoundTripper, req *http.Request) (route string, ok bool) {
	if r, knows := rt.(router); knows {
		return r.routeOf(req)
	}
	return "", true
}

// recall is the failure because of which a request goes another way at once. It is
// nil if none is remembered, and for the one request that is to try that way anew,
// which must note or forget.
func (f *failedRoutes) recall(route string, u *url.URL) *Error {
	if !f.any.Load() {
		return nil
	}
	origin, now := originOf(u), time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range [...]routeKey{{route, ""}, {route, origin}} {
		r, ok := f.routes[key]
		if !ok {
			continue
		}
		if now.Before(r.until) || now.Before(r.trying) {
			return r.failure
		}
		r.trying = now.Add(tryFor)
	}
	return nil
}

// note remembers a failure: of the way to everywhere if that is known and its proxy
// itself could not be reached, and otherwise of the way to the origin.
func (f *failedRoutes) note(route string, u *url.URL, e *Error) {
	if f.memory <= 0 {
		return
	}
	key := routeKey{route, originOf(u)}
	if route != "" && e.ofProxyItself() {
		key.origin = ""
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.routes[key]; !known && len(f.routes) >= maxFailedRoutes {
		for k, r := range f.routes {
			if !now.Before(r.trying) && !now.Before(r.until) {
				delete(f.routes, k)
			}
		}
		if len(f.routes) >= maxFailedRoutes {
			return // as if it had not been remembered: each request finds out
		}
	}
	f.any.Store(true)
	f.routes[key] = &failedRoute{failure: e, until: now.Add(f.memory)}
}

// forget ends a try that did not fail in the way that is remembered: for good if it
// was answered; otherwise the next request tries again.
func (f *failedRoutes) forget(route string, u *url.URL, answered bool) {
	if !f.any.Load() {
		return
	}
	origin := originOf(u)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range [...]routeKey{{route, ""}, {route, origin}} {
		if r, ok := f.routes[key]; ok {
			r.trying = time.Time{}
			if answered {
				delete(f.routes, key)
			}
		}
	}
	f.any.Store(len(f.routes) > 0)
}

// ofProxyItself tells whether it was the proxy that could not be reached or spoken
// with, whatever it was to lead to.
func (e *Error) ofProxyItself() bool {
	switch {
	case e.Proxy == nil:
		return false
	case e.Phase == PhaseDNS:
		return e.Addr == e.Proxy.host
	default:
		return e.Phase == PhaseDialProxy || e.Phase == PhaseProxyTLS || e.Phase == PhaseProxyHandshake
	}
}
