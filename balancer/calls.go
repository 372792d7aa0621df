package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/aitransport/aitransport/transport"
)

// calls knows the requests under way, from the moment they come in until their
// books are kept, so that they can be waited for and ended.
type calls struct {
	ctx  context.Context // ends with Close
	stop context.CancelCauseFunc

	mu     sync.Mutex
	active int
	closed bool
	empty  chan struct{} // closed when closed and none is active
}

func newCalls() *calls {
	c := &calls{empty: make(chan struct{})}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	return c
}

// enter lets a request in. Its context ends with the caller's and with Close; end
// must be called once the request is over, and may be called again.
func (c *calls) enter(in *http.Request) (ctx context.Context, end func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, false
	}
	c.active++
	ctx, cancel := context.WithCancelCause(in.Context())
	unlink := context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })
	return ctx, sync.OnceFunc(func() {
		unlink()
		cancel(nil)
		c.leave()
	}), true
}

func (c *calls) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active--; c.closed && c.active == 0 {
		close(c.empty)
	}
}

// counted makes what goes beside the requests one of them, so that Shutdown waits for
// a token that is being renewed. It is let in as long as anything is under way.
func (c *calls) counted(next http.RoundTripper) http.RoundTripper {
	return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		leave, ok := c.join()
		if !ok {
			closeBody(r)
			return nil, ErrClosed
		}
		resp, err := sound(next.RoundTrip(r))
		if err != nil {
			leave()
			return nil, err
		}
		resp.Body = &ending{ReadCloser: resp.Body, end: leave}
		return resp, nil
	})
}

// join counts one more, unless all is over.
func (c *calls) join() (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && c.active == 0 || c.ctx.Err() != nil {
		return nil, false
	}
	c.active++
	return sync.OnceFunc(c.leave), true
}

// refuse lets no further request in.
func (c *calls) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		if c.active == 0 {
			close(c.empty)
		}
	}
}

// isClosed tells whether requests are refused.
func (c *calls) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// end refuses new requests and ends those under way.
func (c *calls) end() {
	c.refuse()
	c.stop(ErrClosed)
}

// explain makes an error say that Close was its cause, if that may be so.
func (c *calls) explain(err error) error {
	if c.ctx.Err() == nil || err == nil || errors.Is(err, io.EOF) || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// drain refuses new requests and waits for those under way.
func (c *calls) drain(ctx context.Context) error {
	c.refuse()
	select {
	case <-c.empty:
		return nil
	default:
	}
	select {
	case <-c.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
