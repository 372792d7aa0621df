package sdks_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

func TestMain(m *testing.M) {
	// A module that genai requires starts this one when the program starts.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

var models = sdks.Models{OpenAI: "gpt-5", Anthropic: "claude-sonnet-5", Gemini: "gemini-3.6-flash"}

const user, password = "team", "pw-2-the-proxy"

// upstreams are the fake providers behind real servers.
type upstreams struct {
	servers map[*provider.Provider]*transporttest.Server
	ca      *transporttest.CA
}

func newUpstreams(t *testing.T, secure bool) *upstreams {
	t.Helper()
	u := &upstreams{servers: make(map[*provider.Provider]*transporttest.Server)}
	cfg := transporttest.ServerConfig{}
	if secure {
		ca, err := transporttest.NewCA()
		require.NoError(t, err)
		u.ca, cfg.CA, cfg.HTTP2 = ca, ca, true
	}
	for p, fake := range map[*provider.Provider]*providertest.Fake{
		provider.OpenAI:    providertest.OpenAI(providertest.Config{Keys: []string{"the-account's"}}),
		provider.Anthropic: providertest.Anthropic(providertest.Config{Keys: []string{"the-account's"}}),
		provider.Gemini:    providertest.Gemini(providertest.Config{Keys: []string{"the-account's"}}),
	} {
		cfg.Handler = fake
		server, err := transporttest.NewServer(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		u.servers[p] = server
	}
	return u
}

// balancer has one account at each provider, all behind one proxy.
func (u *upstreams) balancer(t *testing.T, proxy string) *balancer.Transport {
	t.Helper()
	cfg := balancer.Config{}
	if u.ca != nil {
		cfg.Transport = transport.Config{TLS: &tls.Config{RootCAs: u.ca.Pool()}}
	}
	for p, server := range u.servers {
		base := server.URL()
		if p == provider.OpenAI {
			base += "/v1"
		}
		cfg.Accounts = append(cfg.Accounts, balancer.Account{
			Name: p.Name, Provider: p.At(p.Name, base), Secret: "the-account's", Proxy: proxy,
		})
	}
	lb, err := balancer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	return lb
}

// TestRealProxies sends the calls of all official SDKs through each real proxy, with
// a password, over TLS and over plain HTTP.
func TestRealProxies(t *testing.T) {
	starts := map[string]func(testing.TB, realproxy.Config) *realproxy.Proxy{
		"squid": realproxy.Squid, "dante": realproxy.Dante,
		"tinyproxy": realproxy.Tinyproxy, "microsocks": realproxy.Microsocks,
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			proxy := start(t, realproxy.Config{User: user, Password: password})
			for _, secure := range []bool{true, false} {
				scheme := map[bool]string{true: "tls", false: "plain"}[secure]
				t.Run(scheme, func(t *testing.T) { callsThrough(t, newUpstreams(t, secure), proxy) })
			}
			t.Run("wrong password", func(t *testing.T) { wrongPassword(t, name, proxy) })
		})
	}
}

func callsThrough(t *testing.T, u *upstreams, proxy *realproxy.Proxy) {
	lb := u.balancer(t, proxy.URL())
	want, err := transport.ParseProxy(proxy.URL())
	require.NoError(t, err)
	for range 3 { // connections are used again
		for _, call := range sdks.All(lb.Client(), "the caller's", models) {
			ctx, trail := balancer.WithTrail(t.Context())
			result, err := call.Do(ctx)
			require.NoError(t, err, "%s %s, streamed %v", call.SDK, call.Name, call.Streamed)
			assert.NotEmpty(t, result.Text)
			attempts := trail.Attempts()
			require.Len(t, attempts, 1, trail)
			assert.Equal(t, want.String(), attempts[0].Proxy)
			assert.Equal(t, result.Output, attempts[0].Usage.Output)
		}
	}
	// What the proxy logged is the proof that it was used; squid logs a tunnel when
	// it closes.
	lb.CloseIdleConnections()
	for _, server := range u.servers {
		_, port, err := net.SplitHostPort(server.Addr())
		require.NoError(t, err)
		proxy.WaitLog(t, port)
	}
}

// wrongPassword must be told as what it is, and must not be gone around.
func wrongPassword(t *testing.T, name string, proxy *realproxy.Proxy) {
	u := newUpstreams(t, true)
	scheme := map[string]string{"squid": "http", "tinyproxy": "http", "dante": "socks5", "microsocks": "socks5"}[name]
	lb := u.balancer(t, scheme+"://"+user+":not-the-one@"+proxy.Addr())
	for _, call := range sdks.Gemini(lb.Client(), "the caller's", models.Gemini) {
		_, err := call.Do(t.Context())
		var failure *transport.Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, transport.PhaseProxyAuth, failure.Phase)
		assert.Equal(t, transport.SentNo, failure.Sent)
		assert.NotContains(t, err.Error(), "not-the-one")
		assert.ErrorContains(t, err, "check the user name and password")
	}
	for _, server := range u.servers {
		assert.Zero(t, server.Accepted(), "nothing reaches the provider")
	}
}
