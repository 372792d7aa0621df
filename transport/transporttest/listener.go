package transporttest

import (
	"errors"
	"net"
	"sync"
)

// listener is what net/http accepts the connections of a Server from. It books them
// in the server's ledger. Its port may go down and up again; net/http sees nothing
// of that.
type listener struct {
	port   *port
	ledger *ledger
	conns  chan net.Conn
	close  sync.Once
	closed chan struct{}

	changing sync.Mutex // guards the two below: one goroutine at a time changes whether the port is up
	stopped  bool       // for good
	failure  error      // of the port
}

// newListener finds a free port and listens on it.
func newListener(l *ledger) (*listener, error) {
	door := &listener{ledger: l, conns: make(chan net.Conn), closed: make(chan struct{})}
	var err error
	if door.port, err = newPort(door.accepted); err != nil {
		return nil, err
	}
	return door, nil
}

// accepted hands a connection on to net/http, which waits for it until Close.
func (l *listener) accepted(tcp *net.TCPConn) {
	c := l.ledger.add(tcp)
	select {
	case l.conns <- c:
	case <-l.closed:
		_ = c.Close()
	}
}

// Accept returns the next connection; closing it takes it off the books.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept, and leaves the port as it is.
func (l *listener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

// Addr is the port's address, whether it is up or down.
func (l *listener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port.number}
}

func (l *listener) up() {
	l.changing.Lock()
	defer l.changing.Unlock()
	if !l.stopped {
		l.failure = errors.Join(l.failure, l.port.up())
	}
}

func (l *listener) down() {
	l.changing.Lock()
	defer l.changing.Unlock()
	if !l.stopped {
		l.failure = errors.Join(l.failure, l.port.down())
	}
}

// stop is down for good; it gives the port back and ends Accept. It returns why the
// port could not listen, if that ever happened.
func (l *listener) stop() error {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.stopped = true
	l.failure = errors.Join(l.failure, l.port.down())
	l.port.release()
	_ = l.Close()
	return l.failure
}

// listenLoopback listens on a free port of 127.0.0.1, or on the given one.
func listenLoopback(port int) (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}
