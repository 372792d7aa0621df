package transport

import (
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

// failedRoutes remembers for a while which origins were not reached in some way.
type failedRoutes struct {
	memory time.Duration // 0 and below: nothing is remembered
	any    atomic.Bool   // something may be remembered; most often there is not

	mu     sync.Mutex
	routes map[string]*failedRoute
}

type failedRoute struct {
	failure *Error
	until   time.Time
	trying  time.Time // until then a request has its turn to try that way anew
}

func newFailedRoutes(memory time.Duration) *failedRoutes {
	return &failedRoutes{memory: memory, routes: make(map[string]*failedRoute)}
}

// originOf is a URL's scheme, host and port.
func originOf(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

// recall is the failure because of which a request goes another way at once. It is
// nil if none is remembered, and for the one request that is to try that way anew,
// which must note or forget.
func (f *failedRoutes) recall(u *url.URL) *Error {
	if !f.any.Load() {
		return nil
	}
	origin := originOf(u)
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.routes[origin]
	if !ok {
		return nil
	}
	if now := time.Now(); !now.Before(r.until) && !now.Before(r.trying) {
		r.trying = now.Add(tryFor)
		return nil
	}
	return r.failure
}

// note remembers a failure.
func (f *failedRoutes) note(u *url.URL, e *Error) {
	if f.memory <= 0 {
		return
	}
	now, origin := time.Now(), originOf(u)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.routes) >= maxFailedRoutes {
		for o, r := range f.routes {
			if !now.Before(r.trying) && !now.Before(r.until) {
				delete(f.routes, o)
			}
		}
		if len(f.routes) >= maxFailedRoutes {
			return // as if it had not been remembered: each request finds out
		}
	}
	f.any.Store(true)
	f.routes[origin] = &failedRoute{failure: e, until: now.Add(f.memory)}
}

// forget ends a try that did not fail in the way that is remembered: for good if it
// was answered; otherwise the next request tries again.
func (f *failedRoutes) forget(u *url.URL, answered bool) {
	if !f.any.Load() {
		return
	}
	origin := originOf(u)
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.routes[origin]; ok {
		r.trying = time.Time{}
		if answered {
			delete(f.routes, origin)
			f.any.Store(len(f.routes) > 0)
		}
	}
}
