package transporttest

import (
	"errors"
	"net"
	"sync/atomic"
)

// port is a TCP port of 127.0.0.1 that can stop listening and start again.
//
// Two sockets connected to each other through it, its mooring, keep the
// operating system from giving the port to anybody else while nothing listens.
//
// Its methods must not run at the same time.
type port struct {
	number   int
	serve    func(*net.TCPConn) // takes each connection; must not block
	mooring  []*net.TCPConn
	listener *net.TCPListener // nil: down
	done     chan struct{}    // closed when the accept loop of listener has ended
	stopping atomic.Bool      // down ends the accept loop
	failure  error            // what ended the accept loop, if down did not; read after done
}

// newPort finds a free port. It is up.
func newPort(serve func(*net.TCPConn)) (*port, error) {
	listener, err := listenLoopback(0)
	if err != nil {
		return nil, err
	}
	p := &port{number: listener.Addr().(*net.TCPAddr).Port, serve: serve}
	if err := p.moor(listener); err != nil {
		refuse(listener)
		_ = listener.Close()
		p.release()
		return nil, err
	}
	p.listen(listener)
	return p, nil
}

// moor connects the two sockets that hold the port.
func (p *port) moor(listener *net.TCPListener) error {
	near, err := net.DialTCP("tcp4", nil, listener.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	p.mooring = append(p.mooring, near)
	for {
		far, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			p.mooring = append(p.mooring, far)
			return nil
		}
		_ = far.Close() // a client of whoever had the port before
	}
}

// release gives the port back. The reset leaves no socket in TIME_WAIT.
func (p *port) release() {
	for _, c := range p.mooring {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	p.mooring = nil
}

// up listens, unless the port does so already.
func (p *port) up() error {
	if p.listener != nil {
		return nil
	}
	listener, err := listenLoopback(p.number)
	if err != nil {
		return err
	}
	p.listen(listener)
	return nil
}

func (p *port) listen(listener *net.TCPListener) {
	p.listener, p.done = listener, make(chan struct{})
	go p.accept(listener, p.done)
}

// accept hands connections to serve until the listener closes. Any other error
// closes it too: a client is better refused than left waiting.
func (p *port) accept(listener *net.TCPListener, done chan struct{}) {
	defer close(done)
	for {
		tcp, err := listener.AcceptTCP()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !p.stopping.Load() {
				p.failure = err
			}
			_ = listener.Close()
			return
		}
		p.serve(tcp)
	}
}

// down stops listening. When it returns, connections are refused and serve is
// not called any more. It returns what had ended the accept loop before.
func (p *port) down() error {
	if p.listener == nil {
		return nil
	}
	p.stopping.Store(true)
	refuse(p.listener)
	_ = p.listener.Close()
	<-p.done
	failure := p.failure
	p.listener, p.failure = nil, nil
	p.stopping.Store(false)
	return failure
}
