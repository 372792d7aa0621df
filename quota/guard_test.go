package quota_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

var errDown = errors.New("connection refused")

// fragile is a store that can be down, or not answer at all.
type fragile struct {
	*quota.Memory
	down, hangs atomic.Bool
	calls       atomic.Int64
}

func newFragile() *fragile { return &fragile{Memory: quota.NewMemory(quota.MemoryConfig{})} }

func (s *fragile) reach(ctx context.Context) error {
	s.calls.Add(1)
	switch {
	case s.down.Load():
		return errDown
	case s.hangs.Load():
		<-ctx.Done()
		return fmt.Errorf("no answer: %w", ctx.Err())
	default:
		return nil
	}
}

func (s *fragile) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if err := s.reach(ctx); err != nil {
		return quota.Reservation{}, err
	}
	return s.Memory.Reserve(ctx, key, limits, a, ttl)
}

func (s *fragile) ReserveAll(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) ([]quota.Reservation, error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	return s.Memory.ReserveAll(ctx, charges, a, ttl)
}

func (s *fragile) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if err := s.reach(ctx); err != nil {
		return err
	}
	return s.Memory.Settle(ctx, r, used)
}

func (s *fragile) SettleAll(ctx context.Context, rs []quota.Reservation, used quota.Amount) error {
	if err := s.reach(ctx); err != nil {
		return err
	}
	return s.Memory.SettleAll(ctx, rs, used)
}

func (s *fragile) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (quota.Reservation, error) {
	if err := s.reach(ctx); err != nil {
		return r, err
	}
	return s.Memory.Renew(ctx, r, ttl)
}

// told is what the hooks of a Guard said.
type told struct {
	mu   sync.Mutex
	text []string
}

func (l *told) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, fmt.Sprintf(format, args...))
}

// take is what was said since it was last taken.
func (l *told) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.text = nil }()
	return l.text
}

func (l *told) hooks() quota.GuardHooks {
	return quota.GuardHooks{
		Broken:   func(err error) { l.say("broken: %v", err) },
		Back:     func(after time.Duration) { l.say("back after %v", after) },
		Answered: func(key string, err error) { l.say("answered %q: %v", key, err == nil) },
		Kept:     func(_ quota.Reservation, used quota.Amount, _ error) { l.say("kept %d", used.Requests) },
		Lost:     func(_ quota.Reservation, used quota.Amount, _ error) { l.say("lost %d", used.Requests) },
	}
}

// used is what the store has counted, whether or not it is down.
func (s *fragile) used(t *testing.T, key string, limits []quota.Limit) int64 {
	t.Helper()
	levels, err := s.Levels(t.Context(), key, limits)
	require.NoError(t, err)
	return levels[0].Used
}

var hundred = requests(100, quota.Total())

func TestAClosedGuardRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newFragile(), &told{}
		g := quota.NewGuard(store, quota.GuardConfig{Hooks: log.hooks()})
		store.hangs.Store(true)
		reserve := func() (time.Duration, error) {
			start := time.Now()
			_, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
			return time.Since(start), err
		}
		took, err := reserve()
		require.ErrorIs(t, err, quota.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded, "why it is told")
		retryAt := time.Now().Add(time.Second).Round(0)
		require.NotErrorIs(t, err, quota.ErrExceeded)
		assert.Equal(t, 500*time.Millisecond, took)
		for range 100 {
			took, err = reserve()
			require.ErrorIs(t, err, quota.ErrUnavailable)
			require.Zero(t, took, "one time-out is enough")
			require.NotErrorIs(t, err, context.DeadlineExceeded, "that was another's call")
			var broken *quota.UnavailableError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, retryAt, broken.RetryAt)
		}
		assert.EqualValues(t, 1, store.calls.Load())
		assert.Equal(t, "broken: no answer: context deadline exceeded", log.take()[0])

		time.Sleep(time.Second)
		took, err = reserve()
		require.ErrorIs(t, err, quota.ErrUnavailable)
		assert.Equal(t, 500*time.Millisecond, took, "a trial")
		assert.Equal(t, []string{"broken: no answer: context deadline exceeded", `answered "a": false`}, log.take())

		store.hangs.Store(false)
		time.Sleep(time.Second)
		_, err = reserve()
		require.NoError(t, err)
		assert.Equal(t, []string{"back after 2.5s"}, log.take())
	})
}

func TestAGuardTriesWithOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFragile()
		g := quota.NewGuard(store, quota.GuardConfig{})
		store.down.Store(true)
		_, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, errDown)
		store.down.Store(false)
		store.hangs.Store(true)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
				assert.ErrorIs(t, err, quota.ErrUnavailable)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 2, store.calls.Load())
	})
}

func TestAnOpenGuardCountsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newFragile(), &told{}
		g := quota.NewGuard(store, quota.GuardConfig{Open: true, Hooks: log.hooks()})
		three := requests(3, quota.Rolling(time.Minute))
		_, err := g.Reserve(t.Context(), "a", three, quota.Amount{Requests: 3}, time.Minute)
		require.NoError(t, err)
		store.down.Store(true)
		for range 2 { // however often it breaks
			r, err := g.Reserve(t.Context(), "a", three, quota.Amount{Requests: 2}, time.Minute)
			require.NoError(t, err)
			r, err = g.Renew(t.Context(), r, time.Minute)
			require.NoError(t, err)
			require.NoError(t, g.Settle(t.Context(), r, oneRequest))
			require.NoError(t, store.Memory.Settle(t.Context(), r, oneRequest), "the store has no part in it")
			_, err = g.Reserve(t.Context(), "a", three, quota.Amount{Requests: 2}, time.Minute)
			require.NoError(t, err)
			_, err = g.Reserve(t.Context(), "a", three, oneRequest, time.Minute)
			require.ErrorIs(t, err, quota.ErrExceeded)
			require.NotErrorIs(t, err, quota.ErrUnavailable)
			store.down.Store(false)
			time.Sleep(time.Second)
			_, err = g.Reserve(t.Context(), "a", three, oneRequest, time.Minute)
			require.ErrorIs(t, err, quota.ErrExceeded)
			var exceeded *quota.ExceededError
			require.ErrorAs(t, err, &exceeded)
			require.EqualValues(t, 3, exceeded.Used, "the store's count is as it was")
			time.Sleep(time.Minute + 2*time.Second)
			_, err = g.Reserve(t.Context(), "a", three, quota.Amount{Requests: 3}, time.Minute)
			require.NoError(t, err, "the store has room again")
			store.down.Store(true)
		}
		assert.Contains(t, log.take(), `answered "a": true`)
	})
}

func TestReservationsOfABrokenStoreAreHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFragile()
		g := quota.NewGuard(store, quota.GuardConfig{Open: true})
		other := quota.NewGuard(store, quota.GuardConfig{Open: true})
		closed := quota.NewGuard(store, quota.GuardConfig{})
		mine, err := store.Memory.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err)
		store.down.Store(true)
		theirs, err := other.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err)
		r, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err)
		store.down.Store(false)
		time.Sleep(time.Second)
		for _, s := range []quota.Store{other, closed, store, g} {
			require.NoError(t, s.Settle(t.Context(), r, quota.Amount{Requests: 50}))
			require.NoError(t, s.Settle(t.Context(), theirs, quota.Amount{}))
		}
		_, err = closed.Renew(t.Context(), r, time.Minute)
		require.ErrorIs(t, err, quota.ErrExpired)
		assert.EqualValues(t, 1, store.used(t, "a", hundred))
		require.NoError(t, g.Settle(t.Context(), mine, quota.Amount{}))
		assert.Zero(t, store.used(t, "a", hundred))
	})
}

func TestWhatCouldNotBeSettledIsSettledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newFragile(), &told{}
		g := quota.NewGuard(store, quota.GuardConfig{Hooks: log.hooks(), MaxUnsettled: 20})
		var rs []quota.Reservation
		for range 22 {
			r, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Hour)
			require.NoError(t, err)
			rs = append(rs, r)
		}
		store.down.Store(true)
		for range 2 { // only the first counts
			for i, r := range rs[:10] {
				require.NoError(t, g.Settle(t.Context(), r, quota.Amount{Requests: int64(2 + i%2)}))
			}
		}
		require.NoError(t, g.SettleAll(t.Context(), rs[10:20], quota.Amount{}))
		require.ErrorIs(t, g.Settle(t.Context(), rs[20], quota.Amount{Requests: 9}), quota.ErrUnavailable, "20 are the most")
		assert.Equal(t, 20, g.Unsettled())
		said := log.take()
		assert.Len(t, said, 22, "%v", said)
		assert.Equal(t, []string{"kept 0", "lost 9"}, said[20:])
		require.ErrorIs(t, g.Flush(t.Context()), quota.ErrUnavailable)
		assert.Equal(t, 20, g.Unsettled())
		assert.EqualValues(t, 22, store.used(t, "a", hundred))

		store.down.Store(false)
		time.Sleep(time.Second)
		require.NoError(t, g.Settle(t.Context(), rs[0], quota.Amount{Requests: 9}), "still the first counts")
		require.NoError(t, g.Settle(t.Context(), rs[21], oneRequest))
		assert.Equal(t, 12, g.Unsettled(), "a few by each call")
		require.NoError(t, g.Flush(t.Context()))
		assert.Zero(t, g.Unsettled())
		assert.EqualValues(t, 5*2+5*3+0+1+1, store.used(t, "a", hundred))
		assert.Equal(t, []string{"back after 1s"}, log.take())
		require.NoError(t, g.Flush(t.Context()))
	})
}

