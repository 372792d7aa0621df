package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// whoami answers with the name in the client's certificate.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}
})

// A client certificate that is missing shows on TLS 1.3 only after the request was
// sent: it is not sent again, and not taken for an endpoint that is down (nasty
// case 16).
func TestMissingClientCertificate(t *testing.T) {
	ca, clients := newCA(t), newCA(t)
	for _, up := range upstreams[1:] {
		t.Run(up.name, func(t *testing.T) {
			var hits atomic.Int64
			server := newServer(t, transporttest.ServerConfig{CA: ca, ClientCA: clients, HTTP2: up.h2, Handler: http.HandlerFunc(
				func(http.ResponseWriter, *http.Request) { hits.Add(1) })})
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			e := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), nil))
			assert.NotEqual(t, transport.PhaseDialTarget, e.Phase)
			assert.Zero(t, hits.Load())
			assert.LessOrEqual(t, server.Accepted(), 2, "once more at most, if the end came before the request was sent")
			if up.h2 {
				const certificateRequired = 116
				assert.Equal(t, certificateRequired, e.Code, "%v", e)
				assert.Equal(t, 1, server.Accepted())
				assert.Contains(t, e.Error(), "asks for a client certificate")
				assert.Contains(t, e.Error(), "TLS.Certificates")
			}
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

// What decides whether two Transports on one pool share connections.
func TestSharing(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	one, two := &tls.Config{}, &tls.Config{}
	dialer := &dialerFunc{slowly}
	p := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5", User: "anna", Password: "word"})
	sameProxy := func() *transport.Proxy { return parse(t, p.URL()) }
	cases := []struct {
		name   string
		a, b   transport.Config
		agents int
	}{
		{"equal", transport.Config{}, transport.Config{}, 1},
		{"other retries, fallback and body time-out", transport.Config{Retries: 3}, transport.Config{FallbackToDirect: true, BodyIdleTimeout: 1e9}, 1},
		{"default written out", transport.Config{ConnectTimeout: 30e9}, transport.Config{HeaderTimeout: 600e9}, 1},
		{"the same TLS", transport.Config{TLS: one}, transport.Config{TLS: one}, 1},
		{"another TLS", transport.Config{TLS: one}, transport.Config{TLS: two}, 2},
		{"another ProxyTLS", transport.Config{ProxyTLS: one}, transport.Config{ProxyTLS: two}, 2},
		{"TLS is not ProxyTLS", transport.Config{TLS: one}, transport.Config{ProxyTLS: one}, 2},
		{"the same dialer", transport.Config{Dialer: dialer}, transport.Config{Dialer: dialer}, 1},
		{"another dialer", transport.Config{Dialer: dialer}, transport.Config{Dialer: &dialerFunc{slowly}}, 2},
		{"dialers that cannot be compared", transport.Config{Dialer: oddDialer{slowly}}, transport.Config{Dialer: oddDialer{slowly}}, 2},
		{"another connect time-out", transport.Config{}, transport.Config{ConnectTimeout: 1e9}, 2},
		{"another header time-out", transport.Config{}, transport.Config{HeaderTimeout: -1}, 2},
		{"the same proxy", transport.Config{Proxy: sameProxy()}, transport.Config{Proxy: sameProxy()}, 1},
		{"proxy and direct", transport.Config{Proxy: sameProxy()}, transport.Config{}, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			shared := newPool(t)
			c.a.Pool, c.b.Pool = shared, shared
			get(t, newTransport(t, c.a), server.URL())
			get(t, newTransport(t, c.b), server.URL())
			assert.Equal(t, c.agents, shared.Stats().Agents)
			assert.Equal(t, c.agents, shared.Stats().Conns)
		})
	}
}

// oddDialer is a dialer that equals nothing, not even itself.
type oddDialer struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (d oddDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, network, addr)
}

// Two users of one proxy do not share connections, so that none acts as the other.
func TestProxyUsersDoNotShare(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	seen := make(chan string, 4)
	proxy := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.RemoteAddr + " " + r.Header.Get("Proxy-Authorization")
	})})
	shared := newPool(t)
	for _, user := range []string{"anna:1", "bert:1", "anna:2", "anna:1"} {
		get(t, newTransport(t, transport.Config{Pool: shared, Proxy: parse(t, "http://"+user+"@"+proxy.Addr())}), server.URL())
	}
	assert.Equal(t, 3, shared.Stats().Agents)
	first, second, third, fourth := <-seen, <-seen, <-seen, <-seen
	assert.Equal(t, first, fourth, "the same user on the same connection")
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, first, third)
}

// A ServerName that a user set is for the endpoint, not for the proxy.
func TestServerNames(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Hosts: []string{"fronted.test"}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.ServerName)
	})})
	proxy := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca})
	tr := newTransport(t, transport.Config{
		Proxy: parse(t, proxy.URL()), ProxyTLS: trust(ca), TLS: &tls.Config{RootCAs: ca.Pool(), ServerName: "fronted.test"},
	})
	_, body := get(t, tr, server.URL())
	assert.Equal(t, "fronted.test", body)
}

// An agent whose TLS failed is retired: the next request starts afresh. Connections
// that work are not disturbed.
func TestAgentsAreRetiredAfterTLSFailures(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	good := newServer(t, transporttest.ServerConfig{CA: ca, Handler: holding, Hosts: []string{"api.test"}})
	bad := newServer(t, transporttest.ServerConfig{CA: other, Handler: text("bad"), Hosts: []string{"api.test"}})
	var turn atomic.Pointer[transporttest.Server]
	turn.Store(good)
	tr := newTransport(t, transport.Config{TLS: trust(ca), Dialer: &dialerFunc{func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, turn.Load().Addr())
	}}})
	const url = "https://api.test"
	streaming := half(t, tr, newRequest(t, http.MethodGet, url, nil))
	turn.Store(bad)
	e := refused(t, tr, newRequest(t, http.MethodGet, url, nil))
	assert.Equal(t, transport.PhaseTargetTLS, e.Phase)
	assert.Equal(t, transport.SentNo, e.Sent)
	assert.Contains(t, e.Error(), "the certificate of api.test:443 was not accepted")
	stats := tr.Stats()
	assert.Equal(t, 0, stats.Agents)
	assert.Equal(t, 1, stats.Draining, "the stream goes on")
	assert.Equal(t, uint64(1), stats.Evictions)

	turn.Store(good)
	again := half(t, tr, newRequest(t, http.MethodGet, url, nil))
	assert.Equal(t, 1, tr.Stats().Agents)
	require.NoError(t, again.Body.Close())
	require.NoError(t, streaming.Body.Close())
	assert.Zero(t, tr.Stats().Draining)
	require.NoError(t, good.Wait(bounded(t), nothingOpen))
}
