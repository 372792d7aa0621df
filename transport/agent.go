package transport

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the cause of the errors of requests that a closed Transport, or its
// pool, refused or ended.
var ErrClosed = errors.New("transport closed")

// agent holds the connections to one origin through one route. It dials at most
// once for each request that waits, hands a connection that becomes free to the
// request that waits longest, and so never holds more connections than it has had
// requests at the same time. A first dial that may turn out to be HTTP/2 is made
// alone, since one connection would then do for all.
type agent struct {
	*endpoint
	ctx  context.Context // ends with the agent; dials are its children
	stop context.CancelFunc
	wg   sync.WaitGroup // dials under way

	mu      sync.Mutex
	conns   map[*conn]struct{} // open
	idle    []*conn            // HTTP/1.1, free, the last used at the end
	shared  []*conn            // HTTP/2, free or not
	waiters []*waiter          // the longest waiting first
	dials   map[*dialing]struct{}
	single  bool // one dial at a time: HTTP/2, or not known yet
	closed  bool
	timer   *time.Timer // closes connections that stay idle; nil: none is
}

// waiter is a request that waits for a connection.
type waiter struct {
	ready chan turn
	ctx   context.Context // lends its values to a dial, not its end
	since time.Time
}

// turn is what a waiter gets: a connection it may use, or the error of a dial, or
// neither and it must ask again.
type turn struct {
	conn *conn
	err  error
}

