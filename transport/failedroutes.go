package transport

import (
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxFailedRoutes bounds what is remembered; beyond it old failures are forgotten.
const maxFailedRoutes = 1000

// failedRoutes remembers for a short while which origins a proxy did not lead to.
type failedRoutes struct {
	memory time.Duration // 0 and below: nothing is remembered

	mu     sync.Mutex
	routes map[string]*failedRoute
}

type failedRoute struct {
	failure *Error
	until   time.Time
	trying  bool // a request tries the proxy anew
}

func newFailedRoutes(memory time.Duration) *failedRoutes {
	return &failedRoutes{memory: memory, routes: make(map[string]*failedRoute)}
}

// originOf is a URL's scheme, host and port.
func originOf(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

// recall is the failure because of which a request goes direct at once. It is nil
// if none is remembered, and for the one request that is to try the proxy anew,
// which must note or forget.
func (f *failedRoutes) recall(origin string) *Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.routes[origin]
	if !ok {
		return nil
	}
	if !r.trying && !time.Now().Before(r.until) {
		r.trying = true
		return nil
	}
	return r.failure
}

// note remembers a failure.
func (f *failedRoutes) note(origin string, e *Error) {
	if f.memory <= 0 {
		return
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.routes) >= maxFailedRoutes {
		for o, r := range f.routes {
			if !r.trying && !now.Before(r.until) {
				delete(f.routes, o)
			}
		}
		if len(f.routes) >= maxFailedRoutes {
			return // as if it had not been remembered: each request finds out
		}
	}
	f.routes[origin] = &failedRoute{failure: e, until: now.Add(f.memory)}
}

// forget ends a try that did not fail at the proxy: for good if it was answered;
// otherwise the next request tries again.
func (f *failedRoutes) forget(origin string, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.routes[origin]; ok {
		r.trying = false
		if answered {
			delete(f.routes, origin)
		}
	}
}
