package balancer

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// panicsOnce is a quota store that panics once when it is armed.
type panicsOnce struct {
	quota.Store
	armed bool
}

func (s *panicsOnce) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if s.armed {
		s.armed = false
		panic("a bug in a store")
	}
	return s.Store.Reserve(ctx, key, l, a, ttl)
}

// A store panics while an account is taken as the last resort: it may be one again.
func TestAStorePanicsAtTheLastResort(t *testing.T) {
	store := &panicsOnce{Store: quota.NewMemory(quota.MemoryConfig{})}
	lb, err := New(Config{
		Accounts: []Account{{
			Name: "a", Provider: provider.OpenAI, Secret: "key-a",
			Limits: []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Hour)}},
		}},
		RoundTripper: func(Account) (http.RoundTripper, error) {
			return providertest.InMemory(providertest.OpenAI(providertest.Config{})), nil
		},
		Quota: store,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, lb.Close()) }()
	m := lb.fleet.Load().members[0]
	require.NoError(t, lb.update(t.Context(), m.domains[0], func(s health.State) health.State {
		return health.Policy{Failures: 1}.Apply(s, health.Outcome{Kind: health.OutcomeFailure}, time.Now())
	}))
	send := func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		require.NoError(t, err)
		return lb.RoundTrip(r)
	}
	store.armed = true
	assert.Panics(t, func() { _, _ = send() })
	resp, err := send()
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}
