package circuit_test

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

	"github.com/aitransport/aitransport/internal/circuit"
)

var (
	errDown = errors.New("down")
	errMine = errors.New("the caller's own fault")
)

func fine(context.Context) error { return nil }
func down(context.Context) error { return errDown }
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// log is what the hooks were told.
type log struct {
	mu   sync.Mutex
	said []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func (l *log) take() (said []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	said, l.said = l.said, nil
	return said
}

// breaker is one with the limits that stores have.
func breaker() (*circuit.Breaker, *log) {
	l := new(log)
	return circuit.New(circuit.Config{
		Timeout: 500 * time.Millisecond, Rest: time.Second,
		Broken:   func(err error) bool { return !errors.Is(err, errMine) },
		OnBroken: func(_ context.Context, err error) { l.add("broken: %v", err) },
		OnBack:   func(_ context.Context, after time.Duration) { l.add("back after %v", after) },
	}), l
}

func TestABrokenStoreIsLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := breaker()
		require.NoError(t, b.Do(t.Context(), fine))
		begun := time.Now()
		err := b.Do(t.Context(), hang)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, circuit.IsUnavailable(err))
		assert.Equal(t, 500*time.Millisecond, time.Since(begun))
		for range 10 {
			err := b.Do(t.Context(), func(context.Context) error { t.Error("asked"); return nil })
			var u *circuit.Unavailable
			require.ErrorAs(t, err, &u)
			require.NoError(t, u.Err, "what the store said to another is not for this one")
			require.Equal(t, begun.Add(1500*time.Millisecond).Round(0), u.RetryAt)
		}
		assert.Equal(t, 500*time.Millisecond, time.Since(begun))
		time.Sleep(time.Second)
		require.ErrorIs(t, b.Do(t.Context(), down), errDown)
		time.Sleep(time.Second)
		require.ErrorIs(t, b.Err(), errDown)
		require.NoError(t, b.Do(t.Context(), fine))
		require.NoError(t, b.Err())
		require.NoError(t, b.Do(t.Context(), fine))
		assert.Equal(t, []string{"broken: context deadline exceeded", "broken: down", "back after 2s"}, log.take())
	})
}

func TestOneTriesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := breaker()
		require.ErrorIs(t, b.Do(t.Context(), down), errDown)
		time.Sleep(time.Second)
		var asked atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				assert.True(t, circuit.IsUnavailable(b.Do(t.Context(), func(ctx context.Context) error {
					asked.Add(1)
					return hang(ctx)
				})))
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, asked.Load())
		assert.Len(t, log.take(), 2)
	})
}

// TestWhatSaysNothingOfTheStore: it is asked again at once, also where that was its trial.
func TestWhatSaysNothingOfTheStore(t *testing.T) {
	tests := map[string]struct {
		call  func(*testing.T, *circuit.Breaker)
		sound bool
	}{
		"the caller goes": {call: func(t *testing.T, b *circuit.Breaker) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			err := b.Do(ctx, hang)
			require.ErrorIs(t, err, context.Canceled)
			require.False(t, circuit.IsUnavailable(err))
		}},
		"the caller had no time": {call: func(t *testing.T, b *circuit.Breaker) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			err := b.Do(ctx, hang)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.False(t, circuit.IsUnavailable(err))
		}},
		"the caller had gone": {call: func(t *testing.T, b *circuit.Breaker) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, b.Do(ctx, func(context.Context) error { t.Error("asked"); return nil }), context.Canceled)
		}},
		"a panic": {call: func(t *testing.T, b *circuit.Breaker) {
			assert.PanicsWithValue(t, "boom", func() { _ = b.Do(t.Context(), func(context.Context) error { panic("boom") }) })
		}},
		"the caller's fault": {sound: true, call: func(t *testing.T, b *circuit.Breaker) {
			err := b.Do(t.Context(), func(context.Context) error { return errMine })
			require.ErrorIs(t, err, errMine)
			require.False(t, circuit.IsUnavailable(err))
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, log := breaker()
				tt.call(t, b)
				require.NoError(t, b.Do(t.Context(), fine))
				assert.Empty(t, log.take())
				require.ErrorIs(t, b.Do(t.Context(), down), errDown)
				time.Sleep(time.Second)
				log.take()
				tt.call(t, b)
				if !tt.sound {
					assert.Empty(t, log.take(), "the trial is still to come")
				}
				require.NoError(t, b.Do(t.Context(), fine))
				assert.Len(t, log.take(), 1, "it is back")
			})
		})
	}
}

// TestACallersDeadlineThatGaveItTimeCounts: it is slow for others too.
func TestACallersDeadlineThatGaveItTimeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := breaker()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := b.Do(ctx, hang)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, circuit.IsUnavailable(err), "this caller would not be helped")
		assert.Len(t, log.take(), 1)
		assert.True(t, circuit.IsUnavailable(b.Do(t.Context(), fine)))
	})
}

// TestCallsFromBeforeSayNothing: they began before the store broke, and it is back, or broken, whatever they say.
func TestCallsFromBeforeSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, log := breaker()
		var before sync.WaitGroup
		for _, result := range []error{nil, errDown} {
			before.Go(func() {
				assert.ErrorIs(t, b.Do(t.Context(), func(context.Context) error {
					time.Sleep(100 * time.Millisecond)
					return result
				}), result)
			})
		}
		synctest.Wait()
		require.Error(t, b.Do(t.Context(), down))
		before.Wait()
		assert.Equal(t, []string{"broken: down"}, log.take())
		assert.True(t, circuit.IsUnavailable(b.Do(t.Context(), fine)))
	})
}

// TestCallsFromBeforeSayNothingOnceItIsBack: one that took longer than the rest ends when a trial has shown already that the
// store answers.
func TestCallsFromBeforeSayNothingOnceItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		b := circuit.New(circuit.Config{
			Timeout: 5 * time.Second, Rest: time.Second,
			OnBroken: func(_ context.Context, err error) { l.add("broken: %v", err) },
			OnBack:   func(_ context.Context, after time.Duration) { l.add("back after %v", after) },
		})
		var before sync.WaitGroup
		before.Go(func() { assert.ErrorIs(t, b.Do(t.Context(), hang), context.DeadlineExceeded) })
		synctest.Wait()
		require.Error(t, b.Do(t.Context(), down))
		time.Sleep(time.Second)
		require.NoError(t, b.Do(t.Context(), fine))
		before.Wait()
		assert.Equal(t, []string{"broken: down", "back after 1s"}, l.take())
		assert.NoError(t, b.Do(t.Context(), fine), "it is sound, as far as is known")
	})
}
