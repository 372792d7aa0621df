package transport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// environment sets exactly these proxy variables for the test.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	t.Setenv("REQUEST_METHOD", "")
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// chosen is what a ProxyFunc says about a URL: a proxy's address or "direct".
func chosen(t *testing.T, choose transport.ProxyFunc, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	p, err := choose(u)
	require.NoError(t, err)
	if p == nil {
		return "direct"
	}
	return p.Scheme() + " " + p.Addr()
}

func TestFromEnvironmentChoosesTheProxy(t *testing.T) {
	const plain, secure = "http://api.example.com/v1", "https://api.example.com/v1"
	cases := []struct {
		name          string
		set           map[string]string
		plain, secure string
	}{
		{"nothing set", nil, "direct", "direct"},
		{"HTTP_PROXY", map[string]string{"HTTP_PROXY": "http://h:1"}, "http h:1", "direct"},
		{"http_proxy", map[string]string{"http_proxy": "http://h:1"}, "http h:1", "direct"},
		{"HTTPS_PROXY", map[string]string{"HTTPS_PROXY": "https://s:2"}, "direct", "https s:2"},
		{"https_proxy", map[string]string{"https_proxy": "socks5://s:2"}, "direct", "socks5 s:2"},
		{"ALL_PROXY", map[string]string{"ALL_PROXY": "socks5h://a:3"}, "socks5h a:3", "socks5h a:3"},
		{"all_proxy", map[string]string{"all_proxy": "socks4://a:3"}, "socks4 a:3", "socks4 a:3"},
		{"ALL_PROXY fills in", map[string]string{"HTTPS_PROXY": "http://s:2", "ALL_PROXY": "socks4a://a:3"}, "socks4a a:3", "http s:2"},
		{"upper case wins", map[string]string{"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, "direct", "http upper:1"},
		{"NO_PROXY", map[string]string{"ALL_PROXY": "http://a:3", "NO_PROXY": "example.com"}, "direct", "direct"},
		{"no_proxy", map[string]string{"ALL_PROXY": "http://a:3", "no_proxy": "example.com"}, "direct", "direct"},
		{"NO_PROXY for a port", map[string]string{"ALL_PROXY": "http://a:3", "NO_PROXY": "example.com:443"}, "http a:3", "direct"},
		{"CGI, https", map[string]string{"HTTPS_PROXY": "http://s:2", "REQUEST_METHOD": "GET"}, "direct", "http s:2"},
		{"CGI, http_proxy", map[string]string{"http_proxy": "http://h:1", "REQUEST_METHOD": "GET"}, "http h:1", "direct"},
		{"CGI, http_proxy beside a client's HTTP_PROXY",
			map[string]string{"http_proxy": "http://h:1", "HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}, "http h:1", "direct"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			environment(t, c.set)
			choose, err := transport.FromEnvironment()
			require.NoError(t, err)
			assert.Equal(t, c.plain, chosen(t, choose, plain))
			assert.Equal(t, c.secure, chosen(t, choose, secure))
		})
	}
}

func TestFromEnvironmentIsReadOnce(t *testing.T) {
	environment(t, map[string]string{"HTTPS_PROXY": "http://before:1"})
	choose, err := transport.FromEnvironment()
	require.NoError(t, err)
	t.Setenv("HTTPS_PROXY", "http://after:1")
	assert.Equal(t, "http before:1", chosen(t, choose, "https://api.example.com"))
}

func TestFromEnvironmentReachesLoopbackDirectly(t *testing.T) {
	environment(t, map[string]string{"ALL_PROXY": "http://proxy:1"})
	choose, err := transport.FromEnvironment()
	require.NoError(t, err)
	for _, u := range []string{
		"http://localhost:8080", "http://LOCALHOST", "https://localhost.", "http://127.0.0.1", "http://127.9.8.7:1",
		"http://[::1]:80", "http://[::ffff:127.0.0.1]",
	} {
		assert.Equal(t, "direct", chosen(t, choose, u), u)
	}
	for _, u := range []string{"http://localhost.example.com", "http://10.0.0.1", "http://0.0.0.0", "http://[::2]"} {
		assert.Equal(t, "http proxy:1", chosen(t, choose, u), u)
	}
}

func TestFromEnvironmentRefusesWhatIsNoProxy(t *testing.T) {
	cases := []struct {
		name, variable string
		set            map[string]string
	}{
		{"unescaped %", "HTTPS_PROXY", map[string]string{"HTTPS_PROXY": "http://user:%zz" + marker + "@px:1"}}, // nasty case 6
		{"bad port", "HTTP_PROXY", map[string]string{"HTTP_PROXY": "http://user:" + marker + "@px:bad"}},
		{"no scheme", "HTTP_PROXY", map[string]string{"HTTP_PROXY": "user:" + marker + "@px:3128"}},
		{"unknown scheme", "ALL_PROXY", map[string]string{"ALL_PROXY": "ftp://user:" + marker + "@px"}},
		{"space", "ALL_PROXY", map[string]string{"ALL_PROXY": " "}},
		{"lower case", "https_proxy", map[string]string{"https_proxy": "http://user:" + marker + "@px:"}},
		{"lower case of ALL_PROXY", "all_proxy", map[string]string{"all_proxy": marker}},
		{"a good one beside", "HTTP_PROXY", map[string]string{"HTTP_PROXY": "http://" + marker + ":x:y", "HTTPS_PROXY": "http://px"}},
		{"a URL in NO_PROXY", "NO_PROXY", map[string]string{"NO_PROXY": "a.com,http://user:" + marker + "@b.com"}},
		{"HTTP_PROXY in a CGI program", "HTTP_PROXY", map[string]string{"HTTP_PROXY": "http://px:1", "REQUEST_METHOD": "GET"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			environment(t, c.set)
			choose, err := transport.FromEnvironment()
			require.Error(t, err)
			assert.Nil(t, choose, "nothing that could say direct")
			assert.Contains(t, err.Error(), c.variable)
			assertNoSecret(t, err)
		})
	}
	t.Run("the cause is a ProxyError", func(t *testing.T) {
		environment(t, map[string]string{"HTTPS_PROXY": "px:1"})
		_, err := transport.FromEnvironment()
		var refusal *transport.ProxyError
		require.ErrorAs(t, err, &refusal)
	})
}

func TestTransportTakesTheEnvironment(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	through := startProxy(t, transporttest.ProxyConfig{Dial: to(server.Addr()).dial})
	environment(t, map[string]string{"HTTP_PROXY": through.URL(), "NO_PROXY": "direct.example.com"})
	choose, err := transport.FromEnvironment()
	require.NoError(t, err)
	tr := newTransport(t, transport.Config{ProxyFunc: choose})

	get(t, tr, "http://api.example.com/")
	assert.Equal(t, []string{"api.example.com"}, through.Targets())
	get(t, tr, server.URL()) // loopback
	assert.Len(t, through.Targets(), 1)
}

// A choice that fails fails the request. It never means "direct".
func TestFailingProxyFuncFailsTheRequest(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	body := &recorder{Reader: strings.NewReader("x")}
	tr := newTransport(t, transport.Config{
		FallbackToDirect: true,
		ProxyFunc:        func(*url.URL) (*transport.Proxy, error) { return nil, assert.AnError },
	})
	failure := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), body))
	require.ErrorIs(t, failure, assert.AnError)
	assert.Equal(t, transport.PhaseUnknown, failure.Phase)
	assert.Equal(t, transport.SentNo, failure.Sent)
	assert.Equal(t, server.Addr(), failure.Addr)
	assert.Zero(t, server.Accepted())
	assert.NotZero(t, body.closed())
}
