package transport_test

import (
	"context"
	"errors"
	"io"
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

// A POST without GetBody on a connection that turns out to be dead is sent again if
// no byte of it was written, and not if one was (nasty case 7).
func TestUnsentPOSTIsSentAgain(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams[:2] {
		for _, partial := range []int{0, 1} {
			t.Run(up.name+map[int]string{0: " nothing written", 1: " something written"}[partial], func(t *testing.T) {
				var hits atomic.Int64
				server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					hits.Add(1)
					_, _ = w.Write(body)
				}))
				dialer := &spoiledDialer{base: new(net.Dialer), partial: partial}
				tr := newTransport(t, transport.Config{TLS: trust(ca), Dialer: dialer})
				get(t, tr, server.URL())
				dialer.spoil()

				body := &recorder{Reader: strings.NewReader("a question")}
				req := newRequest(t, http.MethodPost, server.URL(), body)
				if partial == 0 || up.secure {
					// Part of a TLS record is nothing that the endpoint could read.
					_, answer := exchange(t, tr, req)
					assert.Equal(t, "a question", answer)
					assert.Equal(t, int64(2), hits.Load())
				} else {
					e := refused(t, tr, req)
					assert.Equal(t, transport.SentYes, e.Sent)
					assert.Equal(t, transport.PhaseSend, e.Phase)
					require.ErrorIs(t, e, errReset)
					assert.Equal(t, int64(1), hits.Load())
				}
				eventuallyClosed(t, body)
				assert.Zero(t, tr.Stats().InUse)
			})
		}
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

// A request that the endpoint has read is never sent again, however it ends, on a
// new connection or on one that served before (nasty case 8).
func TestReadRequestIsHitOnce(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		if !up.secure && (route == "http" || route == "https") {
			return // the proxy answers 502 in the endpoint's place
		}
		for _, reused := range []bool{false, true} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				var hits atomic.Int64
				server := up.start(t, ca, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/die" {
						_, _ = io.Copy(io.Discard, r.Body)
						hits.Add(1)
						panic(http.ErrAbortHandler)
					}
				}))
				config, _ := through(t, route, transport.Config{TLS: trust(ca), Retries: 3, FallbackToDirect: true})
				tr := newTransport(t, config)
				if reused {
					get(t, tr, server.URL())
				}
				var body io.Reader
				if method == http.MethodPost {
					body = strings.NewReader("a question") // has GetBody
				}
				req := newRequest(t, method, server.URL()+"/die", body)
				req.Header.Set("Idempotency-Key", "1") // net/http by itself would take it for leave
				e := refused(t, tr, req)
				assert.NotEqual(t, transport.SentNo, e.Sent)
				assert.Equal(t, transport.PhaseWait, e.Phase, "%v", e)
				assert.Equal(t, int64(1), hits.Load())
				assert.Zero(t, tr.Stats().InUse)
			}
		}
	})
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
