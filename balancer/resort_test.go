package balancer_test

import (
	"context"
	"errors"
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
)

// failing makes every account rest for its failures.
func failingAll(t *testing.T, lb *balancer.Transport, fake *providertest.Fake, names ...string) {
	t.Helper()
	for _, name := range names {
		fake.ScriptFor("key-"+name, providertest.ServerError())
		_, _, _ = send(balancer.WithHint(t.Context(), balancer.Hint{Account: name}), t, lb)
		time.Sleep(time.Second)
	}
}

// quick rests after one failure, for a minute, without chance.
var quick = health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1, SlowStart: -1}

func TestTheFirstToRecoverIsTheLastResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a"), account("b"), account("c", priority(-1)))
		cfg.Policy = quick
		lb := newTransport(t, cfg)
		failingAll(t, lb, fake, "b", "c", "a")
		seen := fake.Count()
		fake.Always(providertest.OK().After(time.Second))
		var calls sync.WaitGroup
		var served atomic.Int64
		for range 10 {
			calls.Go(func() {
				_, _, err := send(t.Context(), t, lb)
				if err == nil {
					served.Add(1)
					return
				}
				assert.ErrorIs(t, err, balancer.ErrNoAccount)
				var failure *balancer.Error
				assert.ErrorAs(t, err, &failure)
				assert.False(t, failure.RetryAt.IsZero())
			})
		}
		calls.Wait()
		assert.Equal(t, []string{"b"}, keysSeen(fake)[seen:], "by one request at a time")
		assert.EqualValues(t, 1, served.Load())
		assert.Equal(t, "b", servedBy(t.Context(), t, lb, fake), "its success ended its rest")
	})
}

func TestALastResortThatFailsRestsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a"), account("b"))
		cfg.Policy = quick
		lb := newTransport(t, cfg)
		failingAll(t, lb, fake, "a", "b")
		fake.Always(providertest.ServerError())
		for range 3 {
			before := fake.Count()
			status, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusInternalServerError, status, "the caller gets the real answer")
			assert.Equal(t, before+1, fake.Count(), "one is tried, once")
		}
		fake.Always(providertest.OK())
		time.Sleep(time.Minute)
		servedBy(t.Context(), t, lb, fake)
		assert.Equal(t, map[string]int{"a": 0, "b": 0}, inFlightOf(t, lb))
	})
}

func TestNoLastResort(t *testing.T) {
	kept := map[string]providertest.Step{
		"reset named":               providertest.RateLimited(10 * time.Minute),
		"reset named, and far away": providertest.RateLimited(5 * time.Hour),
		"money":                     providertest.QuotaExhausted(),
		"credential":                providertest.Unauthorized(),
	}
	tried := map[string]providertest.Step{
		"failure":        providertest.ServerError(),
		"no reset named": providertest.RateLimited(0),
	}
	run := func(t *testing.T, step providertest.Step, off bool) int {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(step)
		cfg := over(fake, account("only"))
		cfg.Policy, cfg.NoLastResort = quick, off
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		fake.Always(providertest.OK())
		for range 3 {
			_, _, err = send(t.Context(), t, lb)
			if err != nil {
				require.ErrorIs(t, err, balancer.ErrNoAccount)
			}
		}
		return fake.Count()
	}
	for name, step := range kept {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { assert.Equal(t, 1, run(t, step, false)) })
		})
	}
	for name, step := range tried {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Greater(t, run(t, step, false), 1)
				assert.Equal(t, 1, run(t, step, true), "NoLastResort")
			})
		})
	}
}

// A model that rests is a last resort as an account is, by whatever name it is asked for.
func TestAModelThatRestsIsALastResort(t *testing.T) {
	for name, models := range map[string]map[string]string{"as asked": nil, "renamed": {"gpt-5": "deployment"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				cfg := over(fake, account("only", func(a *balancer.Account) { a.Models = models }))
				cfg.Policy = quick
				lb := newTransport(t, cfg)
				fake.Script(providertest.RateLimited(0))
				status, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				require.Equal(t, http.StatusTooManyRequests, status)
				_, _, err = send(t.Context(), t, lb)
				require.NoError(t, err)
			})
		})
	}
}

// twoOver are two programs with one store.
func twoOver(t *testing.T, store health.Store, fake *providertest.Fake, change ...func(*balancer.Config)) (one, two *balancer.Transport) {
	t.Helper()
	cfg := over(fake, twoAccounts()...)
	cfg.Health, cfg.Policy = store, quick
	for _, f := range change {
		f(&cfg)
	}
	return newTransport(t, cfg), newTransport(t, cfg)
}

func TestWhatOneProgramFindsOutTheOtherKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		one, two := twoOver(t, health.NewMemory(health.MemoryConfig{}), fake)
		fake.ScriptFor("key-first", providertest.ServerError())
		assert.Equal(t, "second", servedBy(t.Context(), t, one, fake))
		time.Sleep(1100 * time.Millisecond)
		for range 5 {
			assert.Equal(t, "second", servedBy(t.Context(), t, two, fake))
		}
		assert.Equal(t, 1, fake.CountFor("key-first"))
		require.NoError(t, one.Enable(t.Context(), "first"))
		time.Sleep(1100 * time.Millisecond)
		assert.Equal(t, "first", servedBy(t.Context(), t, two, fake), "also that it is well again")
	})
}

func TestOneProbeForAllPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		one, two := twoOver(t, health.NewMemory(health.MemoryConfig{}), fake)
		fake.ScriptFor("key-first", providertest.ServerError())
		servedBy(t.Context(), t, one, fake)
		time.Sleep(61 * time.Second)
		fake.AlwaysFor("key-first", providertest.OK().After(10*time.Second))
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				_, _, err := send(t.Context(), t, []*balancer.Transport{one, two}[i%2])
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		assert.Equal(t, 2, fake.CountFor("key-first"), "the failure, and one probe of both")
		time.Sleep(1100 * time.Millisecond)
		fake.AlwaysFor("key-first", providertest.OK())
		assert.Equal(t, "first", servedBy(t.Context(), t, one, fake))
		assert.Equal(t, "first", servedBy(t.Context(), t, two, fake))
	})
}

// forgetful is a store that can lose everything, or be out of reach.
type forgetful struct {
	mu    sync.Mutex
	under *health.Memory
	down  bool
}

func (f *forgetful) lose(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under, f.down = health.NewMemory(health.MemoryConfig{}), down
}

func (f *forgetful) store() (*health.Memory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("out of reach")
	}
	return f.under, nil
}

func (f *forgetful) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	m, err := f.store()
	if err != nil {
		return nil, err
	}
	return m.Load(ctx, subjects)
}

func (f *forgetful) Update(ctx context.Context, s health.Subject, change func(health.State) health.State) (health.State, error) {
	m, err := f.store()
	if err != nil {
		return health.State{}, err
	}
	return m.Update(ctx, s, change)
}

func TestAStoreThatLosesItsStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &forgetful{}
		store.lose(false)
		fake := providertest.OpenAI(providertest.Config{})
		var told atomic.Int64
		one, two := twoOver(t, store, fake, func(c *balancer.Config) {
			c.Hooks.StoreError = func(context.Context, string, error) { told.Add(1) }
		})
		fake.ScriptFor("key-first", providertest.Unauthorized(), providertest.Unauthorized())
		servedBy(t.Context(), t, one, fake)
		time.Sleep(2 * time.Second)
		assert.Equal(t, "second", servedBy(t.Context(), t, two, fake))
		store.lose(false)
		time.Sleep(2 * time.Second)
		servedBy(t.Context(), t, two, fake)
		assert.Equal(t, 2, fake.CountFor("key-first"), "what nobody knows is healthy")
		store.lose(true)
		time.Sleep(2 * time.Second)
		for range 3 {
			servedBy(t.Context(), t, one, fake)
			servedBy(t.Context(), t, two, fake)
		}
		assert.Positive(t, told.Load())
		fake.AlwaysFor("key-first", providertest.ServerError())
		servedBy(t.Context(), t, one, fake)
		fake.AlwaysFor("key-first", providertest.OK())
		store.lose(false)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "first", servedBy(t.Context(), t, one, fake))
		time.Sleep(1100 * time.Millisecond) // the other one may have seen no more than the probe
		assert.Equal(t, "first", servedBy(t.Context(), t, two, fake))
	})
}

// After a recovery an account gets a small share that grows, whatever the Picker.
func TestSlowStart(t *testing.T) {
	pickers := map[string]balancer.Picker{
		"least loaded": nil, "round robin": balancer.RoundRobin{}, "random": balancer.Random{}, "in order": balancer.InOrder{},
		"one's own": balancer.PickerFunc(balancer.Random{}.Pick),
	}
	for name, picker := range pickers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				cfg := over(fake, many(2)...)
				cfg.Picker = picker
				cfg.Policy = health.Policy{Failures: 1, Rest: time.Second, Jitter: -1, SlowStart: 100 * time.Second}
				lb := newTransport(t, cfg)
				failingAll(t, lb, fake, "a0")
				time.Sleep(time.Second)
				status, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "a0"}), t, lb) // the probe
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				var shares []int
				for range 5 {
					before := fake.CountFor("key-a0")
					for range 200 {
						_, _, err := send(t.Context(), t, lb)
						require.NoError(t, err)
						time.Sleep(100 * time.Millisecond)
					}
					shares = append(shares, fake.CountFor("key-a0")-before)
				}
				t.Log(shares)
				usual := 100
				if name == "in order" {
					usual = 200
				}
				assert.Less(t, shares[0], usual*6/10)
				assert.Greater(t, shares[4], shares[0]+usual*2/10)
				time.Sleep(time.Minute)
				before := fake.CountFor("key-a0")
				for range 200 {
					_, _, err := send(t.Context(), t, lb)
					require.NoError(t, err)
				}
				assert.InDelta(t, usual, fake.CountFor("key-a0")-before, 40)
			})
		})
	}
}

// Where everything has just recovered, everything is used.
func TestSlowStartKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, many(3)...)
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Second, Jitter: -1}
		lb := newTransport(t, cfg)
		failingAll(t, lb, fake, "a0", "a1", "a2")
		time.Sleep(2 * time.Second)
		for i := range 30 {
			servedBy(session(t.Context(), fmt.Sprint(i%4)), t, lb, fake)
		}
	})
}
