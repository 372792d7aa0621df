package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

// refuses asserts that the pool takes no new work.
func refuses(t *testing.T, p *pool.Pool, m *maker) {
	t.Helper()
	before := m.attempts()
	for _, k := range []pool.Key{key("a"), key("unheard of")} {
		l, err := p.Acquire(t.Context(), k, m.create)
		assert.ErrorIs(t, err, pool.ErrClosed)
		assert.Nil(t, l.Agent())
	}
	assert.Equal(t, before, m.attempts())
}

func TestCloseEndsAllAtOnce(t *testing.T) {
	p, m := pool.New(pool.Config{MaxAgents: 2}), &maker{}
	busy, retired := acquire(t, p, key("a"), m), acquire(t, p, key("b"), m)
	temporary := acquire(t, p, key("c"), m)
	retired.MarkUnhealthy(errRefused)
	visit(t, p, key("d"), m)
	require.NoError(t, p.Close())
	require.Len(t, m.made(), 4)
	for i, a := range m.made() {
		assert.Equal(t, ending, a.seen(), "agent %d", i)
	}
	refuses(t, p, m)

	require.NoError(t, p.Close())
	require.NoError(t, p.Shutdown(t.Context()))
	for _, l := range []pool.Lease{busy, retired, temporary} {
		l.MarkUnhealthy(errRefused)
		l.Release()
		l.Release()
	}
	p.Evict(key("a").Origin())
	p.CloseIdleConnections()
	require.NoError(t, p.Close())
	for i, a := range m.made() {
		assert.Equal(t, ending, a.seen(), "agent %d: once", i)
	}
	s := p.Stats()
	assert.Equal(t, [4]int{}, [4]int{s.Agents, s.Draining, s.InUse, s.Conns})
}

func TestCloseAndShutdownOfAnEmptyPool(t *testing.T) {
	for name, end := range map[string]func(*pool.Pool) error{
		"Close":                         func(p *pool.Pool) error { return p.Close() },
		"Shutdown":                      func(p *pool.Pool) error { return p.Shutdown(context.Background()) },
		"Shutdown with a context ended": func(p *pool.Pool) error { return p.Shutdown(ended()) },
	} {
		t.Run(name, func(t *testing.T) {
			p, m := pool.New(pool.Config{}), &maker{}
			require.NoError(t, end(p))
			refuses(t, p, m)
			p, m = pool.New(pool.Config{}), &maker{}
			visit(t, p, key("a"), m)
			require.NoError(t, end(p))
			assert.Equal(t, ending, m.made()[0].seen())
			refuses(t, p, m)
			require.NoError(t, end(p))
		})
	}
}

// ended is a context that is over.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// An agent without Close cannot end its users' requests. When they are done, what
// they leave idle is closed.
func TestAgentWithoutCloseIsTidiedAfterItsLastUser(t *testing.T) {
	tidied := []string{"CloseIdleConnections"}
	p, a := pool.New(pool.Config{}), &bare{}
	create := func(context.Context) (pool.Agent, error) { return a, nil }
	first, err := p.Acquire(t.Context(), key("a"), create)
	require.NoError(t, err)
	second, err := p.Acquire(t.Context(), key("a"), create)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	assert.Equal(t, tidied, a.seen())
	first.Release()
	assert.Equal(t, tidied, a.seen())
	second.Release()
	assert.Equal(t, append(tidied, tidied...), a.seen())
}

func TestCloseDuringCreation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := pool.New(pool.Config{}), &maker{gate: make(chan struct{})}
		deaf := &maker{}
		release := make(chan struct{})
		results := acquireAsync(t.Context(), p, key("a"), m, 10)
		deafErr := make(chan error, 1)
		go func() {
			_, err := p.Acquire(t.Context(), key("b"), func(context.Context) (pool.Agent, error) {
				<-release // whatever its context says
				return deaf.create(context.Background())
			})
			deafErr <- err
		}()
		synctest.Wait()
		require.NoError(t, p.Close(), "it does not wait for those who do not hear")
		for range 10 {
			assert.ErrorIs(t, (<-results).err, pool.ErrClosed, "not the error of a context that is not theirs")
		}
		assert.ErrorIs(t, <-deafErr, pool.ErrClosed)
		synctest.Wait()
		assert.Empty(t, m.made(), "its context was ended")
		close(release)
		synctest.Wait()
		require.Len(t, deaf.made(), 1)
		assert.Equal(t, ending, deaf.made()[0].seen(), "closed when it came")
		require.NoError(t, p.Close())
	})
}

func TestShutdownWaitsForTheUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := pool.New(pool.Config{}), &maker{slow: time.Second}
		idle, busy := visit(t, p, key("idle"), m), acquire(t, p, key("busy"), m)
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- p.Shutdown(t.Context()) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		refuses(t, p, m)
		assert.Equal(t, ending, idle.(*agent).seen())
		assert.Empty(t, busy.Agent().(*agent).seen())
		require.Empty(t, done)
		go busy.Release()
		require.NoError(t, <-done)
		assert.Equal(t, ending, busy.Agent().(*agent).seen(), "Shutdown returns after Close has, not while it runs")
		assert.Equal(t, time.Minute+time.Second, time.Since(start))
		require.NoError(t, p.Shutdown(ended()), "there is nothing left")
	})
}

func TestShutdownLetsWaitersFinish(t *testing.T) {
	for name, want := range map[string]error{"created": nil, "refused": errRefused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, m := pool.New(pool.Config{}), &maker{gate: make(chan struct{}), err: want}
				results := acquireAsync(t.Context(), p, key("a"), m, 10)
				synctest.Wait()
				done := make(chan error, 1)
				go func() { done <- p.Shutdown(t.Context()) }()
				synctest.Wait()
				require.Empty(t, done)
				close(m.gate)
				for range 10 {
					r := <-results
					require.ErrorIs(t, r.err, want)
					if want == nil {
						synctest.Wait()
						require.Empty(t, done, "it waits for this user")
					}
					r.lease.Release()
				}
				require.NoError(t, <-done)
				assert.Zero(t, p.Stats().Temporary)
				for _, a := range m.made() {
					assert.Equal(t, ending, a.seen())
				}
			})
		})
	}
}

func TestShutdownClosesWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := pool.New(pool.Config{}), &maker{}
		busy := acquire(t, p, key("busy"), m)
		hanging := acquireAsync(t.Context(), p, key("hanging"), &maker{gate: make(chan struct{})}, 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, p.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Equal(t, ending, m.made()[0].seen())
		assert.ErrorIs(t, (<-hanging).err, pool.ErrClosed)
		busy.Release()
		assert.Equal(t, ending, m.made()[0].seen())
		require.NoError(t, p.Shutdown(t.Context()))
	})
}

func TestCloseEndsAShutdownThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := pool.New(pool.Config{}), &maker{slow: time.Second}
		busy := acquire(t, p, key("a"), m)
		acquire(t, p, key("b"), m)
		errs := make(chan error, 4)
		for range 2 {
			go func() { errs <- p.Shutdown(t.Context()) }()
		}
		synctest.Wait()
		start := time.Now()
		for range 2 {
			go func() { errs <- p.Close() }()
		}
		for range 4 {
			require.NoError(t, <-errs)
			for _, a := range m.made() {
				assert.Equal(t, ending, a.seen(), "whoever returns, all is closed")
			}
		}
		assert.Equal(t, time.Second, time.Since(start), "agents are closed together")
		busy.Release()
		assert.Equal(t, ending, m.made()[0].seen())
	})
}

// Requests that fail when their agent is closed release it meanwhile.
func TestReleaseWhileTheAgentIsClosed(t *testing.T) {
	p := pool.New(pool.Config{})
	a := &selfReleasing{}
	l, err := p.Acquire(t.Context(), key("a"), func(context.Context) (pool.Agent, error) { return a, nil })
	require.NoError(t, err)
	a.lease = l
	require.NoError(t, p.Close())
	assert.Equal(t, ending, a.seen())
}

// selfReleasing is an agent whose Close ends its only request.
type selfReleasing struct {
	bare
	lease pool.Lease
}

func (a *selfReleasing) Close() error {
	a.note("Close")
	a.lease.Release()
	return errors.New("an agent's error goes nowhere")
}
