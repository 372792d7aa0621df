package transport_test

import (
	"context"
	"encoding/base64"
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

// upstream is a kind of endpoint.
type upstream struct {
	name   string
	secure bool
	h2     bool
}

var upstreams = []upstream{{name: "http"}, {name: "https h1", secure: true}, {name: "https h2", secure: true, h2: true}}

// start starts an endpoint of the kind.
func (u upstream) start(t testing.TB, ca *transporttest.CA, handler http.Handler) *transporttest.Server {
	t.Helper()
	config := transporttest.ServerConfig{Handler: handler, HTTP2: u.h2}
	if u.secure {
		config.CA = ca
	}
	return newServer(t, config)
}

// routes are all ways to an endpoint: directly and through each scheme.
var routes = append([]string{"direct"}, schemes...)

// through sets a Config up for a route; the rig is nil for the direct one. HTTP/2
// is allowed over SOCKS.
func through(t *testing.T, route string, config transport.Config) (transport.Config, *rig) {
	t.Helper()
	config.HTTP2 = transport.HTTP2Always
	if route == "direct" {
		return config, nil
	}
	credentials := transporttest.ProxyConfig{User: "user", Password: marker}
	if strings.HasPrefix(route, "socks4") {
		credentials.Password = ""
	}
	r := newRig(t, route, credentials)
	config.Proxy, config.ProxyTLS = r.dialer.Proxy, r.dialer.TLS
	return config, &r
}

// everyRoute runs a test for each route to each kind of endpoint.
func everyRoute(t *testing.T, run func(t *testing.T, route string, up upstream)) {
	for _, route := range routes {
		for _, up := range upstreams {
			t.Run(route+"/"+up.name, func(t *testing.T) { run(t, route, up) })
		}
	}
}

func TestRoundTrip(t *testing.T) {
	ca := newCA(t)
	type seen struct {
		method, host, uri, body string
		length                  int64
		header                  http.Header
	}
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		requests := make(chan seen, 2)
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			requests <- seen{r.Method, r.Host, r.RequestURI, string(body), r.ContentLength, r.Header.Clone()}
			w.Header().Set("X-Answer", "yes")
			w.WriteHeader(http.StatusUnauthorized) // the endpoint's own, and so an answer
			_, _ = io.WriteString(w, "an answer")
		}))
		config, r := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)

		for range 2 {
			req := newRequest(t, http.MethodPost, server.URL()+"/v1/chat?x=%20y", strings.NewReader("a question"))
			req.Header.Set("Authorization", "Bearer key")
			req.Header.Set("Proxy-Authorization", "Basic of-the-caller")
			before := req.Header.Clone()
			resp, body := exchange(t, tr, req)

			assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			assert.Equal(t, "an answer", body)
			assert.Equal(t, "yes", resp.Header.Get("X-Answer"))
			assert.Same(t, req, resp.Request)
			assert.Equal(t, before, req.Header, "the caller's request was changed")
			assert.Equal(t, up.h2, resp.ProtoMajor == 2, resp.Proto)
			if assert.Equal(t, up.secure, resp.TLS != nil) && up.secure {
				assert.True(t, resp.TLS.HandshakeComplete)
				assert.NotEmpty(t, resp.TLS.PeerCertificates)
			}
			got := <-requests
			assert.Equal(t, http.MethodPost, got.method)
			assert.Equal(t, "/v1/chat?x=%20y", got.uri)
			assert.Equal(t, server.Addr(), got.host)
			assert.Equal(t, "a question", got.body)
			assert.Equal(t, int64(len("a question")), got.length)
			assert.Equal(t, "Bearer key", got.header.Get("Authorization"))
			assert.NotContains(t, got.header, "Proxy-Authorization")
			assert.NotContains(t, got.header, "Accept-Encoding", "nobody asked for compression")
		}
		if r == nil {
			assert.Equal(t, 1, server.Accepted(), "one connection serves both")
			return
		}
		assert.Equal(t, 1, r.Accepted(), "one connection to the proxy serves both")
		assert.Zero(t, r.AuthFailures())
		for _, target := range r.Targets() {
			assert.Equal(t, server.Addr(), target)
		}
		// Absolute-form requests are told to the proxy one by one, tunnels once.
		absolute := !up.secure && strings.HasPrefix(route, "http")
		assert.Equal(t, absolute, r.Tunnels() == 0)
		assert.Len(t, r.Targets(), map[bool]int{true: 2, false: 1}[absolute])
	})
}

// What the proxy is shown is the proxy's credentials, and the endpoint never sees
// any for a proxy, however the caller wrote them.
func TestProxyAuthorizationStaysWithTheProxy(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		got := make(chan http.Header, 1)
		server := up.start(t, ca, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Clone() }))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		for name, header := range map[string]http.Header{
			"canonical":         {"Proxy-Authorization": {"Basic " + marker}},
			"lower case":        {"proxy-authorization": {"Basic " + marker}},
			"an empty one more": {"Proxy-Authorization": {"", "Basic " + marker}},
		} {
			req := newRequest(t, http.MethodGet, server.URL(), nil)
			req.Header = header
			before := header.Clone()
			exchange(t, tr, req)
			assert.Equal(t, before, req.Header)
			for field := range <-got {
				assert.False(t, strings.EqualFold(field, "Proxy-Authorization"), name)
			}
		}
	})
}

