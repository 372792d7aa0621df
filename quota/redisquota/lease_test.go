package redisquota_test

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
	"github.com/aitransport/aitransport/quota/redisquota"
)

// landlord hands out slices of a size, and remembers what it was told.
type landlord struct {
	mu    sync.Mutex
	size  string
	err   error
	hang  bool
	calls [][]any
}

func (s *landlord) run(ctx context.Context, _ string, _ []string, args ...any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, args)
	if s.hang {
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return nil, ctx.Err()
	}
	return []any{"ok", fmt.Sprint(time.Now().UnixMicro()), "0", s.size, s.size, s.size, s.size, s.size}, s.err
}

// set changes it.
func (s *landlord) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *landlord) heard() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func lease(t *testing.T, s *landlord, c redisquota.LeaseConfig) *redisquota.Leased {
	t.Helper()
	store, err := redisquota.New(redisquota.Config{Script: s.run})
	require.NoError(t, err)
	l, err := redisquota.NewLeased(store, c)
	require.NoError(t, err)
	return l
}

func TestLeaseConfig(t *testing.T) {
	t.Parallel()
	store := open(t, ok())
	_, err := redisquota.NewLeased(nil, redisquota.LeaseConfig{})
	require.Error(t, err)
	for _, c := range []redisquota.LeaseConfig{{Slice: -1}, {Parts: -1}, {TTL: -1}, {MaxKeys: -1}} {
		_, err := redisquota.NewLeased(store, c)
		assert.ErrorContains(t, err, "redisquota: LeaseConfig")
	}
}

func TestWhatIsLeased(t *testing.T) {
	t.Parallel()
	rolling := func(d time.Duration) quota.Limit {
		return quota.Limit{Unit: quota.Requests, Max: 10, Window: quota.Rolling(d)}
	}
	total := quota.Limit{Unit: quota.Requests, Max: 10, Window: quota.Total()}
	for _, c := range []struct {
		name   string
		config redisquota.LeaseConfig
		limits []quota.Limit
		leased bool
	}{
		{"a rolling window", redisquota.LeaseConfig{}, []quota.Limit{rolling(2 * time.Second)}, true},
		{"a short one", redisquota.LeaseConfig{}, []quota.Limit{rolling(time.Hour), rolling(time.Second)}, false},
		{"a day", redisquota.LeaseConfig{}, []quota.Limit{minutely, daily}, true},
		{"a total", redisquota.LeaseConfig{}, []quota.Limit{minutely, total}, false},
		{"a total that may be", redisquota.LeaseConfig{Total: true}, []quota.Limit{minutely, total}, true},
		{"in flight", redisquota.LeaseConfig{Total: true}, []quota.Limit{minutely, {Unit: quota.InFlight, Max: 3}}, false},
		{"none", redisquota.LeaseConfig{}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &landlord{size: "100"}
				l := lease(t, s, c.config)
				for range 10 {
					r, err := l.Reserve(t.Context(), "acme", c.limits, one, time.Minute)
					require.NoError(t, err)
					require.NoError(t, l.Settle(t.Context(), r, one))
				}
				want := map[bool]int{true: 1, false: 20}[c.leased]
				assert.Equal(t, want, s.heard())
				require.NoError(t, l.Close(t.Context()))
			})
		})
	}
}

func TestLeasedSendsNothingInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &landlord{size: "100"}
		l := lease(t, s, redisquota.LeaseConfig{})
		done, cancel := context.WithCancel(t.Context())
		cancel()
		limits := []quota.Limit{minutely}
		r, err := l.Reserve(t.Context(), "acme", limits, one, time.Minute)
		require.NoError(t, err)
		_, err = l.Reserve(done, "acme", limits, one, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, l.Settle(done, r, one), context.Canceled)
		_, err = l.Renew(done, r, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
		for _, wrong := range [][]quota.Limit{
			{{}}, {minutely, {Unit: quota.Requests, Max: redisquota.MaxLimit + 1, Window: quota.Rolling(time.Hour)}},
		} {
			_, err = l.Reserve(t.Context(), "acme", wrong, one, time.Minute)
			require.ErrorIs(t, err, quota.ErrInvalid)
		}
		_, err = l.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: -1}, time.Minute)
		require.ErrorIs(t, err, quota.ErrInvalid)
		require.ErrorIs(t, l.Settle(t.Context(), quota.Reservation{}, one), quota.ErrInvalid)
		assert.Equal(t, 1, s.heard())

		other := r
		other.ID = "lease~SOMEBODYELSES000~1"
		require.NoError(t, l.Settle(t.Context(), other, one), "another program's")
		_, err = l.Renew(t.Context(), other, time.Minute)
		require.ErrorIs(t, err, quota.ErrExpired)
		assert.Equal(t, 1, s.heard())
		require.NoError(t, l.Close(t.Context()))
		assert.Equal(t, 2, s.heard())
	})
}

