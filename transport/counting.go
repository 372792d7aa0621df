package transport

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// maxWrite is how much is written at once while its time is taken.
const maxWrite = 64 << 10

// countingConn counts what is written to an HTTP/1.1 connection, above TLS: the
// only proof that nothing of a request was sent. It also notices when the peer takes
// nothing for too long.
type countingConn struct {
	net.Conn
	written atomic.Int64

	limit    time.Duration // how long a write may take; 0: for ever; set between requests
	timer    *time.Timer   // belongs to Write
	answered atomic.Bool   // it does not matter any more
	stalled  atomic.Bool   // it took too long
}

// begin is called before each request.
func (c *countingConn) begin(limit time.Duration) {
	c.limit = limit
	c.answered.Store(false)
}

// Write writes in pieces, so that a large body on a slow line is seen to get on.
func (c *countingConn) Write(p []byte) (n int, err error) {
	for {
		piece := p[n:min(n+maxWrite, len(p))]
		var wrote int
		wrote, err = c.write(piece)
		if n += wrote; err != nil || n == len(p) {
			return n, err
		}
	}
}

func (c *countingConn) write(p []byte) (int, error) {
	// Counted before it is written, since the answer may be quicker than we are, and
	// what a failed write left is taken back. Above TLS that is exact as well: the
	// peer can do nothing with a part of a record.
	c.written.Add(int64(len(p)))
	watched := c.limit > 0 && !c.answered.Load()
	if watched {
		if c.timer == nil {
			c.timer = time.AfterFunc(c.limit, c.stall)
		} else {
			c.timer.Reset(c.limit)
		}
	}
	n, err := c.Conn.Write(p)
	if watched {
		c.timer.Stop()
	}
	if err != nil {
		c.written.Add(int64(n - len(p)))
	}
	return n, err
}

// stall ends a write that takes too long, by ending the connection. Who answers
// before taking the request may leave it lying.
func (c *countingConn) stall() {
	if !c.answered.Load() {
		c.stalled.Store(true)
		_ = c.Conn.Close()
	}
}

func counted(ctx context.Context, conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	c := &countingConn{Conn: conn}
	if d, ok := ctx.Value(dialingKey{}).(*dialing); ok {
		d.raw, d.written = c, c
	}
	return c, nil
}
