package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A proxy that wants a client certificate says so by an alert: it is the proxy's, and
// is not gone around.
func TestProxyThatWantsAClientCertificate(t *testing.T) {
	ca, clients := newCA(t), newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, nil)
			proxy := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, ClientCA: clients})
			tr := newTransport(t, transport.Config{
				Proxy: parse(t, proxy.URL()), ProxyTLS: trust(ca), TLS: trust(ca), FallbackToDirect: true, Retries: -1,
			})
			e := refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
			if !up.secure && e.Code == 0 { // the alert was lost to a reset
				assert.NotEqual(t, transport.SentNo, e.Sent)
				return
			}
			const certificateRequired = 116
			assert.Equal(t, certificateRequired, e.Code, "%v", e)
			assert.Equal(t, transport.PhaseProxyTLS, e.Phase)
			assert.Contains(t, e.Error(), "the proxy asks for a client certificate")
			assert.Contains(t, e.Error(), "ProxyTLS.Certificates")
			assert.Zero(t, server.Accepted())
		})
	}
}

// A proxy may repeat in its answer what it was sent. No error says it again.
func TestProxyThatRepeatsCredentials(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\n%s\r\n\r\n", "HTTP/1.1 %s\r\n\r\n", "%s\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
	} {
		addr := listen(t, func(conn *net.TCPConn) {
			b := make([]byte, 4096)
			n, _ := conn.Read(b)
			_, credentials, _ := strings.Cut(string(b[:n]), "Proxy-Authorization: ")
			credentials, _, _ = strings.Cut(credentials, "\r\n")
			_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "%s", credentials))
		})
		var log logBuffer
		tr := newTransport(t, transport.Config{Proxy: parse(t, "http://user:"+marker+"@"+addr), Logger: log.logger(), Retries: -1})
		for _, target := range []string{"http://a.test/", "https://a.test/"} {
			_, err := tr.RoundTrip(newRequest(t, http.MethodGet, target, nil))
			require.Error(t, err)
			assertNoSecret(t, typed(t, err))
		}
		assertHidden(t, "log", log.String())
	}
}

// Nor does an error say again what an endpoint repeats of a request.
func TestEndpointThatRepeatsCredentials(t *testing.T) {
	addr := listen(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nAuthorization Bearer "+marker+"\r\n\r\n")
	})
	req := newRequest(t, http.MethodGet, "http://"+addr, nil)
	req.Header.Set("Authorization", "Bearer "+marker)
	e := refused(t, newTransport(t, transport.Config{Retries: -1}), req)
	assert.Equal(t, transport.PhaseWait, e.Phase)
	assert.Equal(t, transport.SentYes, e.Sent)
	assertNoSecret(t, e)
	assert.ErrorContains(t, e, "the answer is not HTTP")
}

// What an answer to CONNECT says about a body does not count.
func TestConnectIgnoresFraming(t *testing.T) {
	for _, field := range []string{"Transfer-Encoding: gzip", "Content-Length: x", "Content-Length: 1\r\nContent-Length: 2"} {
		d, requests := answering(t, "HTTP/1.1 200 OK\r\n"+field+"\r\n\r\nearly")
		conn, err := d.DialContext(bounded(t), "tcp", "a.test:443")
		require.NoError(t, err, field)
		<-requests
		early := make([]byte, len("early"))
		_, err = io.ReadFull(conn, early)
		require.NoError(t, err)
		assert.Equal(t, "early", string(early))
		require.NoError(t, conn.Close())
	}
}

// Credentials are sent once, however they are spelt, and never as a datagram.
func TestConnectHeaderIsCanonical(t *testing.T) {
	d, requests := answering(t, "HTTP/1.1 200 OK\r\n\r\n")
	d.ConnectHeader = func(context.Context, *transport.Proxy, string) (http.Header, error) {
		return http.Header{"proxy-authorization": {"Bearer mine"}, "x-zone": {"eu"}}, nil
	}
	conn, err := d.DialContext(bounded(t), "tcp", "a.test:443")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	req := <-requests
	assert.Len(t, req.Header.Values("Proxy-Authorization"), 1)
	assert.Equal(t, "eu", req.Header.Get("X-Zone"))

	_, err = d.DialContext(bounded(t), "udp", "a.test:53")
	require.ErrorIs(t, err, net.UnknownNetworkError("udp"))

	down := errors.New("no token today")
	d.ConnectHeader = func(context.Context, *transport.Proxy, string) (http.Header, error) { return nil, down }
	_, err = d.DialContext(bounded(t), "tcp", "a.test:443")
	require.ErrorIs(t, err, down)
	assert.False(t, transport.DefaultFallback(typed(t, err)), "nothing goes direct because of it")
}

// What can never be sent is refused before anybody is blamed for it.
func TestRequestsThatNoProxyCouldSend(t *testing.T) {
	proxy := startProxy(t, transporttest.ProxyConfig{})
	tr := newTransport(t, transport.Config{Proxy: parse(t, proxy.URL())})
	for _, target := range []string{"http://a.test:99999/", "http://a.test:0/", "http://" + strings.Repeat("a.", 130) + "test/"} {
		_, err := tr.RoundTrip(newRequest(t, http.MethodGet, target, nil))
		require.Error(t, err)
		var e *transport.Error
		assert.NotErrorAs(t, err, &e)
	}
	assert.Zero(t, proxy.Accepted())

	_, err := transport.New(transport.Config{Proxy: &transport.Proxy{}})
	require.ErrorContains(t, err, "ParseProxy")
	empty := newTransport(t, transport.Config{ProxyFunc: func(*url.URL) (*transport.Proxy, error) { return &transport.Proxy{}, nil }})
	require.ErrorContains(t, refused(t, empty, newRequest(t, http.MethodGet, "http://a.test", nil)), "ParseProxy")
}

// The memory of a failure is the proxy's: other proxies to the same origin are used,
// and an error of the choice is not gone around.
func TestFallbackRemembersTheProxy(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hi")})
	good := startProxy(t, transporttest.ProxyConfig{})
	alive, dead := parse(t, good.URL()), parse(t, "http://"+closedPort(t))
	broken := errors.New("the PAC file is gone")
	agents := 0
	tr := newTransport(t, transport.Config{FallbackToDirect: true, ProxyFunc: func(u *url.URL) (*transport.Proxy, error) {
		switch u.Path {
		case "/dead":
			return dead, nil
		case "/broken":
			return nil, broken
		}
		return alive, nil
	}})
	ctx := transport.WithTrace(bounded(t), &transport.Trace{GotAgent: func(i transport.AgentInfo) {
		if i.Proxy == dead {
			agents++
		}
	}})
	ask := func(target string) { exchange(t, tr, newRequest(t, http.MethodGet, target, nil).WithContext(ctx)) }
	ask(server.URL() + "/dead")
	assert.Zero(t, good.Accepted())
	ask(server.URL() + "/good")
	assert.Equal(t, 1, good.Accepted())
	require.ErrorIs(t, refused(t, tr, newRequest(t, http.MethodGet, server.URL()+"/broken", nil)), broken)
	ask(newServer(t, transporttest.ServerConfig{}).URL() + "/dead")
	assert.Equal(t, 1, agents, "a dead proxy costs its time once, not once for each origin")
}
