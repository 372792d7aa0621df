package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// memoryServer is an HTTP server without a network, so that it can live in a
// synctest bubble. It is its own dialer.
type memoryServer struct {
	url    string
	conns  chan net.Conn
	closed chan struct{}
}

// serveMemory starts a server in memory; stop it before the bubble ends.
func serveMemory(t *testing.T, up upstream, ca *transporttest.CA, handler http.Handler) (s *memoryServer, stop func()) {
	t.Helper()
	s = &memoryServer{url: "http://memory.test", conns: make(chan net.Conn), closed: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!up.h2)
	protocols.SetHTTP2(up.h2)
	server := &http.Server{Handler: handler, Protocols: protocols, ErrorLog: log.New(io.Discard, "", 0)}
	serve := func() { _ = server.Serve(s) }
	if up.secure {
		s.url = "https://memory.test"
		certificate, err := ca.Certificate("memory.test")
		require.NoError(t, err)
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		serve = func() { _ = server.ServeTLS(s, "", "") }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve()
	}()
	return s, func() {
		_ = server.Close()
		<-done
	}
}

// DialContext connects to the server.
func (s *memoryServer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := memoryPipe()
	select {
	case s.conns <- there:
		return here, nil
	case <-s.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *memoryServer) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *memoryServer) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func (s *memoryServer) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

// memoryPipe is a connection with a buffer for each direction, as sockets have:
// net.Pipe has none, and HTTP/2 peers that both write first would wait for ever.
func memoryPipe() (here, there net.Conn) {
	a, b := newMemoryBuffer(), newMemoryBuffer()
	return &memoryConn{in: a, out: b}, &memoryConn{in: b, out: a}
}

type memoryConn struct{ in, out *memoryBuffer }

type memoryBuffer struct {
	mu       sync.Mutex
	changed  *sync.Cond
	data     bytes.Buffer
	room     int // beyond which writers wait; 0: none do
	closed   bool
	deadline time.Time // for reading
	timer    *time.Timer
}

func newMemoryBuffer() *memoryBuffer {
	b := &memoryBuffer{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (c *memoryConn) Read(p []byte) (int, error) {
	b := c.in
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.data.Len() == 0 {
		switch {
		case b.closed:
			return 0, io.EOF
		case !b.deadline.IsZero() && !time.Now().Before(b.deadline):
			return 0, os.ErrDeadlineExceeded
		}
		b.changed.Wait()
	}
	defer b.changed.Broadcast()
	return b.data.Read(p)
}

func (c *memoryConn) Write(p []byte) (int, error) {
	b := c.out
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && b.room > 0 && b.data.Len() >= b.room {
		b.changed.Wait()
	}
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	defer b.changed.Broadcast()
	return b.data.Write(p)
}

func (c *memoryConn) Close() error {
	c.in.end()
	c.out.end()
	return nil
}

// end lets nothing more in; what is there can be read.
func (b *memoryBuffer) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	b.changed.Broadcast()
}

func (b *memoryBuffer) waitEnd() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed {
		b.changed.Wait()
	}
}

func (c *memoryConn) SetReadDeadline(d time.Time) error {
	b := c.in
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.deadline = d
	if left := time.Until(d); !d.IsZero() && left > 0 {
		b.timer = time.AfterFunc(left, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.changed.Broadcast()
		})
	}
	b.changed.Broadcast()
	return nil
}

func (c *memoryConn) SetDeadline(d time.Time) error  { return c.SetReadDeadline(d) }
func (*memoryConn) SetWriteDeadline(time.Time) error { return nil } // writes do not block
func (*memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4zero} }
func (*memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4zero} }
