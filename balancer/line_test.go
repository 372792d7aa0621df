package balancer_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

func limits(l ...quota.Limit) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Limits = l }
}

var oneAtATime = limits(quota.Limit{Unit: quota.InFlight, Max: 1})

// A request waits in line for a busy account, while another one's rest ends.
func TestWhoWaitsInLineNoticesTheEndOfARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-second", providertest.RateLimited(2*time.Second))
		cfg := over(fake, account("first", priority(1), oneAtATime), account("second", priority(2)))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		open, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat)) // holds first's only slot
		require.NoError(t, err)
		defer open.Body.Close()
		start := time.Now()
		status, _, err := send(t.Context(), t, lb) // second answers 429: come back in 2 s
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.Less(t, time.Since(start), 5*time.Second, "second was ready after 2 s")
	})
}

// The time in line and the time for a limit to end are one Config.MaxWait.
func TestMaxWaitIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-second", providertest.RateLimited(15*time.Second))
		cfg := over(fake, account("first", priority(1), oneAtATime), account("second", priority(2)))
		cfg.MaxWait = 10 * time.Second
		lb := newTransport(t, cfg)
		open, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		defer open.Body.Close()
		start := time.Now()
		_, _, _ = send(t.Context(), t, lb) // second is limited for 15 s: not worth to wait for
		assert.LessOrEqual(t, time.Since(start), 10*time.Second+time.Second/2)
	})
}

// More room is given to an account that was found full.
func TestALimitThatWasRaisedIsHeeded(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	day := func(n int64) balancer.Account {
		return account("main", limits(quota.Limit{Unit: quota.Requests, Max: n, Window: quota.Rolling(24 * time.Hour)}))
	}
	lb := newTransport(t, over(fake, day(1)))
	_, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	_, _, err = send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	require.NoError(t, lb.SetAccounts([]balancer.Account{day(100)}))
	_, _, err = send(t.Context(), t, lb)
	assert.NoError(t, err, "99 requests are left today")
	require.NoError(t, lb.SetAccounts([]balancer.Account{account("main")}))
	_, _, err = send(t.Context(), t, lb)
	assert.NoError(t, err, "it has no limit at all")
}

// Somebody resets what an account has used, in this program or another one.
func TestAResetQuotaIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quota.NewMemory(quota.MemoryConfig{})
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main", limits(quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Total()})))
		cfg.Quota = store
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		_, _, err = send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		require.NoError(t, store.Reset(t.Context(), "account/main"))
		time.Sleep(24 * time.Hour)
		_, _, err = send(t.Context(), t, lb)
		assert.NoError(t, err, "a day later at least")
	})
}

// afterwards is a quota store whose refusals come late, as over a network.
type afterwards struct {
	quota.Store
	refused chan struct{} // a refusal is on its way
	goOn    chan struct{}
}

func (s *afterwards) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	r, err := s.Store.Reserve(ctx, key, l, a, ttl)
	if errors.Is(err, quota.ErrExceeded) && s.refused != nil {
		s.refused <- struct{}{}
		<-s.goOn
	}
	return r, err
}

// One request is refused since another has the last unit. The other gives it back
// unused while the refusal is on its way.
func TestWhatWasGivenBackIsNotForgotten(t *testing.T) {
	store := &afterwards{Store: quota.NewMemory(quota.MemoryConfig{}), refused: make(chan struct{}), goOn: make(chan struct{})}
	begun, fail := make(chan struct{}), make(chan struct{})
	first := true
	cfg := over(nil, account("main", limits(quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Total()})))
	fake := inMemory{providertest.OpenAI(providertest.Config{})}
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			if first {
				first = false
				close(begun)
				<-fail
				return nil, &transport.Error{Phase: transport.PhaseDialTarget, Sent: transport.SentNo, Err: errBroken}
			}
			return fake.RoundTrip(r)
		}), nil
	}
	cfg.Quota = store
	lb := newTransport(t, cfg)
	var both sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	both.Go(func() { _, _, _ = send(ctx, t, lb) })
	<-begun
	var second sync.WaitGroup
	second.Go(func() { _, _, _ = send(t.Context(), t, lb) })
	<-store.refused
	close(fail) // it was never sent, and costs nothing
	both.Wait()
	close(store.goOn)
	second.Wait()
	store.refused = nil
	_, _, err := send(t.Context(), t, lb)
	assert.NoError(t, err, "nothing was used")
}

