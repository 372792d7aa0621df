package transport_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

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

// A connection that the endpoint is about to close (GOAWAY) serves its streams to
// their end; new requests go elsewhere.
func TestConnectionsThatGoAway(t *testing.T) {
	ca := newCA(t)
	first := make(chan *transporttest.H2Stream, 1)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
		if s.Number() == 1 {
			s.Begin(http.StatusOK, nil)
			s.GoAway(s.ID(), http2.ErrCodeNo)
			first <- s
			return
		}
		s.Answer(http.StatusOK, nil, "second")
	}})
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	streaming, err := tr.RoundTrip(newRequest(t, http.MethodGet, peer.URL(), nil))
	require.NoError(t, err)
	// The GOAWAY was written after the head: a ping there and back shows it was read.
	s := <-first
	require.NoError(t, s.Ping(bounded(t)))

	_, body := get(t, tr, peer.URL())
	assert.Equal(t, "second", body)
	assert.Equal(t, 2, peer.Accepted())
	s.Data("first")
	s.End()
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
		open    = map[int]int{} // streams of each connection
		held    []*transporttest.H2Stream
		refused int
		full    = make(chan struct{})
	)
	peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Settings: []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: limit}}, Serve: func(s *transporttest.H2Stream) {
		mu.Lock()
		defer mu.Unlock()
		if open[s.Conn()]++; open[s.Conn()] > limit {
			refused++
			s.Reset(http2.ErrCodeRefusedStream)
			return
		}
		if held = append(held, s); len(held) == herd {
			close(full)
		}
	}})
	tr := newTransport(t, transport.Config{TLS: trust(ca), Retries: -1})
	results := make(chan error, herd)
	for range herd {
		go func() { results <- callOnce(bounded(t), tr, peer.URL()) }()
	}
	select {
	case <-full:
	case <-bounded(t).Done():
		require.Fail(t, "some requests wait for ever")
	}
	mu.Lock()
	for _, s := range held {
		s.Answer(http.StatusOK, nil, "ok")
	}
	mu.Unlock()
	for range herd {
		require.NoError(t, <-results)
	}
	assert.Zero(t, refused)
	assert.Equal(t, herd/limit, peer.Accepted())
}
