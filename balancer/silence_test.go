package balancer_test

import (
	"context"
	"net/http"
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

// hanging takes requests, and tells of each how long its context lived.
func hanging(lived *[]time.Duration) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		start := time.Now()
		<-r.Context().Done()
		*lived = append(*lived, time.Since(start))
		panic(http.ErrAbortHandler)
	})
}

// An account that is silent is left for another one, and ended upstream.
func TestSilentAccountsAreLeft(t *testing.T) {
	tests := map[string]struct {
		timeout time.Duration
		script  http.Handler // nil: no headers
		want    time.Duration
	}{
		"no headers":                 {0, nil, 120 * time.Second},
		"headers alone":              {0, playing(time.Hour), 120 * time.Second},
		"a limit of one's own":       {7 * time.Second, nil, 7 * time.Second},
		"a byte is enough of a sign": {7 * time.Second, playing(5*time.Second, ping, 5*time.Second, word, done), 10 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lived []time.Duration
				first := tt.script
				if first == nil {
					first = hanging(&lived)
				}
				store := health.NewMemory(health.MemoryConfig{})
				cfg := each(twoAccounts(), first, playing(word, done))
				cfg.FirstByteTimeout, cfg.Health = tt.timeout, store
				lb := newTransport(t, cfg)
				ctx, trail := balancer.WithTrail(t.Context())
				start := time.Now()
				status, body, err := do(lb, streamed(ctx, t))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				require.Contains(t, body, "Hi")
				assert.Equal(t, tt.want, time.Since(start))
				attempts := trail.Attempts()
				if name == "a byte is enough of a sign" {
					require.Len(t, attempts, 1)
					return
				}
				require.Len(t, attempts, 2)
				assert.Equal(t, provider.ClassTimeout, attempts[0].Class)
				assert.True(t, attempts[0].MaybeExecuted)
				assert.Contains(t, attempts[0].Reason, "FirstByteTimeout")
				if tt.script == nil {
					assert.Equal(t, []time.Duration{tt.want}, lived)
				}
				states, err := store.Load(t.Context(), []health.Subject{
					{Kind: health.KindAccount, Name: "first"},
					{Kind: health.KindAccountModel, Name: "first", Model: "gpt-5"},
				})
				require.NoError(t, err)
				assert.Zero(t, states[0].Failures, "with other models it may be as fast as ever")
				assert.Equal(t, 1, states[1].Failures)
			})
		})
	}
}

// Leaving a silent account never makes things worse: where nobody can be asked in its
// place it may go on for as long as the caller waits.
func TestSilentAccountsAreNotLeftForNobody(t *testing.T) {
	late := playing(10*time.Minute, word, done)
	tests := map[string]struct {
		accounts []balancer.Account
		change   func(*balancer.Config)
		body     string
	}{
		"the only account":       {[]balancer.Account{account("first")}, nil, streamedChat},
		"the last attempt":       {twoAccounts(), func(c *balancer.Config) { c.MaxAttempts = 1 }, streamedChat},
		"the budget is empty":    {twoAccounts(), func(c *balancer.Config) { c.RetryBudget = balancer.RetryBudget{Share: -1, Min: -1} }, streamedChat},
		"switched off":           {twoAccounts(), func(c *balancer.Config) { c.FirstByteTimeout = -1 }, streamedChat},
		"not asked for a stream": {twoAccounts(), nil, chat},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(tt.accounts, late, playing(word, done))
				if tt.change != nil {
					tt.change(&cfg)
				}
				lb := newTransport(t, cfg)
				ctx, trail := balancer.WithTrail(t.Context())
				start := time.Now()
				_, body, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, tt.body))
				require.NoError(t, err)
				assert.Contains(t, body, "Hi")
				assert.Equal(t, 10*time.Minute, time.Since(start))
				require.Len(t, trail.Attempts(), 1)
			})
		})
	}
}

// A silent account that is the last but one is left for the last one, which then has
// all the time that the caller gives it.
func TestTheLastSilentAccountStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.Hang())
		fake.AlwaysFor("key-second", providertest.OK().After(time.Hour))
		lb := newTransport(t, over(fake, twoAccounts()...))
		start := time.Now()
		status, _, err := do(lb, streamed(t.Context(), t))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		assert.Equal(t, time.Hour+120*time.Second, time.Since(start))
	})
}

// What is taken for a silent account's place is given back when the caller goes.
func TestCallerGoesWhileASilentAccountIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		lb := newTransport(t, each(twoAccounts(), hanging(&lived), hanging(&lived)))
		ctx, cancel := context.WithTimeout(t.Context(), 120*time.Second)
		defer cancel()
		_, _, err := do(lb, streamed(ctx, t))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		for _, a := range s.Accounts {
			assert.Zero(t, a.InFlight, a.Name)
		}
	})
}

// One that speaks while another account is being chosen in its place keeps the
// request, and the other one is given back, with its probe.
func TestSilentAccountThatSpeaksAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := providertest.OpenAI(providertest.Config{})
		second.Script(providertest.ServerError())
		late := playing(10500*time.Millisecond, role, 1500*time.Millisecond, word, done)
		cfg := each(twoAccounts(), late, second)
		cfg.FirstByteTimeout, cfg.Policy.Failures = 10*time.Second, 1
		slow := false
		cfg.Picker = balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
			if slow && from.At(0).Name == "second" {
				time.Sleep(time.Second)
			}
			return 0
		})
		lb := newTransport(t, cfg)
		only := balancer.WithHint(t.Context(), balancer.Hint{Account: "second"})
		_, _, err := send(only, t, lb)
		require.NoError(t, err)
		time.Sleep(time.Minute) // it has rested, and is to be tried
		slow = true
		ctx, trail := balancer.WithTrail(t.Context())
		start := time.Now()
		_, body, err := do(lb, streamed(ctx, t))
		require.NoError(t, err)
		assert.Contains(t, body, "Hi")
		assert.Equal(t, 12*time.Second, time.Since(start))
		require.Len(t, trail.Attempts(), 1)
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Zero(t, s.Accounts[1].InFlight)
		status, _, err := send(only, t, lb)
		require.NoError(t, err, "nobody holds its probe")
		assert.Equal(t, 200, status)
	})
}
