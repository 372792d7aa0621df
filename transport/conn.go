package transport

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// conn is one connection of an agent. active and idleSince are guarded by the
// agent's mutex.
type conn struct {
	cc      *http.ClientConn
	raw     net.Conn             // beneath cc
	tls     *tls.ConnectionState // nil: plain
	written *countingConn        // nil on HTTP/2
	word    *firstWord           // nil on HTTP/1.1
	uses    atomic.Int64         // requests it was reserved for

	active    int  // requests that hold it, or were handed it
	retired   bool // it takes no more
	idleSince time.Time
}

// h2 tells whether requests share the connection.
func (c *conn) h2() bool { return c.written == nil }

// roomLocked tells whether one more request fits. On HTTP/2 a request that was
// handed the connection but has not reserved its stream yet is not in net/http's
// books: it may then find no room, and asks again.
func (c *conn) roomLocked() bool {
	if c.retired || c.cc.Err() != nil { // a dead HTTP/2 connection that never had a stream claims room
		return false
	}
	return c.cc.Available() > 0 && (c.h2() || c.active == 0)
}

// usableLocked tells whether the connection can serve further requests.
func (c *conn) usableLocked() bool {
	if c.cc.Err() != nil || c.retired && c.active == 0 {
		return false
	}
	// An HTTP/1.1 connection whose answer was not read to its end is being closed;
	// an HTTP/2 one that refuses streams while none is open is going away. Its
	// streams outlive their requests by a moment: net/http's count tells.
	return c.cc.Available() > 0 || c.h2() && (c.active > 0 || c.cc.InFlight() > 0)
}

// idleBefore tells whether and how long a connection was idle before its present and
// only user got it.
func (a *agent) idleBefore(c *conn) (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.active != 1 || c.idleSince.IsZero() {
		return 0, false
	}
	return time.Since(c.idleSince), true
}

// sentBytes is how much was written so far. On HTTP/2 that includes what other
// streams and TLS itself wrote.
func (c *conn) sentBytes() int64 {
	if c.h2() {
		return c.word.written.Load()
	}
	return c.written.written.Load()
}
