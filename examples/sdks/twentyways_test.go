package sdks_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

const (
	// maxAttempts is the default of balancer.Config.MaxAttempts.
	maxAttempts = 3
	// short is the first account's patience with its proxy and its provider.
	short = 300 * time.Millisecond
	// rateLimit is longer than anybody waits in a test.
	rateLimit = 30 * time.Second
)

// TestSDKsSeeOneGoodAnswer: however the first account fails, the official SDKs with
// their default settings, their own retries among them, see one good answer, and
// the providers see few requests for it.
func TestSDKsSeeOneGoodAnswer(t *testing.T) {
	t.Parallel()
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	require.Len(t, ways, 20)
	for _, w := range ways {
		for i, call := range sdks.All(nil, "", models) {
			if w.streamed && !call.Streamed {
				continue
			}
			name := w.name + "/" + call.SDK + " " + call.Name
			if call.Streamed {
				name += " streamed"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, ca, call.Provider, w)
				f.oneGoodAnswer(t, w, sdks.All(f.balancer.Client(), "the caller's", models)[i])
			})
		}
	}
}

// fleet is two accounts: the first fails, the second, which is used when the first
// cannot be, is good.
type fleet struct {
	failing
	good     *providertest.Fake
	balancer *balancer.Transport
}

func newFleet(t *testing.T, ca *transporttest.CA, provide string, w way) *fleet {
	t.Helper()
	start := func(name string) (*providertest.Fake, *transporttest.Server, balancer.Account) {
		fake, at := newFake(provide, name)
		server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake, CA: ca, HTTP2: true})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		return fake, server, balancer.Account{Name: name, Provider: at(server.URL()), Secret: name}
	}
	f := &fleet{}
	fake, server, first := start("first")
	good, _, second := start("second")
	f.good = good
	f.failing = failing{account: &first, fake: fake, server: server, ca: ca, heads: fake.Count, move: func(url string) {
		_, at := newFake(provide, "first")
		first.Provider = at(url)
	}}
	w.spoil(t, &f.failing)
	second.Priority = 1
	second.Transport = func(c *transport.Config) { c.ConnectTimeout, c.HeaderTimeout = 0, 0 } // a busy machine is no failure
	var err error
	f.balancer, err = balancer.New(balancer.Config{
		Accounts: []balancer.Account{first, second},
		Transport: transport.Config{
			TLS: &tls.Config{RootCAs: ca.Pool()}, ConnectTimeout: short, HeaderTimeout: short,
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.balancer.Close()) })
	return f
}

// newFake is a fake whose answers carry its name, and what leads to it.
func newFake(provide, name string) (*providertest.Fake, func(url string) *provider.Provider) {
	config := providertest.Config{Name: name, Text: "This is what the " + name + " says.", Keys: []string{name}, InputTokens: input, OutputTokens: output}
	fake, of, path := providertest.OpenAI, provider.OpenAI, "/v1"
	switch provide {
	case "anthropic":
		fake, of, path = providertest.Anthropic, provider.Anthropic, ""
	case "gemini":
		fake, of, path = providertest.Gemini, provider.Gemini, ""
	}
	return fake(config), func(url string) *provider.Provider { return of.At(name, url+path) }
}

// oneGoodAnswer makes the call, and counts what it took.
func (f *fleet) oneGoodAnswer(t *testing.T, w way, call sdks.Call) {
	ctx, trail := balancer.WithTrail(t.Context())
	result, err := call.Do(ctx)
	require.NoError(t, err, trail)
	assert.Equal(t, sdks.Result{Text: "This is what the second says.", Input: input, Output: output}, result)
	assert.Equal(t, 1, f.good.Count(), "one good answer is enough")
	assert.LessOrEqual(t, f.heads()+f.good.Count(), maxAttempts+2)

	attempts := trail.Attempts()
	require.GreaterOrEqual(t, len(attempts), 2, "the first account was never tried")
	assert.LessOrEqual(t, len(attempts), maxAttempts+2, trail)
	first, last := attempts[0], attempts[len(attempts)-1]
	assert.Equal(t, "first", first.Account)
	assert.False(t, first.Answered, "the caller must not see it: %s", trail)
	assert.NotEqual(t, provider.ClassOK, first.Class)
	if w.phase == transport.PhaseUnknown {
		assert.NotZero(t, first.Status)
	} else if assert.NotNil(t, first.Phase, trail) {
		assert.Equal(t, w.phase, *first.Phase, trail)
	}
	assert.Equal(t, "second", last.Account)
	assert.True(t, last.Answered)
	assert.Equal(t, provider.ClassOK, last.Class)
}