// TestServerHangs has callers wait no longer than they want, one behind the other.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &landlord{size: "100", hang: true}
		l := lease(t, s, redisquota.LeaseConfig{})
		begin := time.Now()
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				wait := time.Duration(n+1) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				_, err := l.Reserve(ctx, "acme", []quota.Limit{minutely}, one, time.Minute)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, wait, time.Since(begin))
			})
		}
		wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, l.Close(ctx))
		assert.Equal(t, 21*time.Second, time.Since(begin))
		s.set(func() { s.hang = false })
		require.NoError(t, l.Close(t.Context()))
	})
}

// TestServerFails has it fail for long: what is to be told is bounded, and told when it can be.
func TestServerFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &landlord{size: "100"}
		var failed atomic.Int64
		l := lease(t, s, redisquota.LeaseConfig{Failed: func(err error) {
			failed.Add(1)
			assert.ErrorContains(t, err, `redisquota: give back what was leased for key "acme"`)
		}})
		limits := []quota.Limit{minutely}
		r, err := l.Reserve(t.Context(), "acme", limits, one, time.Hour)
		require.NoError(t, err)
		s.set(func() { s.err = errors.New("broken") })
		time.Sleep(10 * time.Second)
		assert.Positive(t, failed.Load())
		for range 1000 {
			_, err := l.Reserve(t.Context(), "acme", limits, one, time.Hour)
			require.Error(t, err)
		}
		s.set(func() { s.err, s.calls = nil, nil })
		time.Sleep(10 * time.Second)
		s.set(func() {
			require.NotEmpty(t, s.calls)
			assert.LessOrEqual(t, len(s.calls[0]), 1+64*7, "the slice, and some of which nobody knows whether they were taken")
		})
		require.NoError(t, l.Settle(t.Context(), r, quota.Amount{Requests: 300}))
		time.Sleep(time.Second)
		s.set(func() {
			last := s.calls[len(s.calls)-1]
			assert.Equal(t, []any{"1", "0", "300"}, []any{last[0], last[2], last[3]}, "it has ended, with 300 requests")
		})
		before := s.heard()
		time.Sleep(time.Hour)
		assert.Equal(t, before, s.heard(), "nothing is left to tell")
		require.NoError(t, l.Close(t.Context()))
	})
}

// TestSliceIsKeptAlive has a call last for an hour, and its owner die.
func TestSliceIsKeptAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &landlord{size: "100"}
		l := lease(t, s, redisquota.LeaseConfig{})
		_, err := l.Reserve(t.Context(), "acme", []quota.Limit{minutely}, one, time.Hour)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		assert.InDelta(t, 180, s.heard(), 10, "every third of a minute")
		time.Sleep(time.Hour + time.Minute)
		before := s.heard()
		time.Sleep(time.Hour)
		assert.Equal(t, before, s.heard())
		s.set(func() {
			last := s.calls[len(s.calls)-1]
			assert.Equal(t, []any{"1", "0", "1"}, []any{last[0], last[2], last[3]}, "it has ended, and its estimate stands")
		})
		require.NoError(t, l.Close(t.Context()))
	})
}

func TestLeasedBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &landlord{size: "100"}
		l := lease(t, s, redisquota.LeaseConfig{MaxKeys: 3})
		trips := func(key string, limits ...quota.Limit) int {
			before := s.heard()
			for range 2 {
				r, err := l.Reserve(t.Context(), key, limits, one, time.Minute)
				require.NoError(t, err)
				require.NoError(t, l.Settle(t.Context(), r, one))
			}
			return s.heard() - before
		}
		for _, key := range []string{"a", "b", "c"} {
			assert.Equal(t, 1, trips(key, minutely))
		}
		assert.Equal(t, 4, trips("d", minutely), "no more keys: the store does it")
		limit := minutely
		for range 15 {
			limit.Max++
			assert.Equal(t, 1, trips("a", limit))
		}
		limit.Max++
		assert.Equal(t, 4, trips("a", limit), "no more limits")
		time.Sleep(10 * time.Second)
		assert.Equal(t, 1, trips("a", limit), "the others are idle")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 1, trips("d", minutely), "and so are the keys")
		require.NoError(t, l.Close(t.Context()))
	})
}
