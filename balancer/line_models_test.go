package balancer_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// chatOf is a chat for a model.
func chatOf(model string) string {
	return `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]}`
}

// queued sends a chat for a model in the background, and tells how long it took.
func queued(t *testing.T, lb *balancer.Transport, model string) <-chan time.Duration {
	t.Helper()
	start, took := time.Now(), make(chan time.Duration, 1)
	asked := newRequest(t.Context(), t, http.MethodPost, chatURL, chatOf(model))
	go func() {
		_, _, err := do(lb, asked)
		assert.NoError(t, err)
		took <- time.Since(start)
	}()
	synctest.Wait() // it stands in line
	return took
}

// twoFull are two accounts whose only slots are taken. Each answer takes a second.
func twoFull(t *testing.T) (lb *balancer.Transport, first, second *http.Response) {
	t.Helper()
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.OK().After(time.Second))
	cfg := over(fake, account("a", oneAtATime, priority(1)), account("b", oneAtATime, priority(2)))
	cfg.MaxWait, cfg.HealthRefresh = 3*time.Hour, -1
	lb = newTransport(t, cfg)
	return lb, hold(t.Context(), t, lb), hold(t.Context(), t, lb)
}

// modelAt is a model at an account.
func modelAt(account, model string) health.Subject {
	return health.Subject{Kind: health.KindAccountModel, Name: account, Model: model}
}

// A model is out of use at an account when that becomes free, and in use again later.
func TestWhoWaitsNoticesThatAModelIsInUseAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb, first, second := twoFull(t)
		defer second.Body.Close()
		took := queued(t, lb, "gpt-5")
		require.NoError(t, lb.DisableSubject(t.Context(), modelAt("a", "gpt-5"), "for a moment"))
		require.NoError(t, first.Body.Close()) // a is free, but not for this model
		time.Sleep(2 * time.Second)
		require.NoError(t, lb.EnableSubject(t.Context(), modelAt("a", "gpt-5")))
		assert.Equal(t, 3*time.Second, <-took)
	})
}

// The model's rest ends by the clock, after an answer of 429 to another request.
func TestWhoWaitsNoticesTheEndOfAModelsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a", oneAtATime, priority(1)), account("b", oneAtATime, priority(2)))
		cfg.MaxWait = time.Hour
		var limited atomic.Bool
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				if a.Name != "a" || !limited.CompareAndSwap(true, false) {
					return inMemory{fake}.RoundTrip(r)
				}
				time.Sleep(time.Second)
				return providertest.InMemory(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("Retry-After", "2")
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = w.Write([]byte(`{"error":{"message":"Rate limit reached for gpt-5","type":"requests","param":null,"code":"rate_limit_exceeded"}}`))
				})).RoundTrip(r)
			}), nil
		}
		lb := newTransport(t, cfg)
		limited.Store(true)
		done := make(chan struct{})
		go func() { // at a: it is limited after a second
			defer close(done)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			_ = chatted(ctx, lb)
		}()
		synctest.Wait()
		defer hold(t.Context(), t, lb).Body.Close() // b's only slot
		assert.LessOrEqual(t, <-queued(t, lb, "gpt-5"), 5*time.Second, "a can be used after 3 s")
		<-done
	})
}

// One in line whose model is out of use does not keep those behind it from an account that
// is free.
func TestOneModelInLineDoesNotBlockTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb, first, second := twoFull(t)
		x, y := queued(t, lb, "model-x"), queued(t, lb, "model-y")
		require.NoError(t, lb.DisableSubject(t.Context(), modelAt("a", "model-x"), "withdrawn"))
		time.Sleep(time.Second)
		require.NoError(t, first.Body.Close()) // a is free, but not for model-x
		assert.Equal(t, 2*time.Second, <-y)
		require.NoError(t, second.Body.Close())
		assert.Equal(t, 3*time.Second, <-x)
	})
}

// The trouble of a model is over: who waited for its accounts apart from the others goes
// before those who came later.
func TestWhoWaitedApartKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb, first, second := twoFull(t)
		defer second.Body.Close()
		require.NoError(t, lb.DisableSubject(t.Context(), modelAt("b", "model-x"), "for a moment"))
		x := queued(t, lb, "model-x")
		time.Sleep(time.Minute)
		y := queued(t, lb, "model-y")
		require.Len(t, snapshotOf(t, lb).Queues, 2)
		require.NoError(t, lb.EnableSubject(t.Context(), modelAt("b", "model-x")))
		time.Sleep(2 * time.Hour) // its trouble is over
		z := queued(t, lb, "model-x")
		require.Len(t, snapshotOf(t, lb).Queues, 1)
		require.NoError(t, first.Body.Close())
		assert.Equal(t, 121*time.Minute+time.Second, <-x)
		assert.Equal(t, 120*time.Minute+2*time.Second, <-y)
		assert.Equal(t, 3*time.Second, <-z)
	})
}
