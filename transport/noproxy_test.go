package transport_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestNoProxyFromTheEnvironment(t *testing.T) {
	cases := []struct {
		list            string
		direct, proxied []string
	}{
		{"example.com", []string{"https://example.com", "https://api.example.com:8443", "https://EXAMPLE.com.", "https://a.b.example.com."},
			[]string{"https://example.org", "https://notexample.com"}},
		{".example.com", []string{"https://api.example.com"}, []string{"https://example.com"}},
		{"*.example.com", []string{"https://api.example.com"}, []string{"https://example.com"}},
		{"example.com.", []string{"https://example.com", "https://api.example.com."}, []string{"https://example.org"}},
		{"example.com.:8443", []string{"https://example.com:8443"}, []string{"https://example.com"}},
		{"example.com:8443", []string{"https://example.com:8443"}, []string{"https://example.com", "http://example.com:80"}},
		{"example.com:443", []string{"https://example.com"}, []string{"http://example.com"}},
		{"10.0.0.0/8,192.168.1.7", []string{"http://10.1.2.3", "http://192.168.1.7:99"}, []string{"http://11.0.0.1", "http://192.168.1.8", "http://ten.example.com"}},
		{"fd00::/8,[2001:db8::1]:80", []string{"http://[fd00::1]", "http://[2001:db8::1]"}, []string{"http://[2001:db8::2]", "http://[2001:db8::1]:81"}},
		{" a.com , ,b.com ", []string{"http://a.com", "http://b.com"}, []string{"http://c.com"}},
		{"A.COM", []string{"http://a.com", "http://A.com"}, []string{"http://b.com"}},
		{"*", []string{"http://a.com", "http://10.0.0.1", "http://[2001:db8::1]:9"}, nil},
		{"a.com,*", []string{"http://b.com"}, nil},
		{"", nil, []string{"http://a.com"}},
	}
	for _, c := range cases {
		t.Run(c.list, func(t *testing.T) {
			environment(t, map[string]string{"ALL_PROXY": "http://proxy:1", "NO_PROXY": c.list})
			choose, err := transport.FromEnvironment()
			require.NoError(t, err)
			for _, u := range c.direct {
				assert.Equal(t, "direct", chosen(t, choose, u), u)
			}
			for _, u := range c.proxied {
				assert.Equal(t, "http proxy:1", chosen(t, choose, u), u)
			}
		})
	}
}

// NoProxy of a Config is on top of an explicit proxy. What httpproxy takes for
// named without being asked, loopback, is direct only if it really is named
// (nasty case 21).
func TestConfigNoProxy(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	_, port, found := strings.Cut(server.Addr(), ":")
	require.True(t, found)
	cases := []struct {
		list string
		url  string
		want string
	}{
		{"", server.URL(), "proxied"},
		{"foo.com", server.URL(), "proxied"},
		{"foo.com", "http://localhost:" + port, "proxied"},
		{"localhost", server.URL(), "proxied"},
		{"localhost", "http://localhost:" + port, "direct"},
		{"LOCALHOST", "http://localhost.:" + port, "direct"},
		{"localhost:1", "http://localhost:" + port, "proxied"},
		{"localhost:" + port, "http://LocalHost:" + port, "direct"},
		{"127.0.0.1", server.URL(), "direct"},
		{"127.0.0.1:" + port, server.URL(), "direct"},
		{"127.0.0.1:1", server.URL(), "proxied"},
		{"127.0.0.0/8", server.URL(), "direct"},
		{"10.0.0.0/8", server.URL(), "proxied"},
		{"::1", server.URL(), "proxied"},
		{"*", server.URL(), "direct"},
		{"foo.com, *", server.URL(), "direct"},
		{"example.com", "http://api.example.com", "direct"},
		{"example.com.", "http://api.example.com", "direct"},
		{"example.com", "http://other.test", "proxied"},
	}
	for _, c := range cases {
		t.Run(c.list+" "+c.want, func(t *testing.T) {
			through := startProxy(t, transporttest.ProxyConfig{Dial: to(server.Addr()).dial})
			proxyAddr := through.Addr()
			tr := newTransport(t, transport.Config{
				Proxy: parse(t, through.URL()), NoProxy: c.list,
				Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
					if addr != proxyAddr {
						addr = server.Addr() // names are reached without DNS
					}
					return to(addr).DialContext(ctx, network, addr)
				}},
			})
			get(t, tr, c.url)
			got := "direct"
			if len(through.Targets()) > 0 {
				got = "proxied"
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// A URL made by hand may have its scheme in upper case. The list must not let it
// pass for something no proxy is for.
func TestNoProxyWithUpperCaseSchemeFailsClosed(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	through := startProxy(t, transporttest.ProxyConfig{Dial: to(server.Addr()).dial})
	tr := newTransport(t, transport.Config{Proxy: parse(t, through.URL()), NoProxy: "foo.com", Dialer: to(through.Addr())})
	req := newRequest(t, "GET", "http://api.example.com/", nil)
	req.URL.Scheme = "HTTP"
	resp, err := tr.RoundTrip(req)
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	assert.Equal(t, []string{"api.example.com"}, through.Targets(), "went around the proxy: %v", err)

	environment(t, map[string]string{"ALL_PROXY": "http://proxy:1", "NO_PROXY": "foo.com"})
	choose, err := transport.FromEnvironment()
	require.NoError(t, err)
	p, err := choose(&url.URL{Scheme: "HTTPS", Host: "api.example.com"})
	require.NoError(t, err)
	assert.NotNil(t, p)
}

func TestConfigNoProxyRefusesURLs(t *testing.T) {
	for _, config := range []transport.Config{
		{Proxy: parse(t, "http://proxy"), NoProxy: "http://user:" + marker + "@foo.com"},
		{NoProxy: "https://foo.com"},
	} {
		_, err := transport.New(config)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "NoProxy")
		assertNoSecret(t, err)
	}
}
