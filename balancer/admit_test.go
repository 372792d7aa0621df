package balancer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// charging admits every request to a tenant and a user under these limits.
func charging(cfg *balancer.Config, tenant, user []quota.Limit) *quota.Memory {
	store := quota.NewMemory(quota.MemoryConfig{})
	cfg.Quota = store
	cfg.Admit = func(context.Context, *balancer.Request) ([]quota.Charge, error) {
		return []quota.Charge{{Key: "tenant", Limits: tenant}, {Key: "user", Limits: user}}, nil
	}
	return store
}

// usedOf is how much of limits a key has used.
func usedOf(t *testing.T, store quota.Inspector, key string, limits []quota.Limit) (used []int64) {
	t.Helper()
	levels, err := store.Levels(t.Context(), key, limits)
	require.NoError(t, err)
	for _, l := range levels {
		used = append(used, l.Used)
	}
	return used
}

var (
	perMinute = []quota.Limit{{Unit: quota.Requests, Max: 2, Window: quota.Rolling(time.Minute)}, {Unit: quota.Tokens, Max: 1000, Window: quota.Total()}, {Unit: quota.InFlight, Max: 1}}
	plenty    = []quota.Limit{{Unit: quota.Requests, Max: 1000, Window: quota.Total()}, {Unit: quota.Tokens, Max: 1 << 40, Window: quota.Total()}, {Unit: quota.InFlight, Max: 100}}
)

// A request is charged once, with what all of its attempts have used, when its body ends.
func TestAdmittedRequestsAreCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.ServerError())
		cfg := over(fake, twoAccounts()...)
		store := charging(&cfg, perMinute, plenty)
		ctx, trail := balancer.WithTrail(t.Context())
		lb := newTransport(t, cfg)
		resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		assert.Equal(t, []int64{1, 0, 1}, usedOf(t, store, "tenant", perMinute), "the estimate, while it is under way")
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		attempts := trail.Attempts()
		require.Len(t, attempts, 2)
		tokens := attempts[1].Usage.Input + attempts[1].Usage.Output
		require.Positive(t, tokens)
		assert.Equal(t, []int64{1, tokens, 0}, usedOf(t, store, "tenant", perMinute))
		assert.Equal(t, []int64{1, tokens, 0}, usedOf(t, store, "user", plenty))
	})
}

// A key without room refuses the request before anything is sent, and then no key is
// charged.
func TestRefusedByALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("only"))
		store := charging(&cfg, plenty, perMinute)
		lb := newTransport(t, cfg)
		start := time.Now()
		for range 2 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		_, _, err := send(t.Context(), t, lb)
		var failure *balancer.Error
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, quota.ErrExceeded)
		var over *quota.ExceededError
		require.ErrorAs(t, err, &over)
		assert.Equal(t, "user", over.Key)
		assert.WithinDuration(t, start.Add(time.Minute), failure.RetryAt, 10*time.Second)
		assert.Empty(t, failure.Attempts)
		assert.Equal(t, 2, fake.Count())
		assert.Equal(t, int64(2), usedOf(t, store, "tenant", plenty)[0], "given back")
		assert.Zero(t, usedOf(t, store, "tenant", plenty)[2])
	})
}

// What reached no account costs nothing; nor does what Admit refuses, in its own words.
func TestWhatIsNotSentIsNotCharged(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only"))
	store := charging(&cfg, plenty, plenty)
	lb := newTransport(t, cfg)
	_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Group: "ours"}), t, lb)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	assert.Equal(t, []int64{0, 0, 0}, usedOf(t, store, "tenant", plenty))

	refusal := errors.New("the invoice of May is not paid")
	cfg.Admit = func(context.Context, *balancer.Request) ([]quota.Charge, error) { return nil, refusal }
	_, _, err = send(t.Context(), t, newTransport(t, cfg))
	require.ErrorIs(t, err, refusal)
	assert.Zero(t, fake.Count())
}

