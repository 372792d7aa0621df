package pool_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

func TestAcquireFindsWhatItMadeBefore(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	first := acquire(t, p, key("a"), m)
	second := acquire(t, p, key("a"), m)
	assert.Same(t, first.Agent(), second.Agent(), "while it is in use")
	first.Release()
	second.Release()
	assert.Same(t, first.Agent(), visit(t, p, key("a"), m), "when it is idle")
	assert.Equal(t, 1, m.attempts())
	assert.Empty(t, m.made()[0].seen())
}

func TestEveryFieldOfTheKeyIsolates(t *testing.T) {
	base := pool.Key{Scheme: "https", Host: "api.example.com:443", Route: "r", HTTP2: true, Variant: 1}
	keys := map[string]pool.Key{"the base": base}
	for name, change := range map[string]func(*pool.Key){
		"scheme":       func(k *pool.Key) { k.Scheme = "http" },
		"host":         func(k *pool.Key) { k.Host = "other.example.com:443" },
		"port":         func(k *pool.Key) { k.Host = "api.example.com:8443" },
		"route":        func(k *pool.Key) { k.Route = "s" },
		"no route":     func(k *pool.Key) { k.Route = "" },
		"HTTP2":        func(k *pool.Key) { k.HTTP2 = false },
		"variant":      func(k *pool.Key) { k.Variant = 2 },
		"zero variant": func(k *pool.Key) { k.Variant = 0 },
	} {
		k := base
		change(&k)
		keys[name] = k
	}
	p, m := newPool(t, pool.Config{}), &maker{}
	owner := make(map[pool.Agent]string)
	for name, k := range keys {
		a := visit(t, p, k, m)
		require.Empty(t, owner[a], "%s shares its agent", name)
		owner[a] = name
	}
	for name, k := range keys {
		assert.Equal(t, name, owner[visit(t, p, k, m)], "each finds its own again")
	}
	assert.Equal(t, len(keys), m.attempts())
}

func TestHundredCallersShareOneCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{}), &maker{gate: make(chan struct{})}
		results := acquireAsync(t.Context(), p, key("a"), m, 100)
		synctest.Wait() // all of them wait
		close(m.gate)
		for range 100 {
			r := <-results
			require.NoError(t, r.err)
			assert.Same(t, m.made()[0], r.lease.Agent())
			r.lease.Release()
		}
		assert.Equal(t, 1, m.attempts())
		assert.Equal(t, 0, p.Stats().InUse)
	})
}

// All who waited use the agent from the moment it exists. This one is temporary and
// would be closed when its first user is done, before the others have run.
func TestNoWaiterLosesTheAgentToAnEarlierRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{MaxAgents: 1}), &maker{gate: make(chan struct{})}
		busy := acquire(t, p, key("b"), &maker{})
		defer busy.Release()
		results := make(chan result, 100)
		for range 100 {
			go func() {
				l, err := p.Acquire(t.Context(), key("a"), m.create)
				l.Release()
				results <- result{l, err}
			}()
		}
		synctest.Wait()
		close(m.gate)
		for range 100 {
			r := <-results
			require.NoError(t, r.err)
			assert.Same(t, m.made()[0], r.lease.Agent())
		}
		synctest.Wait()
		assert.Equal(t, 1, m.attempts())
		assert.Equal(t, ending, m.made()[0].seen())
	})
}

func TestFirstCallersCancelFailsNobodyElse(t *testing.T) {
	type mark struct{}
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{}), &maker{gate: make(chan struct{})}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), mark{}, "first"), time.Second)
		var seen context.Context
		firstErr := make(chan error, 1)
		go func() {
			_, err := p.Acquire(ctx, key("a"), func(ctx context.Context) (pool.Agent, error) {
				seen = ctx //nolint:fatcontext // kept to be looked at, not to be used
				return m.create(ctx)
			})
			firstErr <- err
		}()
		synctest.Wait()
		others := acquireAsync(t.Context(), p, key("a"), m, 10)
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-firstErr, context.Canceled, "who gives up does so at once")
		synctest.Wait()
		require.NoError(t, seen.Err(), "the creation goes on")
		_, hasDeadline := seen.Deadline()
		assert.False(t, hasDeadline)
		assert.Equal(t, "first", seen.Value(mark{}))
		close(m.gate)
		for range 10 {
			r := <-others
			require.NoError(t, r.err)
			r.lease.Release()
		}
		assert.Equal(t, 1, m.attempts())
		assert.Equal(t, 0, p.Stats().InUse, "who gave up left nothing behind")
	})
}

func TestAgentOfAbandonedCreationIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{TTL: time.Minute}), &maker{gate: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		results := acquireAsync(ctx, p, key("a"), m, 3)
		synctest.Wait()
		cancel()
		for range 3 {
			assert.ErrorIs(t, (<-results).err, context.Canceled)
		}
		close(m.gate)
		synctest.Wait()
		assert.Same(t, m.made()[0], visit(t, p, key("a"), m))
		assert.Equal(t, 1, m.attempts())
		time.Sleep(2 * time.Minute)
		assert.Equal(t, ending, m.made()[0].seen(), "nobody is counted as its user")
	})
}