func TestAGuardGoesOnWhenItsStoreBreaksWhileSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFragile()
		g := quota.NewGuard(store, quota.GuardConfig{})
		var rs []quota.Reservation
		for range 3 {
			r, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Hour)
			require.NoError(t, err)
			rs = append(rs, r)
		}
		for round := range 5 {
			store.down.Store(true)
			for _, r := range rs {
				require.NoError(t, g.Settle(t.Context(), r, quota.Amount{Requests: 5}))
			}
			require.Error(t, g.Flush(t.Context()))
			require.Equal(t, 3, g.Unsettled(), "round %d", round)
			time.Sleep(time.Second)
		}
		store.down.Store(false)
		require.NoError(t, g.Flush(t.Context()))
		assert.EqualValues(t, 15, store.used(t, "a", hundred))
	})
}

func TestAGuardChargesSeveralKeys(t *testing.T) {
	for _, inOne := range []bool{true, false} {
		t.Run(fmt.Sprint("in one act ", inOne), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFragile()
				var inner quota.Store = store
				if !inOne {
					inner = struct{ quota.Store }{store}
				}
				g := quota.NewGuard(inner, quota.GuardConfig{Open: true})
				charges := []quota.Charge{{Key: "a", Limits: hundred}, {Key: "b", Limits: hundred}}
				theirs, err := quota.ReserveAll(t.Context(), g, charges, quota.Amount{Requests: 10}, time.Hour)
				require.NoError(t, err)
				store.down.Store(true)
				ours, err := quota.ReserveAll(t.Context(), g, charges, quota.Amount{Requests: 60}, time.Hour)
				require.NoError(t, err)
				_, err = quota.ReserveAll(t.Context(), g, charges, quota.Amount{Requests: 60}, time.Hour)
				require.ErrorIs(t, err, quota.ErrExceeded)
				require.NoError(t, quota.SettleAll(t.Context(), g, append(ours, theirs...), quota.Amount{Requests: 20}))
				assert.Equal(t, 2, g.Unsettled())
				_, err = quota.ReserveAll(t.Context(), g, charges, quota.Amount{Requests: 80}, time.Hour)
				require.NoError(t, err)
				store.down.Store(false)
				time.Sleep(time.Second)
				require.NoError(t, g.Flush(t.Context()))
				for _, c := range charges {
					assert.EqualValues(t, 20, store.used(t, c.Key, hundred))
				}
			})
		})
	}
}

func TestAGuardKnowsTheCallersFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := newFragile(), &told{}
		g := quota.NewGuard(store, quota.GuardConfig{Hooks: log.hooks()})
		_, err := g.Reserve(t.Context(), "", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, quota.ErrInvalid)
		_, err = g.Reserve(t.Context(), "a", requests(1, quota.Total()), quota.Amount{Requests: 2}, time.Minute)
		require.ErrorIs(t, err, quota.ErrExceeded)
		_, err = g.Renew(t.Context(), quota.Reservation{ID: "?", Key: "a"}, time.Minute)
		require.ErrorIs(t, err, quota.ErrExpired)
		store.hangs.Store(true)
		gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = g.Reserve(gone, "a", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, quota.ErrUnavailable)
		store.hangs.Store(false)
		_, err = g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, log.take(), "nothing of that breaks the store")

		store.down.Store(true)
		_, err = g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, quota.ErrUnavailable)
		store.down.Store(false)
		store.hangs.Store(true)
		time.Sleep(time.Second)
		gone, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = g.Reserve(gone, "a", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		store.hangs.Store(false)
		_, err = g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err, "a trial whose caller went is tried again at once")
	})
}

func TestAGuardSurvivesAStoreThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFragile()
		memory := store.Memory
		g := quota.NewGuard(store, quota.GuardConfig{})
		store.down.Store(true)
		_, err := g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.ErrorIs(t, err, errDown)
		time.Sleep(time.Second)
		store.down.Store(false)
		store.Memory = nil
		assert.Panics(t, func() { _, _ = g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute) })
		store.Memory = memory
		_, err = g.Reserve(t.Context(), "a", hundred, oneRequest, time.Minute)
		require.NoError(t, err)
	})
}