// An estimate is reserved before anything is sent, so that many at once overspend nothing.
func TestEstimatesAreReserved(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only"))
	limits := []quota.Limit{{Unit: quota.OutputTokens, Max: 1000, Window: quota.Total()}}
	store := charging(&cfg, limits, nil)
	cfg.Estimate = func(_ context.Context, r *balancer.Request) quota.Amount {
		assert.Equal(t, "gpt-5", r.Operation.Model)
		return quota.Amount{Requests: 1, OutputTokens: 300}
	}
	lb := newTransport(t, cfg)
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []*http.Response
	for range 20 {
		all.Go(func() {
			resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
			if err != nil {
				assert.ErrorIs(t, err, quota.ErrExceeded)
				return
			}
			mu.Lock()
			open = append(open, resp)
			mu.Unlock()
		})
	}
	all.Wait()
	require.Len(t, open, 3)
	assert.Equal(t, []int64{900}, usedOf(t, store, "tenant", limits))
	for _, resp := range open {
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	assert.Less(t, usedOf(t, store, "tenant", limits)[0], int64(900), "the truth is less")

	cfg.Estimate = func(context.Context, *balancer.Request) quota.Amount { return quota.Amount{Requests: -1} }
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.ErrorIs(t, err, quota.ErrInvalid)
}

// What a hedge that lost has used is charged too, though it ends after the answer.
func TestHedgesAreChargedToTheTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), whole(3*time.Second, "one"), whole(time.Hour, "two"))
		cfg.Hedge.After = time.Second
		store := charging(&cfg, plenty, plenty)
		_, _, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		synctest.Wait()
		used := usedOf(t, store, "tenant", plenty)
		assert.Equal(t, int64(1), used[0], "one request, however many attempts")
		assert.Zero(t, used[2])
	})
}

// A store that cannot be asked refuses, and is told of.
func TestAdmitWithABrokenStore(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only"))
	charging(&cfg, plenty, plenty)
	cfg.Quota = brokenQuota{}
	told := 0
	cfg.Hooks.StoreError = func(context.Context, string, error) { told++ }
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.ErrorIs(t, err, errBroken)
	assert.Zero(t, fake.Count())
	assert.Equal(t, 1, told)
}

// An estimate that says nothing of requests is one all the same.
func TestAnEstimateIsOneRequest(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only", limits(quota.Limit{Unit: quota.Requests, Max: 3, Window: quota.Total()})))
	cfg.Estimate = func(context.Context, *balancer.Request) quota.Amount { return quota.Amount{InputTokens: 5} }
	lb := newTransport(t, cfg)
	for range 5 {
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		if err == nil {
			defer resp.Body.Close()
		}
	}
	assert.Equal(t, 3, fake.Count())
}

// Under a limit of cost nothing is sent of which nobody knows the price.
func TestATenantsCostIsKnown(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only"))
	cost := []quota.Limit{{Unit: quota.Cost, Max: 1, Window: quota.Total()}}
	charging(&cfg, cost, nil)
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.ErrorContains(t, err, "there is no Config.Prices")

	cfg.Prices = priced(t)
	lb := newTransport(t, cfg)
	_, _, err = do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, `{"model":"unheard-of","messages":[]}`))
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	require.ErrorContains(t, err, `does not know the price of "unheard-of"`)
	require.Zero(t, fake.Count())
	_, _, err = send(t.Context(), t, lb)
	require.NoError(t, err)
	_, _, err = send(t.Context(), t, lb)
	require.ErrorIs(t, err, quota.ErrExceeded, "the first has used it up")
	assert.Equal(t, 1, fake.Count())
}

// A charge that makes no sense is the program's mistake, not the store's.
func TestAdmitWithAChargeThatMakesNoSense(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	for name, charge := range map[string]quota.Charge{
		"no key": {Limits: plenty},
		"no max": {Key: "tenant", Limits: []quota.Limit{{Unit: quota.Requests, Max: -1, Window: quota.Total()}}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := over(fake, account("only"))
			cfg.Admit = func(context.Context, *balancer.Request) ([]quota.Charge, error) { return []quota.Charge{charge}, nil }
			cfg.Hooks.StoreError = func(context.Context, string, error) { t.Error("it is not the store's") }
			_, _, err := send(t.Context(), t, newTransport(t, cfg))
			require.ErrorIs(t, err, quota.ErrInvalid)
			require.ErrorContains(t, err, "balancer: Config.Admit returned a charge that makes no sense: quota: ")
		})
	}
	assert.Zero(t, fake.Count())
}

// The time when there is room again is told once, and never too early.
func TestAdmitTellsOnceWhenThereIsRoom(t *testing.T) {
	cfg := over(providertest.OpenAI(providertest.Config{}), account("only"))
	charging(&cfg, []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Rolling(time.Hour)}}, nil)
	lb := newTransport(t, cfg)
	_, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	_, _, err = send(t.Context(), t, lb)
	var failure *balancer.Error
	require.ErrorAs(t, err, &failure)
	require.False(t, failure.RetryAt.IsZero())
	assert.Equal(t, 1, strings.Count(err.Error(), failure.RetryAt.UTC().Format("2006-01-02T")), "%v", err)
	assert.Regexp(t, ": room again at [^ ]+Z$", err.Error())
}
