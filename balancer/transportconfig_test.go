package balancer_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// TestConfigTransportReachesAllAccounts: what it says holds for every account, and an
// account's own Transport has the last word, for itself alone.
func TestConfigTransportReachesAllAccounts(t *testing.T) {
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	clients, err := transporttest.NewCA()
	require.NoError(t, err)
	fake := providertest.OpenAI(providertest.Config{})
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake, CA: ca, ClientCA: clients, HTTP2: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{})
	require.NoError(t, err)
	defer func() { require.NoError(t, proxy.Close()) }()
	parsed, err := transport.ParseProxy(proxy.URL())
	require.NoError(t, err)
	certificate, err := clients.Certificate("client")
	require.NoError(t, err)
	both := func() *tls.Config {
		return &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	change := func(f func(*transport.Config)) func(*balancer.Account) {
		return func(a *balancer.Account) { a.Transport = f }
	}
	tests := map[string]struct {
		common  transport.Config
		change  func(*balancer.Account)
		works   bool
		tunnels int
		proto   int
	}{
		"roots and a client certificate":       {transport.Config{TLS: both()}, nil, true, 0, 2},
		"no roots":                             {transport.Config{}, nil, false, 0, 0},
		"no client certificate":                {transport.Config{TLS: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}}, nil, false, 0, 0},
		"the account's own":                    {transport.Config{}, change(func(c *transport.Config) { c.TLS = both() }), true, 0, 2},
		"the account takes it away":            {transport.Config{TLS: both()}, change(func(c *transport.Config) { c.TLS = nil }), false, 0, 0},
		"by a proxy":                           {transport.Config{TLS: both(), Proxy: parsed}, nil, true, 1, 2},
		"NoProxy":                              {transport.Config{TLS: both(), Proxy: parsed, NoProxy: "127.0.0.1"}, nil, true, 0, 2},
		"NoProxy for another":                  {transport.Config{TLS: both(), Proxy: parsed, NoProxy: "10.0.0.0/8"}, nil, true, 1, 2},
		"the account's NoProxy":                {transport.Config{TLS: both(), Proxy: parsed}, change(func(c *transport.Config) { c.NoProxy = "127.0.0.0/8" }), true, 0, 2},
		"HTTP/1.1":                             {transport.Config{TLS: both(), HTTP2: transport.HTTP2Never}, nil, true, 0, 1},
		"the account's HTTP/1.1":               {transport.Config{TLS: both()}, change(func(c *transport.Config) { c.HTTP2 = transport.HTTP2Never }), true, 0, 1},
		"the account's time-outs are its own":  {transport.Config{TLS: both()}, change(func(c *transport.Config) { c.ConnectTimeout = time.Nanosecond }), false, 0, 0},
		"the account's proxy in Transport too": {transport.Config{TLS: both()}, change(func(c *transport.Config) { c.Proxy = parsed }), true, 1, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := account("main", func(a *balancer.Account) { a.Provider = at })
			if tt.change != nil {
				tt.change(&a)
			}
			lb := newTransport(t, balancer.Config{Transport: tt.common, Accounts: []balancer.Account{a}})
			before, hits := proxy.Tunnels(), fake.Count()
			resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
			if !tt.works {
				require.Error(t, err)
				assert.Equal(t, hits, fake.Count())
				return
			}
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, tt.proto, resp.ProtoMajor)
			assert.Equal(t, tt.tunnels, proxy.Tunnels()-before)
		})
	}
}

// TestOneAccountsTransportIsNotTheOthers: connections of accounts with different TLS
// are not shared, so that one's client certificate is never another's.
func TestOneAccountsTransportIsNotTheOthers(t *testing.T) {
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	clients, err := transporttest.NewCA()
	require.NoError(t, err)
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{}), CA: ca, ClientCA: clients})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	certificate, err := clients.Certificate("client")
	require.NoError(t, err)
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	lb := newTransport(t, balancer.Config{
		Transport: transport.Config{TLS: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}},
		Accounts: []balancer.Account{
			account("with", func(a *balancer.Account) {
				a.Provider = at
				a.Transport = func(c *transport.Config) {
					c.TLS = c.TLS.Clone()
					c.TLS.Certificates = []tls.Certificate{certificate}
				}
			}),
			account("without", func(a *balancer.Account) { a.Provider = at }),
		},
	})
	for range 3 {
		_, _, err = send(balancer.WithHint(t.Context(), balancer.Hint{Account: "with"}), t, lb)
		require.NoError(t, err)
	}
	_, _, err = send(balancer.WithHint(t.Context(), balancer.Hint{Account: "without"}), t, lb)
	require.Error(t, err)
}
