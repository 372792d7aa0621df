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
	open context.Context // ends when requests are refused: with Shutdown or Close
	shut context.CancelFunc

	mu     sync.Mutex
	active int
	closed bool
	empty  chan struct{} // closed when closed and none is active
	first  *call         // of those under way
}

// call is a request under way, in a list with the others. It is ended once.
type call struct {
	calls      *calls
	cancel     context.CancelCauseFunc
	prev, next *call
	over       bool
}

func newCalls() *calls {
	c := &calls{empty: make(chan struct{})}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.open, c.shut = context.WithCancel(c.ctx)
	return c
}

// enter lets a request in, which one stands for. Its context ends with the caller's and
// with Close; one must be ended once the request is over. nil: no request is let in.
func (c *calls) enter(callers context.Context, one *call) context.Context {
	ctx, cancel := context.WithCancelCause(callers)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cancel(nil)
		return nil
	}
	c.active++
	one.calls, one.cancel, one.next = c, cancel, c.first
	if c.first != nil {
		c.first.prev = one
	}
	c.first = one
	return ctx
}

// end says that the request is over. It may be called again.
func (one *call) end() {
	c := one.calls
	c.mu.Lock()
	if one.over {
		c.mu.Unlock()
		return
	}
	one.over = true
	if one.prev != nil {
		one.prev.next = one.next
	} else {
		c.first = one.next
	}
	if one.next != nil {
		one.next.prev = one.prev
	}
	c.mu.Unlock()
	one.cancel(nil)
	c.leave() // last: whoever waits finds everything done
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
		c.shut()
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
	c.mu.Lock()
	var cancels []context.CancelCauseFunc
	for one := c.first; one != nil; one = one.next {
		cancels = append(cancels, one.cancel)
	}
	c.mu.Unlock()
	for _, cancel := range cancels { // whoever is told may take the lock
		cancel(ErrClosed)
	}
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
