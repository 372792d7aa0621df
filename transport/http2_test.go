package transport_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

const socksWarning = "SOCKS proxy does not support HTTP/2, falling back to HTTP/1.1"

func TestHTTP2Modes(t *testing.T) {
	ca := newCA(t)
	speaksH2 := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true, Handler: text("ok")})
	onlyH1 := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text("ok")})
	plain := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	for _, mode := range []transport.HTTP2Mode{transport.HTTP2Auto, transport.HTTP2Always, transport.HTTP2Never} {
		for _, route := range routes {
			t.Run(mode.String()+"/"+route, func(t *testing.T) {
				var logs logBuffer
				config, _ := through(t, route, transport.Config{TLS: trust(ca), Logger: logs.logger()})
				config.HTTP2 = mode
				tr := newTransport(t, config)
				socks := strings.HasPrefix(route, "socks")
				want := 1
				if mode == transport.HTTP2Always || mode == transport.HTTP2Auto && !socks {
					want = 2
				}
				var offered []bool
				for _, server := range []*transporttest.Server{speaksH2, onlyH1, plain} {
					req := newRequest(t, http.MethodGet, server.URL(), nil)
					req = req.WithContext(transport.WithTrace(req.Context(), &transport.Trace{
						GotAgent: func(a transport.AgentInfo) { offered = append(offered, a.HTTP2) },
					}))
					resp, _ := exchange(t, tr, req)
					if server == speaksH2 {
						assert.Equal(t, want, resp.ProtoMajor)
					} else {
						assert.Equal(t, 1, resp.ProtoMajor)
					}
				}
				assert.Equal(t, []bool{want == 2, want == 2, false}, offered)
				warned := strings.Count(logs.String(), socksWarning)
				assert.Equal(t, map[bool]int{true: 2, false: 0}[socks && mode == transport.HTTP2Auto], warned, "once for each https route")
			})
		}
	}
	assert.Equal(t, "auto", transport.HTTP2Mode(77).String())
	_, err := transport.New(transport.Config{HTTP2: 77})
	require.ErrorContains(t, err, "Config.HTTP2")
}

// The warning comes once for a route, however many requests and agents there are,
// and not for a choice that somebody made.
func TestSOCKSWarningOncePerRoute(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true, Handler: text("ok")})
	p := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5", User: "user", Password: marker})
	shared := newPool(t)
	var logs logBuffer
	tr := newTransport(t, transport.Config{Proxy: parse(t, p.URL()), TLS: trust(ca), Pool: shared, Logger: logs.logger()})
	for range 3 {
		get(t, tr, server.URL())
		shared.Evict(server.URL())
	}
	line := logs.line(t, socksWarning)
	assert.Contains(t, line, "level=WARN")
	assert.Contains(t, line, "proxyUrl=socks5://user:***@"+p.Addr())
	assert.Contains(t, line, "http2Enabled=false")
	assertHidden(t, "log", logs.String())
}

// HTTP/2 is never offered to a proxy, whatever the proxy would like (nasty case 2).
func TestHTTP2IsNeverOfferedToTheProxy(t *testing.T) {
	ca := newCA(t)
	proxy := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, HTTP2: true})
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, text("ok"))
			tr := newTransport(t, transport.Config{Proxy: parse(t, proxy.URL()), ProxyTLS: trust(ca), TLS: trust(ca), HTTP2: transport.HTTP2Always})
			resp, body := get(t, tr, server.URL())
			assert.Equal(t, "ok", body)
			assert.Equal(t, up.h2, resp.ProtoMajor == 2)
		})
	}
}

