package balancer_test

import (
	"context"
	"net"
	"net/http"
	"strings"
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

// TestWhichWayAnAccountGoes: the account's Proxy has the last word over
// Config.Transport, and nothing goes another way.
func TestWhichWayAnAccountGoes(t *testing.T) {
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{})})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	// The proxies lead every name to the server, so names need not exist.
	lead := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Addr())
	}
	var proxies [3]*transporttest.Proxy
	for i := range proxies {
		proxies[i], err = transporttest.NewProxy(transporttest.ProxyConfig{User: "u", Password: "p", Dial: lead})
		require.NoError(t, err)
		defer func() { require.NoError(t, proxies[i].Close()) }()
	}
	common, own, environment := proxies[0], proxies[1], proxies[2]
	t.Setenv("HTTP_PROXY", environment.URL())
	t.Setenv("NO_PROXY", "")
	t.Setenv("REQUEST_METHOD", "")
	shared, err := transport.ParseProxy(common.URL())
	require.NoError(t, err)

	named := provider.OpenAI.At("named", "http://fake.example/v1")
	here := provider.OpenAI.At("here", server.URL()+"/v1")
	tests := map[string]struct {
		proxy string
		at    *provider.Provider
		by    *transporttest.Proxy // nil: direct
	}{
		"as Config.Transport says":            {"", named, common},
		"its own":                             {own.URL(), named, own},
		"the environment's":                   {"env", named, environment},
		"the environment: loopback is direct": {"env", here, nil},
		"direct":                              {"direct", here, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := map[*transporttest.Proxy]int{}
			for _, p := range proxies {
				before[p] = len(p.Targets())
			}
			lb := newTransport(t, balancer.Config{
				Transport: transport.Config{Proxy: shared},
				Accounts:  []balancer.Account{account("main", func(a *balancer.Account) { a.Provider, a.Proxy = tt.at, tt.proxy })},
			})
			ctx, trail := balancer.WithTrail(t.Context())
			status, _, err := send(ctx, t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
			for _, p := range proxies {
				used := len(p.Targets()) > before[p]
				assert.Equal(t, p == tt.by, used)
			}
			want := "direct"
			if tt.by != nil {
				want = strings.Replace(tt.by.URL(), ":p@", ":***@", 1)
			}
			assert.Equal(t, want, trail.Attempts()[0].Proxy)
		})
	}
}

func TestAnAccountsOwnHealthPolicy(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.AlwaysFor("key-first", providertest.ServerError())
	accounts := twoAccounts()
	accounts[0].Health = &health.Policy{Failures: 1}
	lb := newTransport(t, over(fake, accounts...))
	for range 3 {
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, fake.CountFor("key-first"))
}

func TestAProvidersOwnFuncsAreUsed(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.ScriptFor("own-first", providertest.InvalidRequest())
	own := *provider.OpenAI.At("own", "https://own.example.com/v1")
	own.Authorize = func(r *http.Request, token string) error {
		r.Header.Set("Authorization", "Bearer own-"+strings.TrimPrefix(token, "key-"))
		return nil
	}
	own.Rewrite = func(r *http.Request, op provider.Operation) error {
		r.Header.Set("X-Model", op.Model)
		return nil
	}
	own.Classify = func(a provider.Answer) provider.Verdict {
		return provider.Verdict{Class: provider.ClassOverloaded, Scope: provider.ScopeAccount, Code: http.StatusText(a.Status)}
	}
	own.NewMeter = func(provider.Operation, http.Header) provider.Meter { return countingMeter{} }
	accounts := twoAccounts()
	for i := range accounts {
		accounts[i].Provider = &own
	}
	lb := newTransport(t, over(fake, accounts...))
	ctx, trail := balancer.WithTrail(t.Context())
	_, _, err := send(ctx, t, lb)
	require.NoError(t, err)
	assert.Equal(t, []string{"own-first", "own-second"}, keysSeen(fake))
	assert.Equal(t, "gpt-5", fake.Hits()[0].Header.Get("X-Model"))
	assert.Equal(t, provider.ClassOverloaded, trail.Attempts()[0].Class)
	assert.EqualValues(t, 42, trail.Attempts()[1].Usage.Output)
}

type countingMeter struct{}

func (countingMeter) Write(p []byte) (int, error) { return len(p), nil }
func (countingMeter) Usage() provider.Usage       { return provider.Usage{Output: 42} }

func TestConfigIsCopied(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	models := map[string]string{"gpt-5": ""}
	values := []string{"blue"}
	header := http.Header{"x-team": values}
	cfg := over(fake, account("main", func(a *balancer.Account) { a.Models, a.Header = models, header }))
	lb := newTransport(t, cfg)
	delete(models, "gpt-5")
	values[0] = "red"
	req := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
	req.Header.Set("X-Team", "the caller's")
	_, _, err := do(lb, req)
	require.NoError(t, err)
	assert.Equal(t, []string{"blue"}, fake.Hits()[0].Header.Values("X-Team"))
}
