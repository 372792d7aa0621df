package pool_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

const never = -1 // a duration that means none

func TestAgentGoesByTheClock(t *testing.T) {
	ttl := pool.Config{TTL: time.Minute, MaxAge: never, Sweep: never}
	age := pool.Config{TTL: never, MaxAge: time.Minute, Sweep: never}
	for name, tc := range map[string]struct {
		config       pool.Config
		hold, idle   time.Duration // how long a lease is held, and then none
		gone, sweeps bool
	}{
		"TTL: just before":            {config: ttl, idle: time.Minute - 1},
		"TTL: reached":                {config: ttl, idle: time.Minute, gone: true},
		"TTL: counts from Release":    {config: ttl, hold: time.Hour, idle: time.Minute - 1},
		"TTL: after a long use":       {config: ttl, hold: time.Hour, idle: time.Minute, gone: true},
		"MaxAge: just before":         {config: age, idle: time.Minute - 1},
		"MaxAge: reached":             {config: age, idle: time.Minute, gone: true},
		"MaxAge: use does not count":  {config: age, hold: time.Minute - 1, idle: 1, gone: true},
		"no TTL, no MaxAge":           {config: pool.Config{TTL: never, MaxAge: never}, idle: 1000 * time.Hour},
		"defaults: TTL just before":   {config: pool.Config{Sweep: never}, idle: 5*time.Minute - 1},
		"defaults: TTL":               {config: pool.Config{Sweep: never}, idle: 5 * time.Minute, gone: true},
		"defaults: MaxAge not yet":    {config: pool.Config{Sweep: never}, hold: 30*time.Minute - 1},
		"defaults: MaxAge":            {config: pool.Config{Sweep: never}, hold: 30 * time.Minute, gone: true},
		"swept: TTL just before":      {config: pool.Config{TTL: time.Minute}, idle: time.Minute - 1},
		"swept: TTL, default sweep":   {config: pool.Config{TTL: time.Minute}, idle: time.Minute + 1, gone: true, sweeps: true},
		"swept: MaxAge, own interval": {config: pool.Config{MaxAge: time.Minute, Sweep: 10 * time.Second}, idle: time.Minute + 1, gone: true, sweeps: true},
		"swept: MaxAge while in use":  {config: pool.Config{MaxAge: time.Minute}, hold: 2 * time.Minute, gone: true, sweeps: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, m := newPool(t, tc.config), &maker{}
				l := acquire(t, p, key("a"), m)
				time.Sleep(tc.hold)
				synctest.Wait()
				assert.Empty(t, m.made()[0].seen(), "not while it is in use")
				l.Release()
				time.Sleep(tc.idle)
				synctest.Wait()
				assert.Equal(t, tc.sweeps, len(m.made()[0].seen()) > 0, "closed without an Acquire")
				again := visit(t, p, key("a"), m)
				if !tc.gone {
					assert.Same(t, l.Agent(), again)
					return
				}
				assert.NotSame(t, l.Agent(), again)
				assert.Equal(t, ending, m.made()[0].seen())
			})
		})
	}
}

func TestTooOldAgentDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{MaxAge: time.Minute, Sweep: never}), &maker{}
		first, second := acquire(t, p, key("a"), m), acquire(t, p, key("a"), m)
		time.Sleep(time.Minute)
		young := acquire(t, p, key("a"), m)
		assert.NotSame(t, first.Agent(), young.Agent(), "it takes no new users")
		assert.Equal(t, 1, p.Stats().Draining)
		first.Release()
		assert.Empty(t, m.made()[0].seen(), "one user is left")
		second.Release()
		assert.Equal(t, ending, m.made()[0].seen())
		young.Release()
		assert.Empty(t, m.made()[1].seen())
	})
}

// Whatever takes an agent out of the pool, its users finish, the next caller gets a
// new one, and it is closed once.
func TestRetiredAgentFinishesItsUsersAndIsClosedOnce(t *testing.T) {
	for name, retire := range map[string]func(*pool.Pool, pool.Lease){
		"MarkUnhealthy":       func(_ *pool.Pool, l pool.Lease) { l.MarkUnhealthy(errRefused) },
		"MarkUnhealthy twice": func(_ *pool.Pool, l pool.Lease) { l.MarkUnhealthy(errRefused); l.MarkUnhealthy(errRefused) },
		"MarkUnhealthy after Release": func(_ *pool.Pool, l pool.Lease) {
			l.Release()
			l.MarkUnhealthy(errRefused)
		},
		"Evict":       func(p *pool.Pool, _ pool.Lease) { p.Evict(key("a").Origin()) },
		"Evict twice": func(p *pool.Pool, _ pool.Lease) { p.Evict(key("a").Origin()); p.Evict(key("a").Origin()) },
		"both": func(p *pool.Pool, l pool.Lease) {
			l.MarkUnhealthy(errRefused)
			p.Evict(key("a").Origin())
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := newPool(t, pool.Config{}), &maker{}
			first, second := acquire(t, p, key("a"), m), acquire(t, p, key("a"), m)
			retire(p, first)
			s := p.Stats()
			assert.Equal(t, [3]int{0, 1, 1}, [3]int{s.Agents, s.Draining, int(s.Evictions)})
			assert.Empty(t, m.made()[0].seen())
			next := visit(t, p, key("a"), m)
			assert.NotSame(t, first.Agent(), next)
			first.Release()
			assert.Empty(t, m.made()[0].seen(), "the second user is not done")
			second.Release()
			second.Release()
			first.MarkUnhealthy(errRefused) // late word about an agent that is gone
			assert.Equal(t, ending, m.made()[0].seen())
			assert.Empty(t, m.made()[1].seen())
			assert.Same(t, next, visit(t, p, key("a"), m), "late word does not touch the successor")
		})
	}
}

