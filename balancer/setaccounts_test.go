package balancer_test

import (
	"context"
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
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// inFlight limits an account to so many requests at the same time.
func oneInFlight(n int64) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: n}} }
}

// waiting is a Transport whose accounts are full for ten seconds, with n requests that
// wait in line; done waits for them.
func waitingFor(t *testing.T, fake *providertest.Fake, n int, accounts ...balancer.Account) (lb *balancer.Transport, done func() (errs []error)) {
	t.Helper()
	fake.Always(providertest.OK().After(10 * time.Second))
	cfg := over(fake, accounts...)
	cfg.MaxWait = time.Minute
	lb = newTransport(t, cfg)
	var (
		mu    sync.Mutex
		errs  []error
		calls sync.WaitGroup
	)
	for range n + len(accounts) {
		calls.Go(func() {
			_, _, err := send(t.Context(), t, lb)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
		})
		synctest.Wait() // in order
	}
	require.Equal(t, len(accounts), fake.Count())
	require.Equal(t, n, snapshotOf(t, lb).Waiting)
	return lb, func() []error { calls.Wait(); return errs }
}

func TestThoseWhoWaitSeeNewAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb, done := waitingFor(t, fake, 3, account("full", oneInFlight(1)))
		start := time.Now()
		time.Sleep(time.Second)
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("full", oneInFlight(1)), account("new", oneInFlight(2))}))
		synctest.Wait()
		assert.Equal(t, []string{"full", "new", "new"}, keysSeen(fake), "at once")
		assert.Equal(t, 1, snapshotOf(t, lb).Waiting, "one has no room there, either")
		assert.Empty(t, done())
		assert.Equal(t, 20*time.Second, time.Since(start))
	})
}

func TestThoseWhoWaitSeeAHigherLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb, done := waitingFor(t, fake, 3, account("main", oneInFlight(1)))
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("main", oneInFlight(3))}))
		synctest.Wait()
		assert.Equal(t, 3, fake.Count())
		assert.Equal(t, 3, snapshotOf(t, lb).Accounts[0].InFlight, "the one under way counts")
		assert.Empty(t, done())
	})
}

func TestARemovedAccountServesNobodyWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb, done := waitingFor(t, fake, 2, account("old", oneInFlight(1)), account("kept", oneInFlight(1)))
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("kept", oneInFlight(1))}))
		assert.Empty(t, done())
		assert.Equal(t, 1, fake.CountFor("key-old"), "what was under way was not disturbed, and no more was sent")
		assert.Equal(t, 3, fake.CountFor("key-kept"))
		s := snapshotOf(t, lb)
		assert.Zero(t, s.Waiting)
		assert.Zero(t, s.Accounts[0].InFlight)
	})
}

func TestThoseWhoWaitLearnThatNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb, done := waitingFor(t, fake, 2, account("old", oneInFlight(1)))
		start := time.Now()
		require.NoError(t, lb.SetAccounts([]balancer.Account{{Name: "elsewhere", Provider: provider.Anthropic, Secret: "x"}}))
		synctest.Wait()
		assert.Zero(t, time.Since(start), "they do not wait for what will not come")
		errs := done()
		require.Len(t, errs, 2)
		for _, err := range errs {
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			require.ErrorContains(t, err, "taken out of the configuration")
		}
	})
}

// TestAFailoverSeesTheAccountsThereAreNow: a request that fails over takes none that
// was removed, and none twice under one name.
func TestAFailoverSeesTheAccountsThereAreNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.ServerError().After(time.Second))
		fake.AlwaysFor("key-again", providertest.ServerError())
		lb := newTransport(t, over(fake, account("first", priority(1)), account("removed", priority(2))))
		var calls sync.WaitGroup
		calls.Go(func() {
			status, _, err := send(t.Context(), t, lb)
			assert.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		})
		synctest.Wait()
		again := account("first", priority(1))
		again.Secret = "key-again"
		require.NoError(t, lb.SetAccounts([]balancer.Account{again, account("added", priority(2))}))
		calls.Wait()
		assert.Equal(t, []string{"first", "added"}, keysSeen(fake))
	})
}

func TestAnAccountKeepsItsCountersUnderItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.ServerError(), providertest.OK().After(time.Second))
		cfg := over(fake, account("main"))
		cfg.MaxAttempts = 1
		lb := newTransport(t, cfg)
		for range 2 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		stream, err := lb.RoundTrip(streamed(t.Context(), t))
		require.NoError(t, err)
		before := snapshotOf(t, lb).Accounts[0]
		require.EqualValues(t, 3, before.Served)
		require.EqualValues(t, 1, before.Failed)
		require.Equal(t, 1, before.InFlight)
		require.NotZero(t, before.FirstByte)

		require.NoError(t, lb.SetAccounts([]balancer.Account{account("another"), account("main", func(a *balancer.Account) { a.Weight = 5 })}))
		s := snapshotOf(t, lb)
		assert.Equal(t, before, s.Accounts[1])
		assert.Zero(t, s.Accounts[0].Served)
		body, err := io.ReadAll(stream.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), "[DONE]")
		require.NoError(t, stream.Body.Close())
		assert.Zero(t, snapshotOf(t, lb).Accounts[1].InFlight, "its end frees the slot of whoever has the name now")
	})
}

// TestALimitHoldsAcrossARemoval: an account that comes back while its old requests are
// still under way has no more room than before.
func TestALimitHoldsAcrossARemoval(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("main", oneInFlight(1))))
	stream, err := lb.RoundTrip(streamed(t.Context(), t))
	require.NoError(t, err)
	require.NoError(t, lb.SetAccounts([]balancer.Account{account("another")}))
	require.NoError(t, lb.SetAccounts([]balancer.Account{account("main", oneInFlight(1))}))
	_, _, err = send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	_, err = io.ReadAll(stream.Body)
	require.NoError(t, err)
	require.NoError(t, stream.Body.Close())
	require.Eventually(t, func() bool { _, _, err = send(t.Context(), t, lb); return err == nil }, 5*time.Second, 50*time.Millisecond)
}

// TestWhoWaitsSeesTheNewAccounts: whatever changes, everybody is served and no slot is
// lost.
func TestWhoWaitsSeesTheNewAccounts(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.OK().After(time.Millisecond))
	cfg := over(fake, account("a", oneInFlight(2)), account("b", oneInFlight(2)))
	cfg.MaxWait = time.Minute
	lb := newTransport(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var changer sync.WaitGroup
	changer.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			names := strings.Split("a b c d", " ")
			assert.NoError(t, lb.SetAccounts([]balancer.Account{account(names[i%4], oneInFlight(2)), account(names[(i+1)%4], oneInFlight(2))}))
			time.Sleep(time.Millisecond)
		}
	})
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 50 {
				_, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
			}
		})
	}
	calls.Wait()
	cancel()
	changer.Wait()
	s := snapshotOf(t, lb)
	assert.Zero(t, s.Waiting)
	for _, a := range s.Accounts {
		assert.Zero(t, a.InFlight, a.Name)
	}
}
