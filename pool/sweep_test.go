package pool_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/pool"
)

// A running timer keeps its pool from being collected; nothing else does once its
// user has dropped it. So that a forgotten pool is collected, after the time of one
// more sweep, shows that the timer does not run.
func TestSweepTimerRunsOnlyWhileThereIsSomethingToSweep(t *testing.T) {
	minute := pool.Config{TTL: time.Minute}
	for name, tc := range map[string]struct {
		config pool.Config
		do     func(*testing.T, *pool.Pool, *maker)
		runs   bool
	}{
		"new":              {minute, func(*testing.T, *pool.Pool, *maker) {}, false},
		"an idle agent":    {minute, func(t *testing.T, p *pool.Pool, m *maker) { visit(t, p, key("a"), m) }, true},
		"a busy agent":     {minute, func(t *testing.T, p *pool.Pool, m *maker) { acquire(t, p, key("a"), m) }, true},
		"creation failed":  {minute, func(t *testing.T, p *pool.Pool, m *maker) { refuse(t, p) }, false},
		"some sweeps long": {minute, func(t *testing.T, p *pool.Pool, m *maker) { inUseFor(t, p, m, 10*time.Minute) }, true},
		"expired": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			visit(t, p, key("a"), m)
			time.Sleep(2 * time.Minute)
		}, false},
		"expired, then used again": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			visit(t, p, key("a"), m)
			time.Sleep(2 * time.Minute)
			visit(t, p, key("a"), m)
		}, true},
		"too old and draining": {pool.Config{MaxAge: time.Minute}, func(t *testing.T, p *pool.Pool, m *maker) {
			inUseFor(t, p, m, 2*time.Minute)
		}, false},
		"unhealthy": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			acquire(t, p, key("a"), m).MarkUnhealthy(errRefused)
		}, false},
		"evicted": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			visit(t, p, key("a"), m)
			p.Evict(key("a").Origin())
		}, false},
		"one of two evicted": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			visit(t, p, key("a"), m)
			visit(t, p, key("b"), m)
			p.Evict(key("a").Origin())
		}, true},
		"closed": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			acquire(t, p, key("a"), m)
			_ = p.Close()
		}, false},
		"shutting down": {minute, func(t *testing.T, p *pool.Pool, m *maker) {
			acquire(t, p, key("a"), m)
			_ = p.Shutdown(ended())
		}, false},
		"nothing expires": {pool.Config{TTL: never, MaxAge: never}, func(t *testing.T, p *pool.Pool, m *maker) {
			visit(t, p, key("a"), m)
		}, false},
		"no sweeps": {pool.Config{Sweep: never}, func(t *testing.T, p *pool.Pool, m *maker) { visit(t, p, key("a"), m) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				forgotten := func() weak.Pointer[pool.Pool] {
					p := pool.New(tc.config)
					tc.do(t, p, &maker{})
					return weak.Make(p)
				}()
				time.Sleep(30 * time.Second) // the default interval; what was stopped is forgotten then
				synctest.Wait()
				runtime.GC()
				runtime.GC()
				p := forgotten.Value()
				assert.Equal(t, tc.runs, p != nil, "the timer runs")
				if p != nil {
					_ = p.Close()
				}
			})
		})
	}
}

func refuse(t *testing.T, p *pool.Pool) {
	_, err := p.Acquire(t.Context(), key("a"), (&maker{err: errRefused}).create)
	assert.ErrorIs(t, err, errRefused)
}

func inUseFor(t *testing.T, p *pool.Pool, m *maker, d time.Duration) {
	acquire(t, p, key("a"), m)
	time.Sleep(d)
}

func TestSweepTakesWhatExpiredAndLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		p, m := newPool(t, pool.Config{TTL: 75 * time.Second, Logger: log.logger()}), &maker{}
		visit(t, p, key("old"), m)
		time.Sleep(31 * time.Second)
		visit(t, p, key("young"), m)
		busy := acquire(t, p, key("busy"), m)
		time.Sleep(58 * time.Second) // just before the third sweep
		assert.Empty(t, log.String(), "sweeps that change nothing say nothing")
		assert.Equal(t, 3, p.Stats().Agents)

		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, ending, m.made()[0].seen())
		assert.Empty(t, m.made()[1].seen())
		assert.Contains(t, log.String(), `level=DEBUG msg="agent pool swept" agents=2 draining=0 inUse=1 conns=0 hits=0 misses=3 evictions=1`)

		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, ending, m.made()[1].seen())
		assert.Empty(t, m.made()[2].seen())
		assert.Equal(t, 2, strings.Count(log.String(), "swept"))
		time.Sleep(10 * time.Minute)
		assert.Empty(t, m.made()[2].seen(), "in use")
		busy.Release()
		time.Sleep(2 * time.Minute)
		assert.Equal(t, ending, m.made()[2].seen())
	})
}

// The timer does not run on while the pool is empty: its interval begins with the
// first agent.
func TestSweepsAreCountedFromTheFirstAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := newPool(t, pool.Config{TTL: 25 * time.Second, Sweep: 30 * time.Second}), &maker{}
		visit(t, p, key("a"), m)
		time.Sleep(10 * time.Second)
		p.Evict(key("a").Origin())
		time.Sleep(time.Second)
		visit(t, p, key("b"), m)
		time.Sleep(30*time.Second - 1)
		assert.Empty(t, m.made()[1].seen())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, ending, m.made()[1].seen())
	})
}