// Callers give up at the very moment the agent comes: some get it and some their
// context's error, but no use of it stays counted.
func TestGivingUpAsTheAgentComesLeavesNoUser(t *testing.T) {
	for range 200 {
		p, m := pool.New(pool.Config{}), &maker{gate: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		results := acquireAsync(ctx, p, key("a"), m, 4)
		for m.attempts() == 0 {
			runtime.Gosched()
		}
		go cancel()
		go close(m.gate)
		for range 4 {
			r := <-results
			if r.err != nil {
				assert.ErrorIs(t, r.err, context.Canceled)
			}
			r.lease.Release()
		}
		require.NoError(t, p.Shutdown(t.Context()), "it would wait for a use that nobody ends")
		for _, a := range m.made() {
			assert.Equal(t, ending, a.seen())
		}
	}
}

func TestEndedContextCreatesNothing(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Acquire(ctx, key("a"), m.create)
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, m.attempts())
	visit(t, p, key("a"), m)
	_, err = p.Acquire(ctx, key("a"), m.create)
	assert.ErrorIs(t, err, context.Canceled, "the same when there is an agent")
}

func TestCreationErrorReachesAllAndIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{}), &maker{gate: make(chan struct{}), err: errRefused}
		results := acquireAsync(t.Context(), p, key("a"), m, 100)
		synctest.Wait()
		close(m.gate)
		for range 100 {
			r := <-results
			require.ErrorIs(t, r.err, errRefused)
			assert.Nil(t, r.lease.Agent())
			r.lease.Release() // of the zero Lease: nothing
			r.lease.MarkUnhealthy(errRefused)
		}
		assert.Equal(t, 1, m.attempts())
		assert.Equal(t, pool.Stats{Misses: 100, Origins: map[string]pool.OriginStats{}}, p.Stats())
		m.err = nil
		assert.NotNil(t, visit(t, p, key("a"), m))
		assert.Equal(t, 2, m.attempts())
	})
}

// A failed creation must not have cost another endpoint its agent.
func TestCreationErrorEvictsNobody(t *testing.T) {
	p, m := newPool(t, pool.Config{MaxAgents: 1}), &maker{}
	a := visit(t, p, key("a"), m)
	_, err := p.Acquire(t.Context(), key("b"), (&maker{err: errRefused}).create)
	require.ErrorIs(t, err, errRefused)
	assert.Same(t, a, visit(t, p, key("a"), m))
}

func TestCreateThatMakesNothingIsAnError(t *testing.T) {
	for name, create := range map[string]func(context.Context) (pool.Agent, error){
		"nil, nil":           func(context.Context) (pool.Agent, error) { return nil, nil },
		"its goroutine ends": func(context.Context) (pool.Agent, error) { runtime.Goexit(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, pool.Config{})
			l, err := p.Acquire(t.Context(), key("a"), create)
			require.Error(t, err)
			assert.Nil(t, l.Agent())
			assert.NotNil(t, visit(t, p, key("a"), &maker{}), "the next try is a new one")
		})
	}
}

func TestReleaseCountsOnce(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	first, second := acquire(t, p, key("a"), m), acquire(t, p, key("a"), m)
	twin := first
	first.Release()
	first.Release()
	twin.Release()
	assert.Equal(t, 1, p.Stats().InUse)
	second.MarkUnhealthy(errRefused)
	assert.Empty(t, m.made()[0].seen(), "the second is still at work")

	// A lease that is over stays so when another takes its place.
	third := acquire(t, p, key("b"), m)
	third.Release()
	fourth := acquire(t, p, key("b"), m)
	third.Release()
	assert.Equal(t, 2, p.Stats().InUse)
	fourth.Release()
	second.Release()
	assert.Equal(t, 0, p.Stats().InUse)
	assert.Equal(t, ending, m.made()[0].seen())
}

func TestReleaseFromManyGoroutinesCountsOnce(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	held, shared := acquire(t, p, key("a"), m), acquire(t, p, key("a"), m)
	done := make(chan struct{})
	for range 50 {
		go func() { shared.Release(); done <- struct{}{} }()
	}
	for range 50 {
		<-done
	}
	assert.Equal(t, 1, p.Stats().InUse)
	held.Release()
	assert.Equal(t, 0, p.Stats().InUse)
}

// TryAcquire finds what Acquire would find, and makes nothing.
func TestTryAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{}), &maker{}
		_, ok := p.TryAcquire(key("a"))
		assert.False(t, ok, "it was never made")
		assert.Zero(t, p.Stats().Misses, "nothing was to be made")

		first := acquire(t, p, key("a"), m)
		second, ok := p.TryAcquire(key("a"))
		require.True(t, ok)
		assert.Same(t, first.Agent(), second.Agent())
		assert.Equal(t, uint64(1), p.Stats().Hits)
		assert.Equal(t, 2, p.Stats().InUse)
		first.Release()
		second.Release()
		assert.Zero(t, p.Stats().InUse)

		time.Sleep(6 * time.Minute)
		_, ok = p.TryAcquire(key("a"))
		assert.False(t, ok, "it has expired")

		acquire(t, p, key("b"), m).Release()
		require.NoError(t, p.Close())
		_, ok = p.TryAcquire(key("b"))
		assert.False(t, ok, "the pool is closed")
	})
}
