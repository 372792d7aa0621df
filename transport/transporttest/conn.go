package transporttest

import (
	"context"
	"io"
	"net"
	"sync"
)

// conn is an accepted TCP connection that its ledger counts until it is closed.
type conn struct {
	*net.TCPConn
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	ledger *ledger

	mu     sync.Mutex
	closed bool
	target io.Closer // what closes with the connection; nil: nothing
}

func newConn(tcp *net.TCPConn, l *ledger) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	return &conn{TCPConn: tcp, ctx: ctx, cancel: cancel, ledger: l}
}

// attach makes target close with the connection, in place of the one before.
// It closes at once if the connection is closed already.
func (c *conn) attach(target io.Closer) {
	c.mu.Lock()
	closed := c.closed
	c.target = target
	c.mu.Unlock()
	if closed && target != nil {
		_ = target.Close()
	}
}

// Close closes the connection and what is attached to it. The second call and
// later ones do nothing.
func (c *conn) Close() error {
	c.mu.Lock()
	closed, target := c.closed, c.target
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	err := c.TCPConn.Close()
	c.cancel()
	if target != nil {
		_ = target.Close()
	}
	c.ledger.remove(c)
	return err
}
