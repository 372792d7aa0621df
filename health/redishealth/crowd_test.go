package redishealth_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// far has a server answer after two milliseconds.
func far(s *server) func(context.Context, string, []string, ...any) (any, error) {
	return func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		time.Sleep(time.Millisecond)
		defer time.Sleep(time.Millisecond)
		return s.script(ctx, script, keys, args...)
	}
}

// fewFailures counts up to five.
func fewFailures(s health.State) health.State {
	if s.Failures < 5 {
		s.Failures++
	}
	return s
}

// TestACrowdWaitsNoLongerThanThoseThatChangeSomething has hundreds of callers update a subject at once, of whom the first
// few change it: the others hear from them how it is.
func TestACrowdWaitsNoLongerThanThoseThatChangeSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		redis, crowd := &server{states: make(map[string]string)}, 500
		store, begun := newStore(t, far(redis)), time.Now()
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				_, err := store.Update(t.Context(), account("a"), fewFailures)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.LessOrEqual(t, redis.calls, crowd+2*5)
		assert.LessOrEqual(t, time.Since(begun), 50*time.Millisecond)
		states, err := store.Load(t.Context(), []health.Subject{account("a")})
		require.NoError(t, err)
		assert.Equal(t, 5, states[0].Failures)
	})
}

// TestWhatWasSaidBeforeAnUpdateBeganDoesNotCount: another program has changed the state since.
func TestWhatWasSaidBeforeAnUpdateBeganDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		redis := &server{states: make(map[string]string)}
		one, other := newStore(t, far(redis)), newStore(t, far(redis))
		for range 6 {
			_, err := one.Update(t.Context(), account("a"), fewFailures)
			require.NoError(t, err)
		}
		for _, n := range []int{2, 4} {
			_, err := other.Update(t.Context(), account("a"), become(health.State{Failures: n}))
			require.NoError(t, err)
			s, err := one.Update(t.Context(), account("a"), fewFailures)
			require.NoError(t, err)
			assert.Equal(t, n+1, s.Failures)
		}
	})
}
