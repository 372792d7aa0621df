package balancer_test

import (
	"context"
	"fmt"
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
	"github.com/aitransport/aitransport/transport"
)

// How a fragileHealth is.
const (
	sound int32 = iota
	down        // it fails
	loses       // it does what it is asked for, and fails to say so
	stops       // it does nearly all of what it is asked for
	hangs       // until its caller gives up
)

// fragileHealth is a store that can break.
type fragileHealth struct {
	*health.Memory
	how     atomic.Int32
	updates atomic.Int64
}

func newFragileHealth() *fragileHealth {
	return &fragileHealth{Memory: health.NewMemory(health.MemoryConfig{})}
}

func (s *fragileHealth) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	if err := s.broken(ctx); err != nil {
		return nil, err
	}
	return s.Memory.Load(ctx, subjects)
}

func (s *fragileHealth) Update(ctx context.Context, k health.Subject, f func(health.State) health.State) (health.State, error) {
	s.updates.Add(1)
	switch s.how.Load() {
	case loses:
		_, _ = s.Memory.Update(ctx, k, f)
	case stops:
		states, _ := s.Memory.Load(ctx, []health.Subject{k})
		f(states[0])
	}
	if err := s.broken(ctx); err != nil {
		return health.State{}, err
	}
	return s.Memory.Update(ctx, k, f)
}

func (s *fragileHealth) broken(ctx context.Context) error {
	switch s.how.Load() {
	case sound:
		return nil
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	default:
		return errBroken
	}
}

// of is what the store itself knows of the account a.
func (s *fragileHealth) of(t *testing.T) health.State {
	t.Helper()
	states, err := s.Memory.Load(context.Background(), []health.Subject{subject(health.KindAccount, "a")})
	require.NoError(t, err)
	return states[0]
}

// fail has the account a fail once.
func fail(t *testing.T, fake *providertest.Fake, lb *balancer.Transport) {
	t.Helper()
	fake.Script(providertest.ServerError())
	status, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "a"}), t, lb)
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, status)
}

// patient has no failures begin a rest.
var patient = health.Policy{Failures: -1, Ratio: -1}

// TestFailuresWhileTheStoreIsBrokenCountOnce: here at once, and in the store when it is back, also where it
// has done what it was asked for and could not say so, and where it breaks again and again.
func TestFailuresWhileTheStoreIsBrokenCountOnce(t *testing.T) {
	for name, how := range map[string]int32{"down": down, "loses": loses, "stops": stops, "hangs": hangs} {
		for refresh, every := range map[string]time.Duration{"refreshed": time.Second, "not refreshed": -1} {
			t.Run(name+" "+refresh, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fake, store := providertest.OpenAI(providertest.Config{}), newFragileHealth()
					cfg := over(fake, account("a"), account("b"))
					cfg.Health, cfg.HealthRefresh, cfg.Policy, cfg.MaxAttempts = store, every, patient, 1
					lb := newTransport(t, cfg)
					fail(t, fake, lb)
					for round := range 3 {
						before := 1 + 5*round
						require.Equal(t, before, store.of(t).Failures)
						store.how.Store(how)
						for i := range 4 {
							fail(t, fake, lb)
							require.Equal(t, before+i+1, snapshotOf(t, lb).Accounts[0].Failures, "known here")
							time.Sleep(700 * time.Millisecond)
						}
						time.Sleep(700 * time.Millisecond)
						store.how.Store(sound)
						time.Sleep(2 * time.Second)
						fail(t, fake, lb)
						time.Sleep(2 * time.Second)
						require.Equal(t, before+5, store.of(t).Failures, "round %d", round)
						require.Equal(t, before+5, snapshotOf(t, lb).Accounts[0].Failures)
					}
				})
			})
		}
	}
}

// TestARestThatTheStoreCouldNotBeToldOf holds here at once, and everywhere once the store is back.
func TestARestThatTheStoreCouldNotBeToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := providertest.OpenAI(providertest.Config{}), newFragileHealth()
		var mu sync.Mutex
		var said []string
		share := func(name string) *balancer.Transport {
			cfg := over(fake, account("a", priority(1)), account("b", priority(2)))
			cfg.Health = store
			cfg.Hooks.StoreError = func(_ context.Context, store string, err error) {
				assert.ErrorIs(t, err, errBroken)
				mu.Lock()
				defer mu.Unlock()
				said = append(said, name+" "+store)
			}
			cfg.Hooks.StoreBack = func(_ context.Context, store string, after time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, fmt.Sprint(name, " ", store, " back after ", after))
			}
			return newTransport(t, cfg)
		}
		one, other := share("one"), share("other")
		time.Sleep(100 * time.Millisecond)
		_, _, err := send(t.Context(), t, other) // it looks after the models that it was asked for
		require.NoError(t, err)
		store.how.Store(down)
		fake.Script(providertest.RateLimited(time.Hour))
		for range 20 {
			_, _, err := send(t.Context(), t, one)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"a", "a", "b"}, keysSeen(fake)[:3])
		assert.NotContains(t, keysSeen(fake)[2:], "a", "it rests")
		time.Sleep(4 * time.Second)
		store.how.Store(sound)
		time.Sleep(3 * time.Second)
		asked := fake.Count()
		_, _, err = send(t.Context(), t, other)
		require.NoError(t, err)
		assert.Equal(t, "b", keysSeen(fake)[asked], "another program has heard of it")
		count := make(map[string]int)
		mu.Lock()
		defer mu.Unlock()
		for _, s := range said {
			count[s]++
		}
		assert.LessOrEqual(t, count["one health"], 6, "once, and once each time that it is tried")
		assert.Positive(t, count["one health"])
		assert.Positive(t, count["other health"])
		assert.Len(t, count, 4, "and that it is back: %v", said)
	})
}