func newAgent(e *endpoint) *agent {
	a := &agent{
		endpoint: e,
		conns:    make(map[*conn]struct{}),
		dials:    make(map[*dialing]struct{}),
		single:   e.key.HTTP2,
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// acquire returns a connection with room for one request, reserved for the caller,
// who gives it back by release. fresh tells that it was never used before.
func (a *agent) acquire(ctx context.Context) (c *conn, fresh bool, err error) {
	for {
		c, w, err := a.takeOrWait(ctx)
		if err != nil {
			return nil, false, err
		}
		if c == nil {
			if c, err = a.await(ctx, w); err != nil {
				return nil, false, err
			}
		}
		if c != nil && c.cc.Reserve() == nil {
			return c, c.uses.Add(1) == 1, nil
		}
		if c == nil {
			continue
		}
		dead := c.cc.Err()
		a.release(c) // it died, or filled up, while it was handed over
		if dead != nil && c.uses.Load() == 0 {
			return nil, false, a.stillborn(c, dead)
		}
	}
}

// stillborn is the error of a connection that ended before anything was sent on it.
// Dialling on until one lives would have no end.
func (a *agent) stillborn(c *conn, err error) error {
	e := &Error{Phase: PhaseSend, Sent: SentNo, Proxy: a.proxy, Addr: a.key.Host, Code: alertCode(err), HTTP2: c.h2(), Err: err}
	e.unspoken = e.HTTP2 && e.Code == 0 && c.word.notSpoken(err)
	if a.absolute() && e.Code != 0 {
		e.Phase = PhaseProxyTLS // the proxy's alert: it is the peer
	}
	return e
}

// takeOrWait takes a free connection, or queues up for one.
func (a *agent) takeOrWait(ctx context.Context) (*conn, *waiter, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, nil, a.closedError()
	}
	if c := a.takeLocked(); c != nil {
		return c, nil, nil
	}
	w := &waiter{ready: make(chan turn, 1), ctx: ctx, since: time.Now()}
	a.waiters = append(a.waiters, w)
	a.dialLocked()
	return nil, w, nil
}

// takeLocked finds a free connection and counts the caller as its user.
func (a *agent) takeLocked() *conn {
	for len(a.idle) > 0 {
		last := len(a.idle) - 1
		c := a.idle[last]
		a.idle = a.idle[:last]
		if c.cc.Err() == nil {
			c.active++
			return c
		}
		delete(a.conns, c)
	}
	for _, c := range a.shared {
		if c.roomLocked() {
			c.active++
			return c
		}
	}
	return nil
}

// await waits for a turn. A caller who gives up leaves the dial to those who still
// wait, or to the next.
func (a *agent) await(ctx context.Context, w *waiter) (*conn, error) {
	select {
	case t := <-w.ready:
		return t.conn, t.err
	case <-ctx.Done():
	}
	a.mu.Lock()
	phase := PhaseUnknown
	for d := range a.dials {
		phase = max(phase, d.now())
	}
	if i := slices.Index(a.waiters, w); i >= 0 {
		a.waiters = slices.Delete(a.waiters, i, i+1)
	}
	if len(a.waiters) == 0 && a.settings.connect <= 0 {
		for d := range a.dials { // without a time limit of its own it might never end
			d.cancel()
		}
	}
	a.mu.Unlock()
	select {
	case t := <-w.ready: // it came at the same moment
		if t.conn != nil {
			a.release(t.conn)
		}
	default:
	}
	return nil, fail(ctx, phase, a.proxy, a.key.Host, ctx.Err())
}

// dialLocked starts the dials that the waiters need, each for one of them.
func (a *agent) dialLocked() {
	want := len(a.waiters)
	if a.single {
		want = min(want, 1)
	}
	for len(a.dials) < want {
		d := &dialing{began: time.Now()}
		a.dials[d] = struct{}{}
		w := a.waiters[min(len(a.dials), len(a.waiters))-1]
		dialCtx, cancel := context.WithCancel(context.WithoutCancel(w.ctx))
		d.cancel = cancel
		a.wg.Go(func() {
			defer cancel()
			defer context.AfterFunc(a.ctx, cancel)()
			cc, err := a.connect(dialCtx, d)
			a.dialed(d, cc, err)
		})
	}
}

// dialed hands out a new connection, or its failure.
func (a *agent) dialed(d *dialing, cc *http.ClientConn, err error) {
	var c *conn
	if err == nil {
		c = &conn{cc: cc, raw: d.raw, tls: d.tls, written: d.written, word: d.word}
	}
	a.mu.Lock()
	delete(a.dials, d)
	switch {
	case err != nil:
		a.refuseLocked(d, a.dialError(d, err))
	case !a.closed:
		a.conns[c] = struct{}{}
		a.single = c.h2()
		if c.h2() {
			a.shared = append(a.shared, c)
		}
		a.freeLocked(c)
		if dead := c.cc.Err(); dead != nil && c.active == 0 {
			a.forgetLocked(c)
			a.refuseLocked(d, a.stillborn(c, dead))
		}
	}
	closed := a.closed
	if !closed {
		a.dialLocked()
	}
	a.mu.Unlock()
	switch {
	case c == nil:
	case closed:
		_ = cc.Close()
	default:
		// Outside the mutex: the hook may run at once, and takes it.
		cc.SetStateHook(func(*http.ClientConn) { a.changed(c) })
	}
}

// dialError finds our error in what net/http wrapped around it. What net/http failed
// at by itself belongs to the phase that the dial had come to.
func (a *agent) dialError(d *dialing, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	e = &Error{Phase: d.now(), Sent: SentNo, Proxy: a.proxy, Addr: a.key.Host, Code: alertCode(err), HTTP2: d.word != nil, Err: err}
	e.unspoken = e.HTTP2 && e.Code == 0 && !e.Timeout() && !errors.Is(err, context.Canceled)
	return e
}

// refuseLocked tells those whose dial this was that it failed: all of them if they
// shared it. Who came when a part of the time was spent is not refused for want of
// time: a further dial gives it the whole.
func (a *agent) refuseLocked(d *dialing, err error) {
	var e *Error
	late := errors.As(err, &e) && e.Timeout()
	n := 0
	a.waiters = slices.DeleteFunc(a.waiters, func(w *waiter) bool {
		if late && w.since.After(d.began) || n > 0 && !a.single {
			return false
		}
		n++
		w.ready <- turn{err: err}
		return true
	})
}

// freeLocked offers a connection to those who wait, and keeps it idle otherwise.
func (a *agent) freeLocked(c *conn) {
	for len(a.waiters) > 0 && c.roomLocked() {
		c.active++
		c.idleSince = time.Time{} // handed on, it was not idle
		a.waiters[0].ready <- turn{conn: c}
		a.waiters = a.waiters[1:]
	}
	if c.active > 0 {
		return
	}
	c.idleSince = time.Now()
	if !c.h2() {
		a.idle = append(a.idle, c)
	}
	if a.timer == nil {
		a.timer = time.AfterFunc(idleConnTimeout, a.closeLongIdle)
	}
}

// release gives back a connection after a request: to who waits, to the idle ones,
// or to the dead.
func (a *agent) release(c *conn) {
	a.mu.Lock()
	c.active--
	if _, open := a.conns[c]; open && !a.closed && c.usableLocked() {
		a.freeLocked(c)
		a.mu.Unlock()
		return
	}
	dead := c.active == 0 || !c.h2()
	if dead {
		a.loseLocked(c)
	}
	a.mu.Unlock()
	if dead {
		_ = c.cc.Close()
	}
}

// changed is told by net/http that a connection died or has more room.
func (a *agent) changed(c *conn) {
	if a.goneAfterChange(c) {
		_ = c.cc.Close()
	}
}

// goneAfterChange puts a connection's change into the books. It tells whether the
// connection is of no use any more and has to be closed.
func (a *agent) goneAfterChange(c *conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, open := a.conns[c]; !open {
		return false
	}
	if c.cc.Err() != nil {
		// An HTTP/1.1 connection that is dead to net/http may have been handed over by
		// a 101: it stays in the books until its request has ended.
		if c.h2() || c.active == 0 {
			a.loseLocked(c)
		}
		return false
	}
	if c.h2() && len(a.waiters) > 0 {
		a.freeLocked(c)
	}
	if c.h2() && c.active == 0 && !c.usableLocked() { // the last stream has ended, and it was going away
		a.loseLocked(c)
		return true
	}
	return false
}

// loseLocked forgets a connection that somebody may have hoped for.
func (a *agent) loseLocked(c *conn) {
	a.forgetLocked(c)
	if !a.closed {
		a.dialLocked()
	}
}

// forgetLocked takes a connection off all lists.
func (a *agent) forgetLocked(c *conn) {
	delete(a.conns, c)
	same := func(other *conn) bool { return other == c }
	a.idle = slices.DeleteFunc(a.idle, same)
	a.shared = slices.DeleteFunc(a.shared, same)
}

func (a *agent) closedError() error {
	return &Error{Phase: PhaseUnknown, Sent: SentNo, Proxy: a.proxy, Addr: a.key.Host, Err: ErrClosed}
}