// cutOffHealth is the same for health.
// A limit that never has room again is nothing to wait for.
func TestNobodyWaitsForATotalThatIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main", limits(quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Total()})))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		start := time.Now()
		_, _, err = send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.Less(t, time.Since(start), time.Second)
	})
}

// instantly answers at once.
func instantly(accounts ...balancer.Account) balancer.Config {
	cfg := over(nil, accounts...)
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		}), nil
	}
	return cfg
}

// Where all may wait for a minute and each request takes no time, nobody is sent away.
func TestNobodyIsTurnedAwayWhoMayWait(t *testing.T) {
	cfg := instantly(account("main", oneAtATime))
	cfg.MaxWait = time.Minute
	lb := newTransport(t, cfg)
	var (
		all    sync.WaitGroup
		turned atomic.Int64
		last   atomic.Value
		start  = time.Now()
	)
	for range 16 {
		all.Go(func() {
			for range 500 {
				if _, _, err := send(t.Context(), t, lb); err != nil {
					turned.Add(1)
					last.Store(err.Error())
				}
			}
		})
	}
	all.Wait()
	assert.Zero(t, turned.Load(), "of 8000 within %v, the last: %v", time.Since(start), last.Load())
}

// While a request waits, an account that is free is added.
func TestWhoWaitsFindsAnAccountThatWasAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(providertest.OpenAI(providertest.Config{}), account("first", oneAtATime))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		open, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		defer open.Body.Close()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			start := time.Now()
			_, _, err := send(t.Context(), t, lb)
			assert.NoError(t, err)
			assert.Less(t, time.Since(start), 10*time.Second)
		})
		time.Sleep(time.Second)
		assert.NoError(t, lb.SetAccounts([]balancer.Account{account("first", oneAtATime), account("second")}))
		waiting.Wait()
	})
}

// The only account is being tried by another request, which takes a second.
func TestWhoMayWaitWaitsForTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.ServerError())
		cfg := over(fake, account("main"))
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1, SlowStart: -1}
		cfg.MaxWait, cfg.MaxAttempts = 10*time.Second, 1
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		time.Sleep(time.Minute + time.Second)
		fake.AlwaysFor("key-main", providertest.OK().After(time.Second))
		var all sync.WaitGroup
		var failed atomic.Int64
		for range 5 {
			all.Go(func() {
				if _, _, err := send(t.Context(), t, lb); err != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		assert.Zero(t, failed.Load(), "it is in use again after a second, and all may wait for ten")
	})
}

// slow is a quota store whose clock is behind: there should have been room a while ago.
type slow struct {
	quota.Store
	behind time.Duration
	asked  atomic.Int64
}

func (s *slow) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	s.asked.Add(1)
	r, err := s.Store.Reserve(ctx, key, l, a, ttl)
	var over *quota.ExceededError
	if errors.As(err, &over) {
		over.RetryAt = over.RetryAt.Add(-s.behind)
	}
	return r, err
}

// Who waits asks such a store now and then, until it says that there is room.
func TestWhoWaitsIsQuietWhereTheStoresClockIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Store: quota.NewMemory(quota.MemoryConfig{}), behind: time.Minute}
		cfg := over(providertest.OpenAI(providertest.Config{}), account("a", limits(quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(10 * time.Second)})))
		cfg.MaxWait, cfg.Quota = time.Minute, store
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		start := time.Now()
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.InDelta(t, 10, time.Since(start).Seconds(), 0.5)
		assert.Less(t, store.asked.Load(), int64(60), "four times a second")

		cfg.MaxWait = 0
		_, _, err = send(t.Context(), t, newTransport(t, cfg))
		var none *balancer.Error
		require.ErrorAs(t, err, &none)
		assert.True(t, none.RetryAt.After(time.Now()), "%v", none.RetryAt)
	})
}
