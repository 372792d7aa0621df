package transport_test

import (
	"context"
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
