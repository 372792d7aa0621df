package balancer_test

import (
	"context"
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
	"github.com/aitransport/aitransport/quota"
)

func TestModels(t *testing.T) {
	models := map[string]string{
		"gpt-5":      "deployment-5",
		"gpt-4*":     "four",
		"gpt-4o*":    "omni-*",
		"same":       "",
		"*-embedded": "e/*",
	}
	tests := map[string]string{ // asked for → sent; "": not served
		"gpt-5":        "deployment-5",
		"gpt-4":        "four",
		"gpt-4-turbo":  "four",
		"gpt-4o-mini":  "omni--mini",
		"same":         "same",
		"big-embedded": "e/big",
		"gpt-5-mini":   "",
		"-embedded":    "e/",
	}
	for asked, sent := range tests {
		t.Run(asked, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			lb := newTransport(t, over(fake, account("main", func(a *balancer.Account) { a.Models = models })))
			body := `{ "temperature" : 1e0, "model":"` + asked + `","messages":[]}`
			_, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, body))
			if sent == "" {
				require.ErrorIs(t, err, balancer.ErrNoAccount)
				assert.ErrorContains(t, err, "no account serves the model")
				assert.Zero(t, fake.Count())
				return
			}
			require.NoError(t, err)
			hit := fake.Hits()[0]
			assert.Equal(t, `{ "temperature" : 1e0, "model":"`+sent+`","messages":[]}`, string(hit.Body), "nothing but the model changes")
			assert.EqualValues(t, len(hit.Body), hit.ContentLength)
		})
	}
	t.Run("where the path names the model", func(t *testing.T) {
		fake := providertest.Gemini(providertest.Config{})
		lb := newTransport(t, over(fake, balancer.Account{
			Name: "main", Provider: provider.Gemini.At("relay", "https://relay.example.com/google"), Secret: "key-main",
			Models: map[string]string{"gemini-*": "tuned-*"},
		}))
		_, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost,
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent", `{"contents":[]}`))
		require.NoError(t, err)
		assert.Equal(t, "/google/v1beta/models/tuned-pro:generateContent", fake.Hits()[0].Path)
	})
	t.Run("a request without a model is served", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, account("main", func(a *balancer.Account) { a.Models = models })))
		status, _, err := do(lb, newRequest(t.Context(), t, http.MethodGet, "https://api.openai.com/v1/models", ""))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
	})
}

func TestGroupsAccountsAndDisabled(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake,
		account("plain"),
		account("grouped", func(a *balancer.Account) { a.Groups, a.Priority = []string{"gold", "eu"}, 5 }),
		account("off", func(a *balancer.Account) { a.Disabled, a.Priority = true, -1 }),
	))
	tests := map[string]struct {
		hint balancer.Hint
		want string
	}{
		"none":             {balancer.Hint{}, "plain"},
		"group":            {balancer.Hint{Group: "eu"}, "grouped"},
		"account":          {balancer.Hint{Account: "grouped"}, "grouped"},
		"unknown group":    {balancer.Hint{Group: "silver"}, ""},
		"disabled account": {balancer.Hint{Account: "off"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := send(balancer.WithHint(t.Context(), tt.hint), t, lb)
			if tt.want == "" {
				require.ErrorIs(t, err, balancer.ErrNoAccount)
				return
			}
			require.NoError(t, err)
			keys := keysSeen(fake)
			assert.Equal(t, tt.want, keys[len(keys)-1])
		})
	}
}

func TestARateLimitedAccountRestsUntilItsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-first", providertest.RateLimited(10*time.Second))
		lb := newTransport(t, over(fake, twoAccounts()...))
		for range 3 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"first", "second", "second", "second"}, keysSeen(fake), "a resting account is not asked")

		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Equal(t, health.PhaseClosed.String(), s.Accounts[0].State, "its other models are not at rest")

		time.Sleep(12 * time.Second) // virtual
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		keys := keysSeen(fake)
		assert.Equal(t, "first", keys[len(keys)-1])
	})
}

func TestFailuresInARowRestAnAccountAndOneProbeBringsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.ServerError())
		cfg := over(fake, twoAccounts()...)
		cfg.Policy = health.Policy{Failures: 3, Rest: time.Minute, Jitter: -1, SlowStart: -1}
		lb := newTransport(t, cfg)
		for range 10 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Equal(t, 3, fake.CountFor("key-first"))
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Equal(t, health.PhaseOpen.String(), s.Accounts[0].State)
		assert.NotEmpty(t, s.Accounts[0].Reason)

		time.Sleep(time.Minute)
		fake.AlwaysFor("key-first", providertest.OK().After(time.Second))
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				_, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		assert.Equal(t, 4, fake.CountFor("key-first"), "one probe at a time")
		time.Sleep(31 * time.Second) // its slow start
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, 5, fake.CountFor("key-first"), "the probe succeeded: it is in use again")
	})
}

func TestEverybodyRestsSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-main", providertest.RateLimited(10*time.Second))
		lb := newTransport(t, over(fake, account("main")))
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, http.StatusTooManyRequests, status)
		start := time.Now()
		_, _, err = send(t.Context(), t, lb)
		var failure *balancer.Error
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.InDelta(t, 10, failure.RetryAt.Sub(start).Seconds(), 2)
		assert.ErrorContains(t, err, "main")
		assert.ErrorContains(t, err, "rests")
		assert.Equal(t, 1, fake.Count())
	})
}

