package pool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

func TestFullPoolEvictsTheLeastRecentlyUsed(t *testing.T) {
	type step struct {
		key  string
		kind string // use: acquire and release; take: acquire; give: release what was taken
	}
	for name, tc := range map[string]struct {
		steps []step
		gone  string
	}{
		"in order":              {[]step{{"a", "use"}, {"b", "use"}, {"c", "use"}}, "a"},
		"a hit counts":          {[]step{{"a", "use"}, {"b", "use"}, {"c", "use"}, {"a", "use"}}, "b"},
		"two hits":              {[]step{{"a", "use"}, {"b", "use"}, {"c", "use"}, {"a", "use"}, {"b", "use"}}, "c"},
		"a release counts":      {[]step{{"a", "take"}, {"b", "use"}, {"c", "use"}, {"a", "give"}}, "b"},
		"busy is skipped":       {[]step{{"a", "take"}, {"b", "use"}, {"c", "use"}}, "b"},
		"two busy are skipped":  {[]step{{"a", "take"}, {"b", "take"}, {"c", "use"}}, "c"},
		"order of the releases": {[]step{{"a", "take"}, {"b", "take"}, {"c", "take"}, {"c", "give"}, {"a", "give"}, {"b", "give"}}, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := newPool(t, pool.Config{MaxAgents: 3}), &maker{}
			taken, agents := make(map[string]pool.Lease), make(map[string]pool.Agent)
			for _, s := range tc.steps {
				switch s.kind {
				case "use":
					agents[s.key] = visit(t, p, key(s.key), m)
				case "take":
					taken[s.key] = acquire(t, p, key(s.key), m)
					agents[s.key] = taken[s.key].Agent()
				case "give":
					taken[s.key].Release()
				}
			}
			require.Len(t, agents, 3)
			visit(t, p, key("newcomer"), m)
			for k, a := range agents {
				if k == tc.gone {
					assert.Equal(t, ending, a.(*agent).seen(), k)
				} else {
					assert.Empty(t, a.(*agent).seen(), k)
				}
			}
			assert.Equal(t, 3, p.Stats().Agents)
			assert.Equal(t, uint64(1), p.Stats().Evictions)
			for _, l := range taken {
				l.Release()
			}
		})
	}
}

// Busy agents that were passed over are not put before those used less recently.
func TestSkippingBusyAgentsKeepsTheOrder(t *testing.T) {
	p, m := newPool(t, pool.Config{MaxAgents: 4}), &maker{}
	a := acquire(t, p, key("a"), m)
	for _, k := range []string{"b", "c", "d"} {
		visit(t, p, key(k), m)
	}
	visit(t, p, key("e"), m) // b goes, a is skipped
	a.Release()
	for i, k := range []string{"f", "g", "h"} { // c, d and e go, then a
		visit(t, p, key(k), m)
		assert.Equal(t, ending, m.made()[i+2].seen())
		assert.Empty(t, m.made()[0].seen())
	}
	visit(t, p, key("i"), m)
	assert.Equal(t, ending, m.made()[0].seen())
}

func TestFullOfBusyAgentsMakesATemporaryOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		p := newPool(t, pool.Config{MaxAgents: 2, Logger: log.logger()})
		m := &maker{}
		a, b := acquire(t, p, key("a"), m), acquire(t, p, key("b"), m)
		assert.Empty(t, log.String())

		m.gate = make(chan struct{})
		k := pool.Key{Scheme: "https", Host: "c.example.com:443", Route: "secret-route"}
		results := acquireAsync(t.Context(), p, k, m, 100)
		synctest.Wait()
		close(m.gate)
		var leases []pool.Lease
		for range 100 {
			r := <-results
			require.NoError(t, r.err)
			leases = append(leases, r.lease)
		}
		synctest.Wait()
		require.Len(t, m.made(), 3, "one for all who asked")
		temporary := m.made()[2]
		s := p.Stats()
		assert.Equal(t, [4]int{2, 1, 102, 1}, [4]int{s.Agents, s.Draining, s.InUse, int(s.Temporary)})
		assert.Contains(t, log.String(), "level=WARN")
		assert.Contains(t, log.String(), "maxAgents=2")
		assert.Contains(t, log.String(), "origin=https://c.example.com:443")
		assert.NotContains(t, log.String(), "secret-route")

		for _, l := range leases[1:] {
			l.Release()
		}
		time.Sleep(10 * time.Minute) // sweeps leave it alone
		assert.Empty(t, temporary.seen())
		leases[0].Release()
		assert.Equal(t, ending, temporary.seen())
		assert.Equal(t, 0, p.Stats().Draining)
		assert.Equal(t, uint64(0), p.Stats().Evictions, "it was never in the pool")
		a.Release()
		b.Release()
	})
}

func TestTemporaryAgentIsNotFoundByLaterCallers(t *testing.T) {
	p, m := newPool(t, pool.Config{MaxAgents: 1}), &maker{}
	a := acquire(t, p, key("a"), m)
	first, second := acquire(t, p, key("b"), m), acquire(t, p, key("b"), m)
	assert.NotSame(t, first.Agent(), second.Agent())
	assert.Equal(t, uint64(2), p.Stats().Temporary)
	first.MarkUnhealthy(errRefused) // it is out of the pool as it is
	first.Release()
	second.Release()
	a.Release()
	for i, want := range [][]string{nil, ending, ending} {
		assert.Equal(t, want, m.made()[i].seen())
	}
	third := visit(t, p, key("b"), m)
	assert.Same(t, third, visit(t, p, key("b"), m), "there is room now")
}

func TestTemporaryAgentThatNobodyWaitsForIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{MaxAgents: 1}), &maker{}
		a := acquire(t, p, key("a"), m)
		m.gate = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		results := acquireAsync(ctx, p, key("b"), m, 2)
		synctest.Wait()
		cancel()
		<-results
		<-results
		close(m.gate)
		synctest.Wait()
		require.Len(t, m.made(), 2)
		assert.Equal(t, ending, m.made()[1].seen())
		assert.Equal(t, 0, p.Stats().Draining)
		a.Release()
	})
}

func TestGrowMakesRoom(t *testing.T) {
	p, m := newPool(t, pool.Config{MaxAgents: 1}), &maker{}
	p.Grow(3)
	p.Grow(2) // never shrinks
	for _, name := range []string{"a", "b", "c"} {
		l, err := p.Acquire(t.Context(), key(name), m.create)
		require.NoError(t, err)
		l.Release()
	}
	assert.Equal(t, 3, p.Stats().Agents)
	assert.Zero(t, p.Stats().Evictions)
}