// An http endpoint behind an HTTP proxy: the whole URL, the credentials, and no
// tunnel.
func TestAbsoluteFormOnTheWire(t *testing.T) {
	requests := make(chan *http.Request, 1)
	proxyAddr := serveRaw(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		_, _ = io.WriteString(w, "from the proxy's cache")
	}))
	tr := newTransport(t, transport.Config{Proxy: parse(t, "http://us%20er:p%40"+marker+"@"+proxyAddr)})
	_, body := get(t, tr, "http://api.example.com/v1?q=1")
	assert.Equal(t, "from the proxy's cache", body)
	req := <-requests
	assert.Equal(t, "http://api.example.com/v1?q=1", req.RequestURI)
	assert.Equal(t, "api.example.com", req.Host)
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("us er:p@"+marker)), req.Header.Get("Proxy-Authorization"))
}

// serveRaw is an HTTP server whose handler sees requests as they came.
func serveRaw(t *testing.T, handler http.Handler) string {
	t.Helper()
	return newServer(t, transporttest.ServerConfig{Handler: handler}).Addr()
}

func TestClientFollowsNoRedirects(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: http.RedirectHandler("http://elsewhere.test/", http.StatusTemporaryRedirect)})
	client := newTransport(t, transport.Config{}).Client()
	resp, err := client.Get(server.URL())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusTemporaryRedirect, resp.StatusCode)
	assert.Zero(t, client.Timeout)
}

// What could never be sent is refused before anything is dialled, and its body is
// closed all the same.
func TestRequestsThatCannotBeSent(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	proxyAddr := closedPort(t)
	good := func() *http.Request { return newRequest(t, http.MethodPost, server.URL(), nil) }
	cases := map[string]func(*http.Request){
		"no URL":                   func(r *http.Request) { r.URL = nil },
		"no header":                func(r *http.Request) { r.Header = nil },
		"scheme":                   func(r *http.Request) { r.URL.Scheme = "ftp" },
		"no scheme":                func(r *http.Request) { r.URL.Scheme = "" },
		"no host":                  func(r *http.Request) { r.URL.Host = "" },
		"port alone":               func(r *http.Request) { r.URL.Host = ":80" },
		"line break in a header":   func(r *http.Request) { r.Header["X"] = []string{"a\r\nEvil: " + marker} },
		"header that is no token":  func(r *http.Request) { r.Header["a b"] = []string{marker} },
		"trailer that is no token": func(r *http.Request) { r.Trailer = http.Header{"a b": nil} },
		"method that is no token":  func(r *http.Request) { r.Method = "GET /" },
	}
	for _, config := range []transport.Config{{}, {Proxy: parse(t, "http://"+proxyAddr), FallbackToDirect: true}} {
		for name, spoil := range cases {
			t.Run(name, func(t *testing.T) {
				tr := newTransport(t, config)
				req := good()
				body := &recorder{Reader: strings.NewReader("x")}
				req.Body = body
				spoil(req)
				resp, err := tr.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				require.Error(t, err)
				assert.NotZero(t, body.closed(), "the body stays open")
				assert.Zero(t, server.Accepted())
				assert.Zero(t, tr.Stats().Conns)
				assertNoSecret(t, err)
			})
		}
	}
}

// A name in upper case, with a dot or in another script is the same origin as
// net/http would reach.
func TestOriginsAreNormalised(t *testing.T) {
	var asked []string
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	tr := newTransport(t, transport.Config{Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
		asked = append(asked, addr)
		return to(server.Addr()).DialContext(ctx, network, addr)
	}}})
	for _, u := range []string{"http://API.example.com", "http://api.example.com:80", "http://bücher.example/", "http://xn--bcher-kva.example"} {
		parsed, err := url.Parse(u)
		require.NoError(t, err)
		req := newRequest(t, http.MethodGet, "http://x", nil)
		req.URL, req.Host = parsed, ""
		exchange(t, tr, req)
	}
	assert.Equal(t, []string{"api.example.com:80", "xn--bcher-kva.example:80"}, asked)
}

// A proxy that we have no credentials for may be shown the caller's; nobody else.
func TestCallersProxyAuthorizationReachesTheProxy(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Proxy-Authorization"))
	})})
	proxy := startProxy(t, transporttest.ProxyConfig{User: "user", Password: "word"})
	tr := newTransport(t, transport.Config{Proxy: parse(t, "http://"+proxy.Addr())})
	req := newRequest(t, http.MethodGet, server.URL(), nil)
	req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("user:word")))
	resp, body := exchange(t, tr, req)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Empty(t, body)
}
