package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

// noConns waits until a Transport knows that its connections are gone.
func noConns(t *testing.T, tr *transport.Transport) {
	t.Helper()
	require.Eventually(t, func() bool { return tr.Stats().Conns == 0 }, patience, pollEvery)
}

// A connection that the endpoint closed while it was idle is replaced, and the
// caller does not notice, whatever the method.
func TestIdleConnectionsThatDiedAreReplaced(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, text("ok"))
		config, r := through(t, route, transport.Config{TLS: trust(ca), Retries: -1})
		tr := newTransport(t, config)
		for range 3 {
			body := &recorder{Reader: strings.NewReader("x")}
			_, answer := exchange(t, tr, newRequest(t, http.MethodPost, server.URL(), body))
			assert.Equal(t, "ok", answer)
			eventuallyClosed(t, body)
			server.CloseConnections()
			if r != nil {
				r.CloseConnections()
			}
			noConns(t, tr)
		}
		if route == "direct" {
			assert.Equal(t, 3, server.Accepted())
		} else {
			assert.Equal(t, 3, r.Accepted())
		}
	})
}

// spoiledDialer makes connections whose writes go wrong when the test says so, as
// on a connection whose peer has reset it.
type spoiledDialer struct {
	base    proxyDialer
	partial int // bytes that a spoiled write still sends

	mu    sync.Mutex
	conns []*spoiledConn
}

type proxyDialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

type spoiledConn struct {
	net.Conn
	spoiled atomic.Bool
	partial int
}

var errReset = errors.New("connection reset by the test")

func (c *spoiledConn) Write(p []byte) (int, error) {
	if !c.spoiled.Load() {
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:min(c.partial, len(p))])
	return n, errReset
}

func (d *spoiledDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.base.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &spoiledConn{Conn: conn, partial: d.partial}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, c)
	return c, nil
}

func (d *spoiledDialer) spoil() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.spoiled.Store(true)
	}
}

// When one idle connection turns out to be dead, its siblings are not tried one by
// one: one more try is enough.
func TestOneRetryPassesAllStaleConnections(t *testing.T) {
	const idle = 8
	arrived, release := make(chan struct{}, idle), make(chan struct{})
	server := upstreams[0].start(t, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			arrived <- struct{}{}
			<-release
		}
	}))
	dialer := &spoiledDialer{base: new(net.Dialer)}
	tr := newTransport(t, transport.Config{Dialer: dialer})
	var wg sync.WaitGroup
	for range idle {
		req := newRequest(t, http.MethodGet, server.URL()+"/wait", nil)
		wg.Go(func() {
			if resp, err := tr.RoundTrip(req); assert.NoError(t, err) {
				assert.NoError(t, resp.Body.Close())
			}
		})
	}
	for range idle {
		<-arrived
	}
	close(release)
	wg.Wait()
	require.Equal(t, idle, tr.Stats().Conns)
	dialer.spoil()
	exchange(t, tr, newRequest(t, http.MethodPost, server.URL(), &recorder{Reader: strings.NewReader("x")}))
	assert.Equal(t, 1, tr.Stats().Conns)
}

// An endpoint that takes connections and ends them at once is not asked for ever.
func TestConnectionsThatAreBornDead(t *testing.T) {
	for _, retries := range []int{-1, 1, 3} {
		var dials atomic.Int64
		tr := newTransport(t, transport.Config{Retries: retries, Dialer: &dialerFunc{
			func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				here, there := net.Pipe()
				return here, there.Close()
			},
		}})
		for range 100 {
			before := dials.Load()
			e := refused(t, tr, newRequest(t, http.MethodPost, "http://10.99.0.1/", strings.NewReader("x")))
			require.LessOrEqual(t, dials.Load()-before, int64(max(retries, 0)+1))
			assert.Equal(t, transport.PhaseSend, e.Phase)
		}
		assert.Zero(t, tr.Stats().InUse)
		noConns(t, tr)
	}
}
