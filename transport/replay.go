package transport

import (
	"io"
	"net/http"
	"sync"
)

// replay hands out one request for several sendings. Nothing is copied: a body
// that was not begun is given out again, one that was needs GetBody.
type replay struct {
	req   *http.Request
	guard *guardedBody // nil: GetBody does it, or there is no body
}

func newReplay(req *http.Request) replay {
	r := replay{req: req}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		r.guard = &guardedBody{body: req.Body}
	}
	return r
}

// first is the request for the first sending.
func (r replay) first() *http.Request {
	if r.guard == nil {
		return r.req
	}
	req := *r.req
	req.Body = r.guard
	return &req
}

// again is the request for a further sending, and false if its body is spent.
func (r replay) again() (*http.Request, bool) {
	if r.guard != nil {
		return r.first(), r.guard.reopen()
	}
	if r.req.Body == nil || r.req.Body == http.NoBody {
		return r.req, true
	}
	body, err := r.req.GetBody()
	if err != nil {
		return nil, false
	}
	req := *r.req
	req.Body = body
	return &req, true
}

// done tells that no further sending follows: a close that was held back happens
// now, a later one at once.
func (r replay) done() {
	if r.guard != nil {
		r.guard.settle()
	}
}

// guardedBody keeps a body open when a sending that never read it closes it.
type guardedBody struct {
	mu      sync.Mutex
	body    io.ReadCloser
	begun   bool // somebody read
	closed  bool // somebody closed
	settled bool // no further sending: closes go through
}

func (g *guardedBody) Read(p []byte) (int, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	g.begun = true
	g.mu.Unlock()
	return g.body.Read(p)
}

func (g *guardedBody) Close() error {
	g.mu.Lock()
	already := g.closed
	g.closed = true
	through := !already && (g.begun || g.settled)
	g.mu.Unlock()
	if through {
		return g.body.Close()
	}
	return nil
}

// reopen makes an unread body ready for the next sending.
func (g *guardedBody) reopen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begun {
		return false
	}
	g.closed = false
	return true
}

func (g *guardedBody) settle() {
	g.mu.Lock()
	late := g.closed && !g.begun && !g.settled
	g.settled = true
	g.mu.Unlock()
	if late {
		_ = g.body.Close()
	}
}