// TestOneRequestProbesWhileTheStoreIsBroken: nobody else can be asked, but this program's own requests know of each other.
func TestOneRequestProbesWhileTheStoreIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := inMemory{providertest.OpenAI(providertest.Config{})}, newFragileHealth()
		put(t, store.Memory, subject(health.KindAccount, "a"), toBeProbed)
		cfg := over(fake, account("a", priority(1)), account("b", priority(2)))
		cfg.Health = store
		var asked atomic.Int64
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				if a.Name == "a" {
					asked.Add(1)
				}
				time.Sleep(time.Minute)
				return fake.RoundTrip(r)
			}), nil
		}
		lb := newTransport(t, cfg)
		store.how.Store(down)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, asked.Load())
		assert.Equal(t, "closed", snapshotOf(t, lb).Accounts[0].State)
		store.how.Store(sound)
		time.Sleep(3 * time.Second)
		s := store.of(t)
		assert.Equal(t, health.PhaseClosed, s.Phase(time.Now()), "the store has heard that it is well: %+v", s)
	})
}

// TestHealthClosed refuses while the store is broken, and until it has answered.
func TestHealthClosed(t *testing.T) {
	for name, every := range map[string]time.Duration{"refreshed": time.Second, "not refreshed": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, store := providertest.OpenAI(providertest.Config{}), newFragileHealth()
				put(t, store.Memory, subject(health.KindAccount, "a"), func(s health.State) health.State {
					return health.Policy{}.Disable(s, "revoked", time.Now())
				})
				cfg := over(fake, account("a", priority(1)), account("b", priority(2)))
				cfg.Health, cfg.HealthRefresh, cfg.HealthClosed = store, every, true
				store.how.Store(hangs)
				lb := newTransport(t, cfg)
				begun := time.Now()
				for range 10 {
					_, _, err := send(t.Context(), t, lb)
					require.ErrorIs(t, err, balancer.ErrStoreBroken)
					var failure *balancer.Error
					require.ErrorAs(t, err, &failure)
					require.NotZero(t, failure.RetryAt)
				}
				assert.LessOrEqual(t, time.Since(begun), time.Second)
				assert.Zero(t, fake.Count())
				store.how.Store(sound)
				time.Sleep(3 * time.Second)
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				assert.Equal(t, []string{"b"}, keysSeen(fake), "a person has disabled the other")
			})
		})
	}
}

// TestShutdownTellsTheStoreWhatItIsOwed, if it is back.
func TestShutdownTellsTheStoreWhatItIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := providertest.OpenAI(providertest.Config{}), newFragileHealth()
		cfg := over(fake, account("a"))
		cfg.Health, cfg.HealthRefresh, cfg.Policy, cfg.MaxAttempts = store, -1, patient, 1
		lb := newTransport(t, cfg)
		store.how.Store(down)
		for range 3 {
			fail(t, fake, lb)
		}
		store.how.Store(sound)
		time.Sleep(time.Second)
		require.NoError(t, lb.Shutdown(t.Context()))
		assert.Equal(t, 3, store.of(t).Failures)
	})
}

// TestWhatTheStoreIsOwedIsBounded: of an account the last hundred outcomes are kept, and that some are not is told.
func TestWhatTheStoreIsOwedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := providertest.OpenAI(providertest.Config{}), newFragileHealth()
		cfg := over(fake, account("a"))
		cfg.Health, cfg.HealthRefresh, cfg.Policy, cfg.MaxAttempts = store, -1, patient, 1
		told := 0
		cfg.Hooks.StoreError = func(context.Context, string, error) { told++ }
		lb := newTransport(t, cfg)
		store.how.Store(down)
		for range 120 {
			fail(t, fake, lb)
		}
		assert.Equal(t, 2, told)
		assert.EqualValues(t, 1, store.updates.Load())
		store.how.Store(sound)
		time.Sleep(time.Second)
		fail(t, fake, lb)
		assert.Equal(t, 101, store.of(t).Failures)
	})
}
