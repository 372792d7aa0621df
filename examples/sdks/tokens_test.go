package sdks_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// tokens are what an answer used. The SDKs' numbers are put in our terms here, by
// the arithmetic that the vendors document, and so independently of the meter.
type tokens struct{ Input, Cached, Written, Output, Reasoning int64 }

// metered is the same of our own meter.
func metered(u provider.Usage) tokens {
	return tokens{u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning}
}

// operation is one call with an official SDK.
type operation struct {
	name string
	// call makes it, and says what the SDK says it used; calls of nothing else
	// than objects (files, batches, models) use nothing.
	call func(ctx context.Context, t *testing.T) tokens
	want tokens
}

// The numbers are all different, so that none can be taken for another.
const (
	text                                      = "Hello there, you three."
	input, cached, written, output, reasoning = 100, 40, 8, 50, 20
	content                                   = "the content of a file"
)

var (
	full  = tokens{input, cached, written, output, reasoning}
	both  = tokens{Input: input, Output: output}
	asked = tokens{Input: input}
	none  = tokens{}
)

func fakeConfig() providertest.Config {
	return providertest.Config{
		Text: text, Keys: []string{"the-account's"},
		InputTokens: input, CachedTokens: cached, CacheWriteTokens: written, OutputTokens: output, ReasoningTokens: reasoning,
	}
}

// networks are the two ways to a fake: in memory, where the SDK's own base URL is
// served, and a real server on loopback.
var networks = map[string]func(t *testing.T, p *provider.Provider, base string, fake http.Handler) balancer.Config{
	"in memory": func(_ *testing.T, p *provider.Provider, _ string, fake http.Handler) balancer.Config {
		return balancer.Config{
			Accounts:     []balancer.Account{{Name: "a", Provider: p, Secret: "the-account's"}},
			RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return providertest.InMemory(fake), nil },
		}
	},
	"real server": func(t *testing.T, p *provider.Provider, base string, fake http.Handler) balancer.Config {
		server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		at := p.At(p.Name, server.URL()+base)
		return balancer.Config{Accounts: []balancer.Account{{Name: "a", Provider: at, Secret: "the-account's"}}}
	},
}

// oddities are ways to put a stream on the wire that every official SDK reads. Not
// among them, for the SDKs for Go do not read it: line ends of \r alone.
var oddities = map[string]providertest.Step{
	"signs of life":  providertest.OK().KeepAlive(3, 2, 0),
	"CRLF":           providertest.OK().Lines(providertest.Lines{End: "\r\n"}),
	"no space":       providertest.OK().Lines(providertest.Lines{NoSpace: true}),
	"two data lines": providertest.OK().Lines(providertest.Lines{Split: true}),
	"byte by byte":   providertest.OK().ByteByByte(0),
	"slow":           providertest.Trickle(time.Millisecond).After(time.Millisecond),
	"limits":         providertest.OK().Remaining(0, 0, time.Second),
}

// runOddities makes the streamed calls of a table in all these ways, in memory.
func runOddities(t *testing.T, p *provider.Provider, fake func(providertest.Config) *providertest.Fake, table func(*http.Client) []operation, except ...string) {
	for oddity, step := range oddities {
		if slices.Contains(except, oddity) {
			continue
		}
		t.Run(oddity, func(t *testing.T) {
			f := fake(fakeConfig())
			f.Always(step)
			lb, err := balancer.New(networks["in memory"](t, p, "", f))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lb.Close()) })
			for _, op := range table(lb.Client()) {
				if strings.HasSuffix(op.name, ", streamed") {
					t.Run(op.name, op.run)
				}
			}
		})
	}
}

// runOperations makes every call of a table over each network, and holds what the
// SDK says was used against what our meter says.
func runOperations(t *testing.T, p *provider.Provider, base string, fake func(providertest.Config) *providertest.Fake, table func(*http.Client) []operation) {
	for network, config := range networks {
		t.Run(network, func(t *testing.T) {
			f := fake(fakeConfig())
			lb, err := balancer.New(config(t, p, base, f))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, lb.Close()) })
			for _, op := range table(lb.Client()) {
				t.Run(op.name, op.run)
			}
			for _, hit := range f.Hits() {
				assert.Equal(t, "the-account's", hit.Key)
				assert.NotEmpty(t, hit.Operation, "%s %s is unknown to the fake", hit.Method, hit.Path)
			}
		})
	}
}

// run makes the call, which must succeed at once, and compares.
func (op operation) run(t *testing.T) {
	ctx, trail := balancer.WithTrail(t.Context())
	said := op.call(ctx, t)
	assert.Equal(t, op.want, said, "what the SDK says was used")
	var sum tokens
	require.NotEmpty(t, trail.Attempts())
	for _, a := range trail.Attempts() {
		assert.Equal(t, provider.ClassOK, a.Class, a.String())
		sum = sum.plus(metered(a.Usage))
	}
	assert.Equal(t, said, sum, "what our meter says was used: %s", trail)
}

func (a tokens) plus(b tokens) tokens {
	return tokens{a.Input + b.Input, a.Cached + b.Cached, a.Written + b.Written, a.Output + b.Output, a.Reasoning + b.Reasoning}
}
