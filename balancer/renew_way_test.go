package balancer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// onlyTo is a network on which one address can be reached. It counts who tries to go
// elsewhere.
type onlyTo struct {
	addr string

	mu        sync.Mutex
	elsewhere []string
}

func (o *onlyTo) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr != o.addr {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.elsewhere = append(o.elsewhere, addr)
		return nil, errBroken
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

func (o *onlyTo) tried() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.elsewhere...)
}

// behindProxy is an API and a token endpoint whose names exist for a proxy alone.
type behindProxy struct {
	auth   *authServer
	fake   *providertest.Fake
	server *transporttest.Server
	proxy  *transporttest.Proxy
	net    *onlyTo
	tls    *tls.Config
	lost   func(host string) bool // hosts that the proxy does not reach; nil: none
}

func newBehindProxy(t *testing.T, scheme string) *behindProxy {
	t.Helper()
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	b := &behindProxy{fake: providertest.OpenAI(providertest.Config{Keys: []string{"access-1", "key-plain"}})}
	b.auth = &authServer{fake: b.fake}
	b.server, err = transporttest.NewServer(transporttest.ServerConfig{
		Handler: b.auth, CA: ca, Hosts: []string{"auth.example.test", "api.example.test"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.server.Close()) })
	b.proxy, err = transporttest.NewProxy(transporttest.ProxyConfig{
		Scheme: scheme, User: "u", Password: "p", CA: ca,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			if !strings.HasSuffix(host, ".example.test") || b.lost != nil && b.lost(host) {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no such host")}
			}
			return (&net.Dialer{}).DialContext(ctx, network, b.server.Addr())
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.proxy.Close()) })
	b.net = &onlyTo{addr: b.proxy.Addr()}
	b.tls = &tls.Config{RootCAs: ca.Pool()}
	return b
}

// account reaches the API by the proxy, and has no other way.
func (b *behindProxy) account(name string, change ...func(*balancer.Account)) balancer.Account {
	a := account(name, func(a *balancer.Account) {
		a.Provider = provider.OpenAI.At("fake", "https://api.example.test/v1")
		a.Proxy = b.proxy.URL()
		a.Transport = func(c *transport.Config) { c.TLS, c.ProxyTLS, c.Dialer = b.tls, b.tls, b.net }
	})
	for _, f := range change {
		f(&a)
	}
	return a
}

// states are what health holds against the account, its proxy, and its route.
func (b *behindProxy) states(t *testing.T, store health.Store, name string) (account, proxy, route health.State) {
	t.Helper()
	shown := strings.Replace(b.proxy.URL(), ":p@", ":***@", 1)
	states, err := store.Load(t.Context(), []health.Subject{
		{Kind: health.KindAccount, Name: name}, {Kind: health.KindProxy, Name: shown},
		{Kind: health.KindRoute, Name: shown + " https://api.example.test"},
	})
	require.NoError(t, err)
	return states[0], states[1], states[2]
}

// A token is renewed by the way of the account it is for, early, late or on a
// refusal; with the direct route dead, that is seen.
func TestRenewalsTakeTheWayOfTheAccount(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5h"} {
		for name, change := range map[string]func(*provider.OAuthConfig){
			"none yet": func(c *provider.OAuthConfig) { c.AccessToken = "" },
			"refused":  func(c *provider.OAuthConfig) { c.AccessToken = "access-0" },
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				b := newBehindProxy(t, scheme)
				lb := newTransport(t, balancer.Config{Accounts: []balancer.Account{b.account("main", with(login(t, change)))}})
				status, body, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status, body)
				assert.Equal(t, 1, b.auth.count())
				assert.Contains(t, b.proxy.Targets(), "auth.example.test:443")
				assert.Contains(t, b.proxy.Targets(), "api.example.test:443")
				assert.Equal(t, b.proxy.Tunnels(), b.server.Accepted(), "every connection came by the proxy")
				assert.Empty(t, b.net.tried(), "nothing was dialled but the proxy")
			})
		}
	}
}

// Without its proxy there is no renewal: nothing goes around it, and the proxy is to
// blame.
func TestARenewalThatItsProxyFailsIsTheProxysFault(t *testing.T) {
	b := newBehindProxy(t, "http")
	b.proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
	store := health.NewMemory(health.MemoryConfig{})
	for i, name := range []string{"a", "b", "c"} {
		lb := newTransport(t, balancer.Config{
			Health:   store,
			Accounts: []balancer.Account{b.account(name, with(login(t, func(c *provider.OAuthConfig) { c.AccessToken = "" })))},
		})
		ctx, trail := balancer.WithTrail(t.Context())
		_, _, err := send(ctx, t, lb)
		require.Error(t, err)
		first := trail.Attempts()[0]
		assert.Equal(t, provider.ClassProxyFailed, first.Class)
		require.NotNil(t, first.Phase)
		assert.Equal(t, transport.PhaseDialProxy, *first.Phase)
		assert.Equal(t, strings.Replace(b.proxy.URL(), ":p@", ":***@", 1), first.Proxy)
		account, proxy, route := b.states(t, store, name)
		assert.Equal(t, health.State{}, account, "%s has done nothing wrong", name)
		assert.Equal(t, i+1, proxy.Failures, "each renewal that it failed counts")
		assert.Equal(t, health.State{}, route)

		_, _, err = send(t.Context(), t, lb) // in the pause nothing is tried
		require.Error(t, err)
		account, proxy, _ = b.states(t, store, name)
		assert.Equal(t, i+1, proxy.Failures, "what is told again counts once")
		assert.False(t, account.Disabled)
		assert.Zero(t, account.AuthFailures)
	}
	assert.Zero(t, b.auth.count())
	assert.Empty(t, b.net.tried(), "nothing went around the proxy")
}

// A token endpoint that the proxy does not reach is not the proxy's fault, nor that
// of the way to the API: other accounts go on by both.
func TestATokenEndpointBehindAGoodProxyIsNotTheProxysFault(t *testing.T) {
	b := newBehindProxy(t, "http")
	b.lost = func(host string) bool { return host == "auth.example.test" }
	store := health.NewMemory(health.MemoryConfig{})
	first := b.account("first", priority(1), with(login(t, func(c *provider.OAuthConfig) { c.AccessToken = "" })))
	alone := newTransport(t, balancer.Config{Health: store, Accounts: []balancer.Account{first}})
	_, _, err := send(t.Context(), t, alone)
	require.Error(t, err)
	account, proxy, route := b.states(t, store, "first")
	assert.False(t, account.Disabled)
	assert.False(t, account.RestUntil.IsZero(), "it rests until its login is tried again")
	assert.Equal(t, health.State{}, proxy)
	assert.Equal(t, health.State{}, route)

	lb := newTransport(t, balancer.Config{Health: store, Accounts: []balancer.Account{first, b.account("plain", priority(2))}})
	for range 10 {
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
	}
	assert.Empty(t, b.net.tried())
}
