package pool_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

func TestStats(t *testing.T) {
	p := newPool(t, pool.Config{MaxAgents: 3})
	take := func(k pool.Key, a pool.Agent) pool.Lease {
		l, err := p.Acquire(t.Context(), k, func(context.Context) (pool.Agent, error) { return a, nil })
		require.NoError(t, err)
		return l
	}
	with := func(conns int) *agent { return &agent{bare: bare{conns: conns}} }
	a := key("a")
	aProxied := a
	aProxied.Route = "r"
	assert.Equal(t, pool.Stats{Origins: map[string]pool.OriginStats{}}, p.Stats())

	direct, again := take(a, with(2)), take(a, nil)
	through := take(aProxied, with(5))
	uncounted := take(key("b"), &bare{conns: 100}) // does not count its connections
	temporary := take(key("c"), with(7))
	through.MarkUnhealthy(errRefused)
	uncounted.Release()
	assert.Equal(t, pool.Stats{
		Agents: 2, Draining: 2, InUse: 4, Conns: 14,
		Hits: 1, Misses: 4, Evictions: 1, Temporary: 1,
		Origins: map[string]pool.OriginStats{
			a.Origin():        {Agents: 2, InUse: 3, Conns: 7},
			key("b").Origin(): {Agents: 1},
			key("c").Origin(): {Agents: 1, InUse: 1, Conns: 7},
		},
	}, p.Stats())

	for _, l := range []pool.Lease{direct, again, through, temporary} {
		l.Release()
	}
	assert.Equal(t, pool.Stats{
		Agents: 2, Conns: 2, Hits: 1, Misses: 4, Evictions: 1, Temporary: 1,
		Origins: map[string]pool.OriginStats{a.Origin(): {Agents: 1, Conns: 2}, key("b").Origin(): {Agents: 1}},
	}, p.Stats())

	require.NoError(t, p.Close())
	_, err := p.Acquire(t.Context(), a, (&maker{}).create)
	require.ErrorIs(t, err, pool.ErrClosed)
	assert.Equal(t, pool.Stats{
		Hits: 1, Misses: 4, Evictions: 3, Temporary: 1, Origins: map[string]pool.OriginStats{},
	}, p.Stats(), "a refused Acquire is neither hit nor miss")
}

// curious is an agent that uses its pool whenever it is called. The pool must not
// hold its mutex then.
type curious struct {
	pool  *pool.Pool
	asked atomic.Int64
}

func (a *curious) RoundTrip(*http.Request) (*http.Response, error) { return nil, errRefused }

func (a *curious) CloseIdleConnections() {
	a.asked.Add(1)
	a.pool.Evict("nobody")
}

func (a *curious) OpenConns() int {
	a.asked.Add(1)
	_, _ = a.pool.Acquire(ended(), key("nobody"), nil)
	a.pool.Evict("nobody")
	return 0
}

func TestAgentsAreCalledWithoutTheMutex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool.New(pool.Config{MaxAgents: 1, TTL: time.Minute})
		a := &curious{pool: p}
		take := func(k string) {
			l, err := p.Acquire(t.Context(), key(k), func(context.Context) (pool.Agent, error) { return a, nil })
			require.NoError(t, err)
			l.Release()
		}
		for name, ask := range map[string]func(){
			"Stats":                func() { p.Stats() },
			"CloseIdleConnections": func() { p.CloseIdleConnections() },
			"eviction":             func() { take("other") },
			"sweep":                func() { time.Sleep(2 * time.Minute); synctest.Wait() },
			"Evict":                func() { p.Evict(key("mine").Origin()) },
			"expiry":               func() { time.Sleep(time.Minute); take("mine"); synctest.Wait() }, // a sweep may come first
		} {
			take("mine")
			asked := a.asked.Load()
			ask()
			assert.Greater(t, a.asked.Load(), asked, name)
		}
		take("mine")
		asked := a.asked.Load()
		require.NoError(t, p.Close())
		assert.Greater(t, a.asked.Load(), asked)
	})
}
