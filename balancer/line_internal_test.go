package balancer

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

// noRoomApart has two accounts that are full, and no room to keep them apart for a model.
func noRoomApart(t *testing.T) (lb *Transport, first, second *http.Response) {
	t.Helper()
	a, b := named("a", nil), named("b", nil)
	a.Priority, b.Priority = 1, 2
	a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
	b.Limits = a.Limits
	lb, err := New(Config{Accounts: []Account{a, b}, RoundTripper: answering, MaxWait: time.Hour, HealthRefresh: -1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	lb.fleet.Load().routes[0].crowds.apart = maxCrowded // as with many models
	first, err = chatted(t.Context(), t, lb, "gpt-5")
	require.NoError(t, err)
	second, err = chatted(t.Context(), t, lb, "gpt-5")
	require.NoError(t, err)
	return lb, first, second
}

// queued sends a chat in the background, and tells how long it took.
func queued(t *testing.T, lb *Transport, model string) <-chan time.Duration {
	t.Helper()
	start, took := time.Now(), make(chan time.Duration, 1)
	go func() {
		resp, err := chatted(t.Context(), t, lb, model)
		if assert.NoError(t, err) {
			took <- time.Since(start)
			_ = resp.Body.Close()
		}
		close(took)
	}()
	synctest.Wait() // it stands in line
	return took
}

// TestWhoWaitsBesideOtherModelsIsCalled: when his model may be used again at an account
// that is free for the others, whoever or whatever ends its rest.
func TestWhoWaitsBesideOtherModelsIsCalled(t *testing.T) {
	pair := health.Subject{Kind: health.KindAccountModel, Name: "a", Model: "gpt-5"}
	ends := map[string]func(context.Context, *Transport) error{
		"the clock": func(context.Context, *Transport) error { return nil },
		"a person":  func(ctx context.Context, lb *Transport) error { return lb.EnableSubject(ctx, pair) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			quiet(t, func(t *testing.T) {
				lb, first, second := noRoomApart(t)
				defer second.Body.Close()
				took := queued(t, lb, "gpt-5")
				rest := time.Minute
				if name == "the clock" {
					rest = 2 * time.Second
				}
				require.NoError(t, lb.update(t.Context(), lb.domains.failing(pair), func(health.State) health.State { return resting(rest) }))
				require.NoError(t, first.Body.Close()) // a is free, but not for this model
				time.Sleep(2 * time.Second)
				require.NoError(t, end(t.Context(), lb))
				assert.Equal(t, 2*time.Second, <-took)
			})
		})
	}
}

// TestWhoWaitsBesideOtherModelsLetsThemPass: an account is free, but not for the model of
// the first in line.
func TestWhoWaitsBesideOtherModelsLetsThemPass(t *testing.T) {
	quiet(t, func(t *testing.T) {
		lb, first, second := noRoomApart(t)
		x, y := queued(t, lb, "model-x"), queued(t, lb, "model-y")
		require.NoError(t, lb.DisableSubject(t.Context(), health.Subject{Kind: health.KindAccountModel, Name: "a", Model: "model-x"}, "withdrawn"))
		time.Sleep(time.Second)
		require.NoError(t, first.Body.Close())
		assert.Equal(t, time.Second, <-y)
		z := queued(t, lb, "model-z")
		assert.Zero(t, <-z, "the first in line lets newcomers pass too")
		time.Sleep(time.Second)
		require.NoError(t, second.Body.Close())
		assert.Equal(t, 2*time.Second, <-x)
	})
}

// fleeting is a quota store by which an account is full until the other request that has
// it gives it back unused, which happens while the refusal is on its way.
type fleeting struct {
	quota.Store
	times int // that this happens
	gives func()
}

func (s *fleeting) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	r, err := s.Store.Reserve(ctx, key, l, a, ttl)
	if s.times > 0 && key == "account/home" {
		s.times--
		s.gives()
		return quota.Reservation{}, &quota.ExceededError{Limit: l[0], Used: 1, Asked: 1, RetryAt: time.Now().Add(time.Minute)}
	}
	return r, err
}

// TestWhatWasFullForAMomentIsTaken: the account of a session is given back just
// after it was found full, and nobody else is free.
func TestWhatWasFullForAMomentIsTaken(t *testing.T) {
	quiet(t, func(t *testing.T) {
		home, other := named("home", nil), named("other", nil)
		home.Limits = []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Hour)}}
		other.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
		store := &fleeting{Store: quota.NewMemory(quota.MemoryConfig{})}
		lb, err := New(Config{Accounts: []Account{home, other}, RoundTripper: answering, Quota: store, MaxWait: time.Hour})
		require.NoError(t, err)
		defer func() { require.NoError(t, lb.Close()) }()
		ctx := func(account string) context.Context {
			return WithHint(t.Context(), Hint{Session: "s", Account: account})
		}
		open, err := chatted(ctx("other"), t, lb, "gpt-5")
		require.NoError(t, err)
		defer open.Body.Close()
		resp, err := chatted(ctx(""), t, lb, "gpt-5") // the session stays with home
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		store.times, store.gives = 2, lb.fleet.Load().byName["home"].counters.refunded
		start := time.Now()
		resp, err = chatted(ctx(""), t, lb, "gpt-5")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, time.Since(start))
	})
}
