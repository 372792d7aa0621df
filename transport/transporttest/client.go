package transporttest

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
)

// client is an accepted connection as the proxy's protocol sees it: above the
// TLS of an https proxy. One goroutine reads at a time.
type client struct {
	raw     *conn
	stream  net.Conn // raw, or the TLS above it
	buffer  *bufio.Reader
	watched chan struct{} // closed when the last watch has ended; nil: there was none
}

func newClient(raw *conn, stream net.Conn) *client {
	return &client{raw: raw, stream: stream, buffer: bufio.NewReader(stream)}
}

// Read reads what the client sent, in order, after any watch has ended.
func (c *client) Read(p []byte) (int, error) {
	c.settle()
	return c.buffer.Read(p)
}

func (c *client) Write(p []byte) (int, error) { return c.stream.Write(p) }

// watch waits in a goroutine for the client's next byte, which it leaves
// unread, and calls gone if the client ends instead. It lets a proxy that is
// busy with the target notice that nobody waits for the answer any more. It
// ends with the connection at the latest.
func (c *client) watch(gone func()) {
	c.settle()
	watched := make(chan struct{})
	c.watched = watched
	go func() {
		defer close(watched)
		if _, err := c.buffer.Peek(1); err != nil {
			gone()
		}
	}()
}

// settle waits for the last watch to end: for a byte, or the client's end.
func (c *client) settle() {
	if c.watched != nil {
		<-c.watched
	}
}

// close cuts the connection and the target attached to it.
func (c *client) close() { _ = c.raw.Close() }

// closeWrite tells the client that nothing more will come.
func (c *client) closeWrite() {
	if secured, ok := c.stream.(*tls.Conn); ok {
		_ = secured.CloseWrite()
	}
	_ = c.raw.CloseWrite()
}

// discard swallows what the client sends until it goes.
func (c *client) discard() { _, _ = io.Copy(io.Discard, c) }

// answer sends the last bytes the client gets, and waits until it goes: closing
// with anything unread would be a reset, which may overtake the answer.
func (c *client) answer(last []byte) {
	_, _ = c.Write(last)
	c.closeWrite()
	c.discard()
}

// cut sends the last bytes the client gets, but ends TLS without close_notify,
// as a connection that breaks does. It waits like answer.
func (c *client) cut(last []byte) {
	if len(last) > 0 {
		_, _ = c.Write(last)
	}
	_ = c.raw.CloseWrite()
	c.discard()
}
