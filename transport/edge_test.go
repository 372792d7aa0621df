package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A caller that has gone before its request was sent costs the endpoint nothing: no
// request, no dial, and not the connection that was idle.
func TestCanceledBeforeSending(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		var hits atomic.Int64
		server := up.start(t, ca, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
		config, _ := through(t, route, transport.Config{TLS: trust(ca), FallbackToDirect: true, Retries: 3})
		tr := newTransport(t, config)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ask := func() {
			body := &recorder{Reader: strings.NewReader("x")}
			e := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), body).WithContext(ctx))
			require.ErrorIs(t, e, context.Canceled)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, server.Addr(), e.Addr)
			eventuallyClosed(t, body)
			body.mu.Lock()
			defer body.mu.Unlock()
			assert.Zero(t, body.reads)
		}
		ask()
		assert.Zero(t, server.Accepted())
		get(t, tr, server.URL())
		for range 10 {
			ask()
		}
		assert.Equal(t, int64(1), hits.Load())
		assert.Equal(t, 1, tr.Stats().Conns)
		assert.Zero(t, tr.Stats().InUse)
	})
}

// mortal is a connection whose writes fail after so many.
type mortal struct {
	net.Conn
	left atomic.Int64
}

func (m *mortal) Write(p []byte) (int, error) {
	if m.left.Add(-1) < 0 {
		return 0, errReset
	}
	return m.Conn.Write(p)
}

// A connection that dies when TLS is through and HTTP/2 begins is a failure of that
// phase, and of the route it took.
func TestConnectionThatDiesRightAfterTLS(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true})
	for route, writes := range map[string]int64{"direct": 2, "http": 3, "socks4a": 3} { // CONNECT or its like, hello, finished
		t.Run(route, func(t *testing.T) {
			config, _ := through(t, route, transport.Config{TLS: trust(ca), Retries: -1})
			config.Dialer = &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				m := &mortal{Conn: conn}
				m.left.Store(writes)
				return m, err
			}}
			e := refused(t, newTransport(t, config), newRequest(t, http.MethodGet, server.URL(), nil))
			require.ErrorIs(t, e, errReset)
			assert.Equal(t, transport.PhaseTargetTLS, e.Phase, "%v", e)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Same(t, config.Proxy, e.Proxy)
			assert.Equal(t, server.Addr(), e.Addr)
		})
	}
}

// resetting is a connection whose end looks like a reset.
type resetting struct{ net.Conn }

func (r resetting) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		err = errReset
	}
	return n, err
}

// What ends a connection after a 101 is told as it is, though the context of the
// request that opened it has long ended.
func TestUpgradedConnectionThatBreaks(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.ReadFull(conn, make([]byte, 1))
	})})
	ownership(t, func(t *testing.T, config transport.Config) {
		config.Dialer = &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return resetting{conn}, err
		}}
		ctx, cancel := context.WithCancel(t.Context())
		req := newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		resp, err := newTransport(t, config).RoundTrip(req)
		require.NoError(t, err)
		cancel()
		_, err = io.WriteString(resp.Body.(io.Writer), "x")
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, errReset)
		assert.Equal(t, transport.PhaseBody, typed(t, err).Phase)
		require.NoError(t, resp.Body.Close())
	})
}

// When the endpoint has said its last after a 101, the caller may still write, until
// it closes the body.
func TestUpgradedConnectionIsHalfClosed(t *testing.T) {
	heard := make(chan string, 2)
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nlast words")
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		said, _ := io.ReadAll(conn)
		heard <- string(said)
	})})
	ownership(t, func(t *testing.T, config transport.Config) {
		tr := newTransport(t, config)
		req := newRequest(t, http.MethodGet, server.URL(), nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "echo")
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		words, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "last words", string(words))
		_, err = io.WriteString(resp.Body.(io.Writer), "an answer")
		require.NoError(t, err)
		assert.Equal(t, 1, tr.Stats().InUse)
		assert.Equal(t, 1, tr.Stats().Conns)
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, tr.Stats().InUse)
		select {
		case said := <-heard:
			assert.Equal(t, "an answer", said)
		case <-bounded(t).Done():
			require.Fail(t, "the connection stays open")
		}
	})
}
