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
}

func newRequests() *requests {
	r := &requests{empty: make(chan struct{})}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	return r
}

func (r *requests) roundTrip(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	if !r.enter() {
		closeBody(req)
		return nil, &Error{Sent: SentNo, Addr: addrOf(req), Err: ErrClosed}
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	unlink := context.AfterFunc(r.ctx, func() { cancel(ErrClosed) })
	end := sync.OnceFunc(func() {
		unlink()
		cancel(nil)
		r.leave()
	})
	resp, err := next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		end()
		return nil, err
	}
	resp.Request = req
	if bodiless(resp) {
		end()
		return resp, nil
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// Its connection does not end with the request's context, but with us it does.
		upgraded, ended := resp.Body, end
		stop := context.AfterFunc(r.ctx, func() {
			cancel(ErrClosed)
			_ = upgraded.Close()
		})
		end = func() {
			stop()
			ended()
		}
	}
	b := &endingBody{ReadCloser: resp.Body, end: end, upgraded: resp.StatusCode == http.StatusSwitchingProtocols}
	resp.Body = writable(b, b.ReadCloser)
	return resp, nil
}

// addrOf is the host and port of a request that may be none.
func addrOf(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	return hostPort(req.URL)
}

func (r *requests) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.active++
	}
	return !r.closed
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

func (r *requests) close() {
	r.refuse()
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

// endingBody runs end at the end of a body, however it comes.
type endingBody struct {
	io.ReadCloser
	end      func()
	upgraded bool // it ends when it is closed
}

func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !b.upgraded {
		b.end()
	}
	return n, err
}

func (b *endingBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
