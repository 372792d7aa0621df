package transport

import (
	"slices"
	"time"
)

// closeLongIdle closes the connections that were idle for a minute and comes back
// while others are.
func (a *agent) closeLongIdle() {
	now := time.Now()
	var next time.Duration
	a.closeIdle(func(c *conn) bool {
		left := idleConnTimeout - now.Sub(c.idleSince)
		if left <= 0 {
			return true
		}
		if next == 0 || left < next {
			next = left
		}
		return false
	}, func() {
		a.timer = nil
		if next > 0 && !a.closed {
			a.timer = time.AfterFunc(next, a.closeLongIdle)
		}
	})
}

// drop closes a connection after a request instead of keeping it.
func (a *agent) drop(c *conn) {
	a.mu.Lock()
	c.active--
	a.forgetLocked(c)
	a.mu.Unlock()
	_ = c.cc.Close()
}

// retire keeps new requests from a connection; the last of its present ones closes
// it.
func (a *agent) retire(c *conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.retired = true
	a.shared = slices.DeleteFunc(a.shared, func(other *conn) bool { return other == c })
	if !a.closed {
		a.dialLocked() // for those who may have hoped for it
	}
}

// CloseIdleConnections closes the connections that serve no request.
func (a *agent) CloseIdleConnections() {
	a.closeIdle(func(*conn) bool { return true }, func() {})
}

// closeIdle closes the chosen ones of the idle connections. after runs under the
// mutex once they are off the lists.
func (a *agent) closeIdle(choose func(*conn) bool, after func()) {
	var closing []*conn
	a.mu.Lock()
	for c := range a.conns {
		if c.active == 0 && choose(c) {
			closing = append(closing, c)
		}
	}
	for _, c := range closing {
		a.forgetLocked(c)
	}
	after()
	a.mu.Unlock()
	for _, c := range closing {
		_ = c.cc.Close()
	}
}

// Close ends the agent at once: its dials, its connections and the requests on
// them. It returns when nothing of it runs any more.
func (a *agent) Close() error {
	a.mu.Lock()
	a.closed = true
	a.stop()
	waiters := a.waiters
	a.waiters = nil
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	open := make([]*conn, 0, len(a.conns))
	for c := range a.conns {
		open = append(open, c)
	}
	clear(a.conns)
	a.idle, a.shared = nil, nil
	a.mu.Unlock()
	for _, w := range waiters {
		w.ready <- turn{err: a.closedError()}
	}
	for _, c := range open {
		_ = c.cc.Close()
		_ = c.raw.Close() // not net/http's any more after a 101
	}
	a.wg.Wait()
	return nil
}

// OpenConns is how many connections the agent has open.
func (a *agent) OpenConns() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.conns)
}

// isClosed tells whether Close was called.
func (a *agent) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}
