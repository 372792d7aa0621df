package transport

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// requests knows the requests of one Transport that are under way on a pool it
// shares with others, so that it can end them and nobody else's.
type requests struct {
	ctx  context.Context // ends with the Transport
	stop context.CancelCauseFunc

	mu     sync.Mutex
	active int
	closed bool
	empty  chan struct{} // closed when closed and none is active
	first  *underway
}

// underway is one request, in a list with the others, and later the body of its answer.
type underway struct {
	io.ReadCloser
	requests   *requests
	cancel     context.CancelCauseFunc
	prev, next *underway
	over       bool
	upgraded   bool        // it ends when it is closed
	unlink     func() bool // from the end of the Transport, if it is upgraded
}

func newRequests() *requests {
	r := &requests{empty: make(chan struct{})}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	return r
}

func (r *requests) roundTrip(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	u := &underway{requests: r}
	ctx := r.enter(req.Context(), u)
	if ctx == nil {
		closeBody(req)
		return nil, &Error{Sent: SentNo, Addr: addrOf(req), Err: ErrClosed}
	}
	resp, err := next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		u.end()
		return nil, err
	}
	resp.Request = req
	if bodiless(resp) {
		u.end()
		return resp, nil
	}
	u.ReadCloser, u.upgraded = resp.Body, resp.StatusCode == http.StatusSwitchingProtocols
	if u.upgraded { // its connection does not end with the request's context, but with us it does
		u.unlink = context.AfterFunc(r.ctx, func() { _ = u.ReadCloser.Close() })
	}
	resp.Body = writable(u, u.ReadCloser)
	return resp, nil
}

// Read ends the request with its answer.
func (u *underway) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && !u.upgraded {
		u.end()
	}
	return n, err
}

// Close ends the request.
func (u *underway) Close() error {
	err := u.ReadCloser.Close()
	u.end()
	return err
}

// addrOf is the host and port of a request that may be none.
func addrOf(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	return hostPort(req.URL)
}

// enter lets a request in, which u stands for. Its context ends with the caller's and with
// the Transport; u must be ended. nil: no request is let in.
func (r *requests) enter(callers context.Context, u *underway) context.Context {
	ctx, cancel := context.WithCancelCause(callers)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		cancel(nil)
		return nil
	}
	r.active++
	u.cancel, u.next = cancel, r.first
	if r.first != nil {
		r.first.prev = u
	}
	r.first = u
	return ctx
}

// end says that the request is over. It may be called again.
func (u *underway) end() {
	r := u.requests
	r.mu.Lock()
	if u.over {
		r.mu.Unlock()
		return
	}
	u.over = true
	if u.prev != nil {
		u.prev.next = u.next
	} else {
		r.first = u.next
	}
	if u.next != nil {
		u.next.prev = u.prev
	}
	r.mu.Unlock()
	if u.unlink != nil {
		u.unlink()
	}
	u.cancel(nil)
	r.leave() // last: whoever waits finds everything done
}

func (r *requests) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active--; r.closed && r.active == 0 {
		close(r.empty)
	}
}

// refuse takes no new requests.
func (r *requests) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		if r.active == 0 {
			close(r.empty)
		}
	}
}

// close refuses new requests and ends those under way.
func (r *requests) close() {
	r.refuse()
	r.mu.Lock()
	var cancels []context.CancelCauseFunc
	for u := r.first; u != nil; u = u.next {
		cancels = append(cancels, u.cancel)
	}
	r.mu.Unlock()
	for _, cancel := range cancels { // whoever is told may take the lock
		cancel(ErrClosed)
	}
	r.stop(ErrClosed)
}

func (r *requests) drain(ctx context.Context) error {
	r.refuse()
	select {
	case <-r.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
