package redisquota_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// TestACrowdThatIsRefusedBreaksNoStore has hundreds of callers find a key used up at one moment, in a sound server two
// milliseconds away: they are refused, and a Guard does not take it for broken, to admit them by its own count.
func TestACrowdThatIsRefusedBreaksNoStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const crowd = 600
		full := func(context.Context, string, []string, ...any) (any, error) {
			time.Sleep(2 * time.Millisecond)
			now := time.Now()
			return []any{"full", at(now), fmt.Sprint(minutely.Max), at(now.Add(time.Minute))}, nil
		}
		store, err := redisquota.New(redisquota.Config{Script: full})
		require.NoError(t, err)
		l, err := redisquota.NewLeased(store, redisquota.LeaseConfig{})
		require.NoError(t, err)
		broken := 0
		guard := quota.NewGuard(l, quota.GuardConfig{Open: true, Hooks: quota.GuardHooks{Broken: func(error) { broken++ }}})
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				_, err := guard.Reserve(t.Context(), "acme", []quota.Limit{minutely}, one, time.Minute)
				assert.ErrorIs(t, err, quota.ErrExceeded)
			})
		}
		all.Wait()
		assert.Zero(t, broken)
		require.NoError(t, l.Close(t.Context()))
	})
}
