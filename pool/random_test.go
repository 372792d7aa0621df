package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

// crowd is many goroutines that do all there is to do with a small pool, and the
// agents it made.
type crowd struct {
	t      *testing.T
	pool   *pool.Pool
	agents int // Config.MaxAgents

	closing atomic.Bool // the pool is being closed under its users

	mu   sync.Mutex
	made []*strict
}

// strict is an agent that notes what must not be.
type strict struct {
	agent
	crowd  *crowd
	users  atomic.Int64
	closed atomic.Int64
}

func (a *strict) RoundTrip(*http.Request) (*http.Response, error) {
	a.users.Add(1)
	defer a.users.Add(-1)
	a.mustBeOpen()
	time.Sleep(upTo(3 * time.Millisecond))
	a.mustBeOpen()
	return nil, errRefused
}

func (a *strict) mustBeOpen() {
	if a.closed.Load() > 0 && !a.crowd.closing.Load() {
		a.crowd.t.Error("an agent was used after it was closed")
	}
}

func (a *strict) Close() error {
	a.closed.Add(1)
	if a.users.Load() > 0 && !a.crowd.closing.Load() {
		a.crowd.t.Error("an agent was closed while it was used")
	}
	return a.agent.Close()
}

func (c *crowd) create(ctx context.Context) (pool.Agent, error) {
	select {
	case <-time.After(upTo(2 * time.Millisecond)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if rand.IntN(10) == 0 {
		return nil, errRefused
	}
	a := &strict{crowd: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, a)
	return a, nil
}

// member does n things. It returns early when the pool is closed.
func (c *crowd) member(n int) {
	for range n {
		k := key(string(rune('a' + rand.IntN(2*c.agents))))
		ctx, cancel := context.WithTimeout(context.Background(), upTo(20*time.Millisecond))
		l, err := c.pool.Acquire(ctx, k, c.create)
		cancel()
		if errors.Is(err, pool.ErrClosed) {
			return
		}
		if err != nil {
			if !errors.Is(err, errRefused) && !errors.Is(err, context.DeadlineExceeded) {
				c.t.Errorf("neither create's error nor the context's: %v", err)
			}
			continue
		}
		c.use(l, k)
	}
}

func (c *crowd) use(l pool.Lease, k pool.Key) {
	_, _ = l.Agent().RoundTrip(nil)
	switch rand.IntN(12) {
	case 0:
		l.MarkUnhealthy(errRefused)
	case 1:
		c.pool.Evict(k.Origin())
	case 2:
		c.pool.CloseIdleConnections()
	case 3:
		if s := c.pool.Stats(); s.Agents > c.agents {
			c.t.Errorf("%d agents in a pool of %d", s.Agents, c.agents)
		}
	case 4:
		defer l.MarkUnhealthy(errRefused)
	case 5:
		defer l.Release()
	}
	l.Release()
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d))) }

// run lets the members loose and ends with every agent closed exactly once.
func (c *crowd) run(members, deeds int, end func(*pool.Pool) error) {
	var wg sync.WaitGroup
	for range members {
		wg.Go(func() { c.member(deeds) })
	}
	if end != nil {
		time.Sleep(100 * time.Millisecond)
		assert.NoError(c.t, end(c.pool))
		wg.Wait()
	} else {
		wg.Wait()
		assert.NoError(c.t, c.pool.Shutdown(c.t.Context()))
	}
	synctest.Wait() // creations that Close did not wait for
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Greater(c.t, len(c.made), c.agents, "there was little to see")
	for _, a := range c.made {
		assert.Equal(c.t, int64(1), a.closed.Load(), "every agent is closed exactly once")
	}
	s := c.pool.Stats()
	assert.Equal(c.t, [3]int{}, [3]int{s.Agents, s.Draining, s.InUse})
}

func TestCrowd(t *testing.T) {
	for name, tc := range map[string]struct {
		end     func(*crowd) func(*pool.Pool) error
		members int
	}{
		"to the end":             {func(*crowd) func(*pool.Pool) error { return nil }, 16},
		"more than the pool has": {func(*crowd) func(*pool.Pool) error { return nil }, 64},
		"Shutdown in the middle": {func(*crowd) func(*pool.Pool) error {
			return func(p *pool.Pool) error { return p.Shutdown(context.Background()) }
		}, 16},
		"Close in the middle": {func(c *crowd) func(*pool.Pool) error {
			return func(p *pool.Pool) error {
				c.closing.Store(true)
				return p.Close()
			}
		}, 16},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const agents = 3
				c := &crowd{t: t, agents: agents, pool: pool.New(pool.Config{
					MaxAgents: agents, TTL: 2 * time.Millisecond, MaxAge: 10 * time.Millisecond, Sweep: time.Millisecond,
				})}
				c.run(tc.members, 300, tc.end(c))
			})
		})
	}
}

// Without virtual time nothing waits for the others, and more happens at once.
func TestCrowdInAHurry(t *testing.T) {
	m := &maker{}
	p := pool.New(pool.Config{MaxAgents: 2, TTL: time.Microsecond, MaxAge: 50 * time.Microsecond, Sweep: 10 * time.Microsecond})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				l, err := p.Acquire(context.Background(), key(string(rune('a'+rand.IntN(4)))), m.create)
				if !assert.NoError(t, err) {
					return
				}
				if seen := l.Agent().(*agent).seen(); len(seen) > 0 {
					assert.Empty(t, seen, "while it is in use")
				}
				if rand.IntN(4) == 0 {
					l.MarkUnhealthy(errRefused)
				}
				l.Release()
			}
		})
	}
	wg.Wait()
	require.NoError(t, p.Shutdown(t.Context()))
	for _, a := range m.made() {
		assert.Equal(t, ending, a.seen())
	}
}
