package transport_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// realLimit is the time limit in cells where one has to run out. All the rest has to
// be quicker, on a busy machine too: what the program does before it is mute, and the
// direct way.
const realLimit = 10 * brief

// realRig plays cells with a real program. Such a program cannot be told to
// misbehave; the world around it can: endpoints that it cannot reach, or that cut
// what they send, and its own sudden end. The direct way leads to a sound endpoint
// all the same, as where the proxy is in another network.
type realRig struct {
	program realProgram
	speaks  proxyDialect
	ca      *transporttest.CA // of endpoints

	proxy, strange *realproxy.Proxy // the second one has another password; nil: the program knows none
	hole, noHole   string           // an address that swallows connections, or why there is none
}

// newRealRig starts the program for those cells in which it survives.
func newRealRig(t *testing.T, program realProgram) *realRig {
	t.Helper()
	r := &realRig{program: program, speaks: program.speaks, ca: newCA(t)}
	r.speaks.polite = true
	r.proxy = r.start(t, marker)
	if !program.open {
		r.strange = r.start(t, "another")
	}
	r.hole, r.noHole = blackHole(t)
	return r
}

func (r *realRig) start(t *testing.T, password string) *realproxy.Proxy {
	t.Helper()
	if r.program.open {
		return r.program.start(t, realproxy.Config{})
	}
	return r.program.start(t, realproxy.Config{User: "user", Password: password})
}

func (r *realRig) dialect(matrixCell) proxyDialect { return r.speaks }

func (r *realRig) cannot(c matrixCell) string {
	switch {
	case c.fault == faultPassword && r.program.open:
		return r.program.name + " asks nobody for a password"
	case c.fault == faultTLS && !c.target.secure:
		return r.program.name + " cannot be made to end its own TLS half way"
	case c.fault == faultMute || c.fault == faultHandshake: // while it waits for the endpoint
		return r.noHole
	}
	return ""
}

func (r *realRig) play(t *testing.T, c matrixCell, run func(*testing.T, *matrixScene)) {
	endpoint := &matrixEndpoint{lasting: c.fault == faultBody}
	server := c.target.start(t, r.ca, endpoint)
	proxy, known := r.cast(t, c, server)
	user := "user:" + marker + "@"
	if r.program.open {
		user = ""
	}
	dials := &realDials{proxy: proxy.Addr(), endpoint: past(endpoint, known, server.Addr())}
	s := &matrixScene{
		ctx: bounded(t), proxy: c.scheme + "://" + user + proxy.Addr(), proxyTLS: r.program.proxyTLS,
		endpoint: endpoint, url: strings.Replace(server.URL(), server.Addr(), known, 1), tls: trust(r.ca),
		dialer: dials, idle: func() error { return r.idle(t, c, dials, server) },
	}
	switch c.fault {
	case faultMute:
		s.connect, s.header = realLimit, realLimit
	case faultBody:
		s.cut = server.CloseConnections
	case faultHandshake:
		dials.stop = proxy.Stop
		dials.since, dials.writes = c.asks()
		s.phase = func(p transport.Phase) { dials.phase.Store(uint32(p)) }
	}
	run(t, s)
}

// cast chooses the program for a cell, and the address by which it is asked for the
// endpoint.
func (r *realRig) cast(t *testing.T, c matrixCell, server *transporttest.Server) (proxy *realproxy.Proxy, known string) {
	t.Helper()
	switch c.fault {
	case faultRefused:
		gone := r.start(t, marker)
		gone.Stop()
		keepClosed(t, gone.Addr())
		return gone, server.Addr()
	case faultPassword:
		return r.strange, server.Addr()
	case faultMute:
		return r.proxy, r.hole
	case faultHandshake:
		return r.start(t, marker), r.hole
	case fault502:
		return r.proxy, closedPort(t)
	case faultTLS:
		return r.proxy, listen(t, func(conn *net.TCPConn) { _, _ = conn.Read(make([]byte, 1)) })
	default:
		return r.proxy, server.Addr()
	}
}

// asks is when a proxy has been asked for the endpoint: after so many writes since
// the beginning of a phase.
func (c matrixCell) asks() (since transport.Phase, writes int64) {
	switch {
	case c.whole():
		return transport.PhaseSend, 1
	case c.socks5():
		return transport.PhaseProxyHandshake, 3 // the methods, the password, the endpoint
	default:
		return transport.PhaseProxyConnect, 1
	}
}

// idle waits until nothing is open. What a program keeps open to the endpoint of a
// whole request is its own affair.
func (r *realRig) idle(t *testing.T, c matrixCell, dials *realDials, server *transporttest.Server) error {
	require.Eventually(t, func() bool { return dials.open.Load() == 0 }, patience, pollEvery, "connections of ours are open")
	if c.whole() {
		return nil
	}
	return server.Wait(bounded(t), nothingOpen)
}

// realDials reaches a proxy and counts the open connections to it.
type realDials struct {
	proxy    string
	endpoint *dialerFunc // reaches all but the proxy
	open     atomic.Int64

	// The proxy ends when it was asked for the endpoint, if stop is not nil.
	stop   func()
	since  transport.Phase
	writes int64
	phase  atomic.Uint32
}

// DialContext connects.
func (d *realDials) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := d.endpoint.dial
	if addr == d.proxy {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.open.Add(1)
	return &realConn{Conn: conn, dials: d, toProxy: addr == d.proxy}, nil
}

type realConn struct {
	net.Conn
	dials   *realDials
	toProxy bool
	writes  atomic.Int64 // since the phase that counts
	closed  atomic.Bool
}

func (c *realConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	d := c.dials
	if c.toProxy && d.stop != nil && d.phase.Load() >= uint32(d.since) && c.writes.Add(1) == d.writes {
		d.stop()
	}
	return n, err
}

func (c *realConn) Close() error {
	if !c.closed.Swap(true) {
		defer c.dials.open.Add(-1)
	}
	return c.Conn.Close()
}
