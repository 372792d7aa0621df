package transport

import (
	"context"
	"errors"
	"net"

	"golang.org/x/net/proxy"
)

const (
	socks5Version      = 5
	socks5MethodNone   = 0
	socks5MethodUser   = 2
	socks5NoneAccepted = 0xff
	socks5UserVersion  = 1 // of the exchange of RFC 1929
)

// socks5 opens a tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929). The name goes
// to the proxy as it is. The handshake is x/net/proxy's; its errors are texts, so
// the proxy's replies are watched on the connection.
func socks5(ctx context.Context, c net.Conn, p *Proxy, addr string) (net.Conn, *Error) {
	enter(ctx, PhaseProxyHandshake)
	var auth *proxy.Auth
	if name, password, ok := p.user(); ok {
		auth = &proxy.Auth{User: name, Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", p.Addr(), auth, nil)
	if err != nil {
		return nil, fail(ctx, PhaseProxyHandshake, p, addr, err)
	}
	handshaker, ok := dialer.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return nil, fail(ctx, PhaseProxyHandshake, p, addr, errors.New("x/net/proxy no longer takes a connection"))
	}
	watched := &watchedConn{Conn: c, ctx: ctx, offered: auth != nil, phase: PhaseProxyHandshake}
	err = unblock(ctx, c, func() error {
		_, err := handshaker.DialWithConn(ctx, watched, "tcp", addr)
		return err
	})
	if err != nil {
		return nil, watched.failure(ctx, p, addr, err)
	}
	return c, nil
}

// watchedConn remembers the first bytes that a SOCKS5 proxy said. All of them are
// read in exact pieces, so none beyond the handshake is among them.
type watchedConn struct {
	net.Conn
	ctx     context.Context // of the dial
	offered bool            // a password
	phase   Phase           // that the dial was said to have come to
	said    [8]byte
	n       int
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.n += copy(w.said[w.n:], p[:n])
	if phase := w.reached(); phase > w.phase {
		w.phase = phase
		enter(w.ctx, phase)
	}
	return n, err
}

// reached is what the proxy's replies have opened the way to.
func (w *watchedConn) reached() Phase {
	const method, auth = 2, 2 // bytes of these replies
	switch {
	case w.n < method || w.said[0] != socks5Version:
		return PhaseProxyHandshake
	case w.said[1] == socks5MethodUser && w.offered && w.n < method+auth:
		return PhaseProxyAuth
	default:
		return PhaseProxyConnect
	}
}

// failure reads from the replies how far the handshake came.
func (w *watchedConn) failure(ctx context.Context, p *Proxy, addr string, err error) *Error {
	said := w.said[:w.n]
	if len(said) < 2 || said[0] != socks5Version {
		return fail(ctx, PhaseProxyHandshake, p, addr, err)
	}
	method, said := said[1], said[2:]
	switch method {
	case socks5NoneAccepted:
		return &Error{Phase: PhaseProxyAuth, Sent: SentNo, Proxy: p, Addr: addr, Code: socks5NoneAccepted}
	case socks5MethodUser:
		if !w.offered {
			return fail(ctx, PhaseProxyAuth, p, addr, errors.New("the proxy asks for a user and a password, and its URL has none"))
		}
		if len(said) < 2 {
			return fail(ctx, PhaseProxyAuth, p, addr, err)
		}
		if said[0] != socks5UserVersion {
			return fail(ctx, PhaseProxyHandshake, p, addr, err)
		}
		if said[1] != 0 {
			return &Error{Phase: PhaseProxyAuth, Sent: SentNo, Proxy: p, Addr: addr, Code: int(said[1])}
		}
		said = said[2:]
	case socks5MethodNone:
	default: // one that was not offered
		return fail(ctx, PhaseProxyHandshake, p, addr, err)
	}
	failure := fail(ctx, PhaseProxyConnect, p, addr, err)
	if len(said) >= 2 && said[0] == socks5Version && said[1] != 0 {
		failure.Code, failure.Err = int(said[1]), nil
	}
	return failure
}