func TestInFlightLimitHoldsUntilTheBodyEnds(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	one := func(a *balancer.Account) { a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}} }
	lb := newTransport(t, over(fake, account("first", priority(1), one), account("second", priority(2), one)))
	open := func() *http.Response {
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		return resp
	}
	a, b := open(), open()
	assert.Equal(t, []string{"first", "second"}, keysSeen(fake), "a full account is passed over")
	_, _, err := send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	require.NoError(t, a.Body.Close())
	c := open()
	assert.Equal(t, []string{"first", "second", "first"}, keysSeen(fake), "the slot is free when the body was closed")
	require.NoError(t, b.Body.Close())
	require.NoError(t, c.Body.Close())
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	for _, account := range s.Accounts {
		assert.Zero(t, account.InFlight)
	}
}

func TestLimitsHoldUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.OK().After(time.Second))
		lb := newTransport(t, over(fake, account("main", func(a *balancer.Account) {
			a.Limits = []quota.Limit{
				{Unit: quota.InFlight, Max: 4},
				{Unit: quota.Requests, Max: 10, Window: quota.Rolling(time.Minute)},
			}
		})))
		var calls sync.WaitGroup
		for range 50 {
			calls.Go(func() { _, _, _ = send(t.Context(), t, lb) })
		}
		calls.Wait()
		assert.Equal(t, 4, fake.Count(), "no more than 4 at the same time")
		for range 20 {
			_, _, _ = send(t.Context(), t, lb)
		}
		assert.Equal(t, 10, fake.Count(), "no more than 10 a minute")
		_, _, err := send(t.Context(), t, lb)
		var full *quota.ExceededError
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.NotErrorAs(t, err, &full, "the reason is told, the error is ours")
		assert.ErrorContains(t, err, "room again at")
		time.Sleep(2 * time.Minute)
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
	})
}

func TestUnsentAttemptsDoNotCount(t *testing.T) {
	store := quota.NewMemory(quota.MemoryConfig{})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 5, Window: quota.Total()}}
	cfg := over(nil, account("main", func(a *balancer.Account) { a.Limits = limits }))
	cfg.Quota = store
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) { return refusing, nil }
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.Error(t, err)
	levels, err := store.Levels(t.Context(), "account/main", limits)
	require.NoError(t, err)
	assert.Zero(t, levels[0].Used)
}

func TestUsageIsChargedInTokens(t *testing.T) {
	store := quota.NewMemory(quota.MemoryConfig{})
	limits := []quota.Limit{{Unit: quota.Tokens, Max: 1000, Window: quota.Total()}}
	fake := providertest.OpenAI(providertest.Config{InputTokens: 100, OutputTokens: 23})
	cfg := over(fake, account("main", func(a *balancer.Account) { a.Limits = limits }))
	cfg.Quota = store
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.NoError(t, err)
	levels, err := store.Levels(t.Context(), "account/main", limits)
	require.NoError(t, err)
	assert.EqualValues(t, 123, levels[0].Used)
}

func TestABrokenStoreIsReported(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	var said []string
	cfg := over(fake, account("main", func(a *balancer.Account) {
		a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
	}))
	cfg.Hooks.StoreError = func(_ context.Context, store string, err error) {
		assert.ErrorIs(t, err, errBroken)
		said = append(said, store)
	}
	t.Run("health: the account counts as healthy", func(t *testing.T) {
		broken := cfg
		broken.Health = brokenHealth{}
		_, _, err := send(t.Context(), t, newTransport(t, broken))
		require.NoError(t, err)
		assert.Contains(t, said, "health")
	})
	t.Run("quota: the account is passed over", func(t *testing.T) {
		broken := cfg
		broken.Quota = brokenQuota{}
		_, _, err := send(t.Context(), t, newTransport(t, broken))
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.Contains(t, said, "quota")
		assert.Equal(t, 1, fake.Count())
	})
}

type brokenHealth struct{}

func (brokenHealth) Load(context.Context, []health.Subject) ([]health.State, error) {
	return nil, errBroken
}

func (brokenHealth) Update(context.Context, health.Subject, func(health.State) health.State) (health.State, error) {
	return health.State{}, errBroken
}

type brokenQuota struct{}

func (brokenQuota) Reserve(context.Context, string, []quota.Limit, quota.Amount, time.Duration) (quota.Reservation, error) {
	return quota.Reservation{}, errBroken
}

func (brokenQuota) Settle(context.Context, quota.Reservation, quota.Amount) error { return errBroken }

func TestPickers(t *testing.T) {
	t.Run("least loaded spreads by weight", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // all are as fast
			fake := providertest.OpenAI(providertest.Config{})
			lb := newTransport(t, over(fake, account("a"), account("b"), account("heavy", func(a *balancer.Account) { a.Weight = 4 })))
			var open []*http.Response
			for range 300 { // all stay in flight, so that load decides
				resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
				require.NoError(t, err)
				open = append(open, resp)
			}
			for _, resp := range open {
				require.NoError(t, resp.Body.Close())
			}
			assert.InDelta(t, 200, fake.CountFor("key-heavy"), 35)
			assert.InDelta(t, 50, fake.CountFor("key-a"), 28)
		})
	})
	t.Run("a user's Picker sees the candidates and may want none", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a"), account("b"))
		cfg.Picker = balancer.PickerFunc(func(_ context.Context, r *balancer.Request, from balancer.Candidates) int {
			assert.Equal(t, "gpt-5", r.Operation.Model)
			for i := range from.Len() {
				if from.At(i).Name == "b" {
					return i
				}
			}
			return -1
		})
		fake.AlwaysFor("key-b", providertest.RateLimited(time.Minute))
		status, _, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 429, status)
		assert.Equal(t, []string{"b"}, keysSeen(fake))
	})
}