// An HTTP/2 connection that swallows everything is found out by pings, within ping
// and time-out, and the next request has a new one (nasty case 13).
func TestBlackholedHTTP2Connection(t *testing.T) {
	ca := newCA(t)
	synctest.Test(t, func(t *testing.T) {
		server, stop := serveMemory(t, upstreams[2], ca, text("ok"))
		defer stop()
		var holes []*blackhole
		tr, err := transport.New(transport.Config{TLS: trust(ca), Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := server.DialContext(ctx, network, addr)
			hole := &blackhole{Conn: conn}
			holes = append(holes, hole)
			return hole, err
		}}})
		require.NoError(t, err)
		ask := func() (string, error) {
			return callBody(tr, unbounded(t, http.MethodPost, server.url, strings.NewReader("x")))
		}
		body, err := ask()
		require.NoError(t, err)
		assert.Equal(t, "ok", body)

		holes[0].open.Store(true)
		began := time.Now()
		_, err = ask()
		e := typed(t, err)
		assert.Equal(t, transport.PhaseWait, e.Phase)
		assert.Equal(t, transport.SentUnknown, e.Sent)
		assert.LessOrEqual(t, time.Since(began), 31*time.Second)
		assert.Zero(t, tr.Stats().Conns)

		body, err = ask()
		require.NoError(t, err)
		assert.Equal(t, "ok", body)
		assert.Len(t, holes, 2)
		require.NoError(t, tr.Close())
	})
}

// blackhole is a connection that, once open, loses what is written.
type blackhole struct {
	net.Conn
	open atomic.Bool
}

func (b *blackhole) Write(p []byte) (int, error) {
	if b.open.Load() {
		return len(p), nil
	}
	return b.Conn.Write(p)
}

// A connection that the endpoint is about to close (GOAWAY) serves its streams to
// their end; new requests go elsewhere.
func TestConnectionsThatGoAway(t *testing.T) {
	ca := newCA(t)
	first := make(chan *h2Stream, 1)
	peer := serveFrames(t, ca, func(n int64, s *h2Stream) {
		if n == 1 {
			s.begin()
			s.goAway(s.id)
			first <- s
			return
		}
		s.answer("second")
	})
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	streaming, err := tr.RoundTrip(newRequest(t, http.MethodGet, peer.url(), nil))
	require.NoError(t, err)
	// The GOAWAY was written after the head: a ping there and back shows it was read.
	s := <-first
	require.NoError(t, s.conn.ping(bounded(t)))

	_, body := get(t, tr, peer.url())
	assert.Equal(t, "second", body)
	assert.Equal(t, int64(2), peer.conns.Load())
	s.end("first")
	_, err = readAndClose(streaming)
	require.NoError(t, err)
	assert.Zero(t, tr.Stats().InUse)
	require.Eventually(t, func() bool { return tr.Stats().Conns == 1 }, patience, pollEvery, "the old connection stays open")
}

// The first request on a new connection goes ahead alone; the others follow when the
// peer has said how many streams it takes. It refuses none, and none waits for ever:
// net/http would let requests that go beyond the limit wait for each other.
func TestHTTP2HerdKeepsToTheStreamLimit(t *testing.T) {
	const herd, limit = 12, 3
	ca := newCA(t)
	var (
		mu      sync.Mutex
		open    = map[*h2Conn]int{}
		held    []*h2Stream
		refused int
		full    = make(chan struct{})
	)
	peer := serveFrames(t, ca, func(_ int64, s *h2Stream) {
		mu.Lock()
		defer mu.Unlock()
		if open[s.conn]++; open[s.conn] > limit {
			refused++
			s.reset(http2.ErrCodeRefusedStream)
			return
		}
		if held = append(held, s); len(held) == herd {
			close(full)
		}
	}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: limit})
	tr := newTransport(t, transport.Config{TLS: trust(ca), Retries: -1})
	results := make(chan error, herd)
	for range herd {
		go func() { results <- callOnce(bounded(t), tr, peer.url()) }()
	}
	select {
	case <-full:
	case <-bounded(t).Done():
		require.Fail(t, "some requests wait for ever")
	}
	mu.Lock()
	for _, s := range held {
		s.answer("ok")
	}
	mu.Unlock()
	for range herd {
		require.NoError(t, <-results)
	}
	assert.Zero(t, refused)
	assert.Equal(t, int64(herd/limit), peer.conns.Load())
}
