package pool

import (
	"io"
	"net/http"
	"time"
)

// Agent reaches one endpoint through one route. It must be safe for concurrent
// use. When it has left the pool and its last user is done, the pool calls
// CloseIdleConnections and then, if the agent also is an [io.Closer], Close, each
// once. [Pool.Close] does so although there are users, whose requests are to fail;
// no connection may stay open after Close, also none that comes back later. An
// agent without Close is asked once more to close its idle connections when such
// users are done.
type Agent interface {
	http.RoundTripper
	CloseIdleConnections()
}

// ConnCounter is an optional interface of an [Agent]: how many connections it has
// open, for [Stats]. It is called at any time, also while the agent is closed.
type ConnCounter interface {
	OpenConns() int
}

// entry is an agent with its books. The first group of fields does not change, the
// second is guarded by the pool's mutex.
type entry struct {
	pool    *Pool
	key     *Key // a pointer, so that a printed Lease does not show the route
	agent   Agent
	created time.Duration // by the pool's clock

	users     int           // leases out, and callers that are about to get one
	places    places        // of the leases out
	idleSince time.Duration // the last Release, by the pool's clock; counts while there are no users
	pooled    bool          // still found by its key; false: retired or temporary
	closed    bool          // close was called, or is about to be; true with users: by Pool.Close
}

// leaseLocked makes a lease for a caller who is counted as a user.
func (e *entry) leaseLocked() Lease {
	place, turn := e.places.take()
	return Lease{entry: e, place: place, turn: turn}
}

// expired tells whether the entry should leave the pool: one in use only for its
// age.
func (e *entry) expired(now time.Duration, c *Config) bool {
	if c.MaxAge > 0 && now-e.created >= c.MaxAge {
		return true
	}
	return c.TTL > 0 && e.users == 0 && now-e.idleSince >= c.TTL
}

// close ends the agent. The caller does not hold the pool's mutex.
func (e *entry) close() {
	e.agent.CloseIdleConnections()
	if c, ok := e.agent.(io.Closer); ok {
		_ = c.Close() // an agent that is gone has nobody to tell
	}
}

// closeLate closes what the users left behind that were still at work when the
// pool was closed. An agent with a Close of its own has nothing left.
func (e *entry) closeLate() {
	if _, ok := e.agent.(io.Closer); !ok {
		e.agent.CloseIdleConnections()
	}
}