func TestEvictTakesTheOriginByAllRoutesAndNoOther(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	mine := []pool.Key{
		{Scheme: "https", Host: "a:443"}, {Scheme: "https", Host: "a:443", Route: "r"},
		{Scheme: "https", Host: "a:443", HTTP2: true}, {Scheme: "https", Host: "a:443", Variant: 1},
	}
	others := []pool.Key{{Scheme: "http", Host: "a:443"}, {Scheme: "https", Host: "a:8443"}, {Scheme: "https", Host: "b:443"}}
	for _, k := range append(mine, others...) {
		visit(t, p, k, m)
	}
	p.Evict("https://a:443")
	p.Evict("https://nobody:443")
	for i, a := range m.made() {
		if i < len(mine) {
			assert.Equal(t, ending, a.seen())
		} else {
			assert.Empty(t, a.seen())
		}
	}
	assert.Equal(t, len(others), p.Stats().Agents)
}

// An agent whose creation began before Evict may be built on what Evict is to
// undo: it serves those who wait for it, and nobody else.
func TestEvictDuringCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, pool.Config{})
		old, other := &maker{gate: make(chan struct{})}, &maker{gate: make(chan struct{})}
		before := acquireAsync(t.Context(), p, key("a"), old, 2)
		elsewhere := acquireAsync(t.Context(), p, key("b"), other, 1)
		synctest.Wait()
		p.Evict(key("a").Origin())

		young := &maker{gate: make(chan struct{})}
		after := acquireAsync(t.Context(), p, key("a"), young, 2) // do not wait for the old
		synctest.Wait()
		close(old.gate)
		close(other.gate)
		synctest.Wait()
		late := acquireAsync(t.Context(), p, key("a"), young, 1) // the old has landed, the young not yet
		synctest.Wait()
		close(young.gate)
		for _, r := range []result{<-after, <-after, <-late} {
			require.NoError(t, r.err)
			assert.Same(t, young.made()[0], r.lease.Agent())
			r.lease.Release()
		}
		assert.Equal(t, 1, young.attempts())
		first, second := <-before, <-before
		require.NoError(t, first.err)
		require.NoError(t, second.err)
		assert.Same(t, old.made()[0], first.lease.Agent())
		assert.Same(t, old.made()[0], second.lease.Agent())
		assert.Same(t, young.made()[0], visit(t, p, key("a"), young), "it is the one that is kept")
		first.lease.Release()
		assert.Empty(t, old.made()[0].seen())
		second.lease.Release()
		assert.Equal(t, ending, old.made()[0].seen())

		(<-elsewhere).lease.Release()
		assert.Same(t, other.made()[0], visit(t, p, key("b"), other), "another origin is not concerned")
	})
}

func TestExpireThenHundredCallers(t *testing.T) {
	for name, c := range map[string]pool.Config{
		"TTL":    {TTL: time.Minute, MaxAge: never, Sweep: never},
		"MaxAge": {TTL: never, MaxAge: time.Minute, Sweep: never},
		"swept":  {TTL: time.Minute, Sweep: time.Minute}, // at the same moment
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, m := newPool(t, c), &maker{}
				old := visit(t, p, key("a"), m)
				time.Sleep(time.Minute)
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						l, err := p.Acquire(t.Context(), key("a"), m.create)
						if assert.NoError(t, err) {
							assert.NotSame(t, old, l.Agent())
							l.Release()
						}
					})
				}
				wg.Wait()
				assert.Len(t, m.made(), 2)
				assert.Equal(t, ending, m.made()[0].seen(), "the old one: once")
				assert.Empty(t, m.made()[1].seen())
				assert.Equal(t, uint64(1), p.Stats().Evictions)
			})
		})
	}
}

func TestCloseIdleConnectionsKeepsTheAgents(t *testing.T) {
	p, m := newPool(t, pool.Config{}), &maker{}
	a := visit(t, p, key("a"), m)
	p.CloseIdleConnections()
	assert.Equal(t, []string{"CloseIdleConnections"}, m.made()[0].seen())
	assert.Same(t, a, visit(t, p, key("a"), m))
}
