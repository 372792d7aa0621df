package balancer_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A rest of a model at an account that another program has found out is known before
// the next request for that model, by whatever name it asks.
func TestRestsOfModelsAreLearntFromOthers(t *testing.T) {
	for name, models := range map[string]map[string]string{"as asked": nil, "by another name": {"gpt-5": "gpt-5-2025"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				accounts := twoAccounts()
				accounts[0].Models = models
				cfg := over(fake, accounts...)
				cfg.Health = health.NewMemory(health.MemoryConfig{})
				one, two := newTransport(t, cfg), newTransport(t, cfg)
				ask := func(lb *balancer.Transport) {
					status, _, err := send(t.Context(), t, lb)
					require.NoError(t, err)
					require.Equal(t, http.StatusOK, status)
				}
				ask(two)
				require.Equal(t, 1, fake.CountFor("key-first"))
				time.Sleep(5 * time.Minute)
				fake.ScriptFor("key-first", providertest.RateLimited(time.Minute))
				ask(one)
				require.Equal(t, 2, fake.CountFor("key-first"))
				time.Sleep(5 * time.Second)
				ask(two)
				assert.Equal(t, 2, fake.CountFor("key-first"), "its rate limit is in the store that both share")
				snapshot, err := two.Snapshot(t.Context())
				require.NoError(t, err)
				assert.Len(t, snapshot.Accounts[0].Models, 1)
				time.Sleep(time.Minute)
				ask(two)
				assert.Equal(t, 3, fake.CountFor("key-first"), "the rest is over")
			})
		})
	}
}

// asking counts the models that are asked for in a store, and how many it is asked for
// at once.
type asking struct {
	health.Store
	mu     sync.Mutex
	models map[health.Subject]int
	most   int
}

func (s *asking) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	s.mu.Lock()
	n := 0
	for _, k := range subjects {
		if k.Model != "" {
			s.models[k]++
			n++
		}
	}
	s.most = max(s.most, n)
	s.mu.Unlock()
	return s.Store.Load(ctx, subjects)
}

func (s *asking) reset() (models map[health.Subject]int, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	models, most = s.models, s.most
	s.models, s.most = make(map[health.Subject]int), 0
	return models, most
}

// The store is asked about models in turns, a bounded number at once, and no longer
// about what nobody asks for.
func TestModelsAreLookedAtInTurns(t *testing.T) {
	const accounts, models = 400, 5
	synctest.Test(t, func(t *testing.T) {
		store := &asking{Store: health.NewMemory(health.MemoryConfig{}), models: make(map[health.Subject]int)}
		cfg := over(providertest.OpenAI(providertest.Config{}))
		for i := range accounts {
			cfg.Accounts = append(cfg.Accounts, account(fmt.Sprint("a", i), priority(i%3)))
		}
		cfg.Health = store
		lb := newTransport(t, cfg)
		for i := range models {
			body := fmt.Sprintf(`{"model":"gpt-%d","messages":[]}`, i)
			resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, body))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		time.Sleep(time.Minute)
		loaded, most := store.reset()
		assert.Len(t, loaded, accounts*models+models, "each account's, and the provider's")
		assert.LessOrEqual(t, most, 1000)
		for k, n := range loaded {
			assert.GreaterOrEqual(t, n, 10, k)
		}
		time.Sleep(10 * time.Minute)
		store.reset()
		time.Sleep(time.Minute)
		loaded, _ = store.reset()
		assert.Empty(t, loaded)

		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("only", func(a *balancer.Account) { a.Provider = provider.Anthropic })}))
		time.Sleep(1500 * time.Millisecond) // a refresh may have been under way
		store.reset()
		time.Sleep(time.Minute)
		loaded, _ = store.reset()
		assert.Empty(t, loaded, "of accounts that are gone")
	})
}

// What a person disables is disabled for other programs too: of a model that an account
// names from their start on, of any other soon after it is asked for.
func TestADisabledModelIsDisabledForAllPrograms(t *testing.T) {
	for _, s := range []health.Subject{
		{Kind: health.KindAccount, Name: "first"},
		{Kind: health.KindAccountModel, Name: "first", Model: "gpt-5"},
		{Kind: health.KindProviderModel, Name: "openai https://api.openai.com", Model: "gpt-5"},
	} {
		t.Run(s.Kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				names := func(a *balancer.Account) { a.Models = map[string]string{"gpt-5": ""} }
				cfg := over(fake, account("first", priority(1), names), account("second", priority(2), names))
				cfg.Health = health.NewMemory(health.MemoryConfig{})
				one, running := newTransport(t, cfg), newTransport(t, cfg)
				_, _, err := send(t.Context(), t, running)
				require.NoError(t, err)
				require.NoError(t, one.DisableSubject(t.Context(), s, "too expensive"))
				restarted := newTransport(t, cfg)
				time.Sleep(10 * time.Second)
				for name, lb := range map[string]*balancer.Transport{"this": one, "another": running, "restarted": restarted} {
					before := fake.CountFor("key-first")
					_, _, _ = send(t.Context(), t, lb)
					assert.Equal(t, before, fake.CountFor("key-first"), name)
				}
			})
		})
	}
}
