package redisquota_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// lease is slices in front of a store, which end with the test.
func lease(t testing.TB, store *redisquota.Store, c redisquota.LeaseConfig) *redisquota.Leased {
	t.Helper()
	if c.Failed == nil {
		c.Failed = func(err error) { t.Error(err) }
	}
	l, err := redisquota.NewLeased(store, c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, l.Close(ctx))
	})
	return l
}

// TestLeasedKeepsItsPromises is of one program: what another has in hand is refused to it. It leases no total limits, since
// the suite wants reservations in flight that do not ask for it.
func TestLeasedKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, _ := connect(t, world.start(t)...)
			quotatest.RunRealTime(t, func(t *testing.T) quota.Store {
				return lease(t, open(t, client, apart()), redisquota.LeaseConfig{})
			})
		})
	}
}

// TestLeasedOverspendNothing has 32 callers in four programs, three that lease and one that does not, with limits of every
// kind of window. Nobody settles for less, so that all of it is admitted in the end, and not one more.
func TestLeasedOverspendNothing(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			addrs, prefix := world.start(t), apart()
			const most = 5000
			limits := []quota.Limit{
				minutely(quota.Requests, most), total(quota.Cost, 1e9),
				{Unit: quota.Requests, Max: 2 * most, Window: quota.Daily(0, nil)},
			}
			var admitted, cost atomic.Int64
			var wg sync.WaitGroup
			call := func(store quota.Store) (room bool) {
				a := quota.Amount{Requests: 1 + rand.Int64N(3), Cost: rand.Int64N(100)}
				r, err := store.Reserve(t.Context(), "acme", limits, a, long)
				if errors.Is(err, quota.ErrExceeded) {
					return false
				}
				if !assert.NoError(t, err) {
					return false
				}
				admitted.Add(a.Requests)
				truth := a
				truth.Cost = rand.Int64N(a.Cost + 10) // or somewhat more
				cost.Add(truth.Cost)
				return assert.NoError(t, store.Settle(t.Context(), r, truth))
			}
			for n := range 4 {
				client, _ := connect(t, addrs...)
				var store quota.Store = open(t, client, prefix)
				if n > 0 {
					store = lease(t, store.(*redisquota.Store), redisquota.LeaseConfig{Total: true, Slice: 200 * time.Millisecond})
				}
				for range 8 {
					wg.Go(func() {
						for last := time.Now(); time.Since(last) < 2*time.Second; { // by then all slices have gone back
							if call(store) {
								last = time.Now()
								continue
							}
							time.Sleep(50 * time.Millisecond)
						}
					})
				}
			}
			wg.Wait()
			client, _ := connect(t, addrs...)
			store := open(t, client, prefix)
			var levels []quota.Level
			assert.Eventually(t, func() (same bool) {
				var err error
				levels, err = store.Levels(t.Context(), "acme", limits)
				require.NoError(t, err)
				return levels[1].Used == cost.Load() && levels[2].Used == admitted.Load()
			}, 5*time.Second, 50*time.Millisecond, "what nobody used goes back: %d and %d", admitted.Load(), cost.Load())
			assert.Equal(t, admitted.Load(), levels[0].Used)
			assert.LessOrEqual(t, admitted.Load(), int64(most))
			assert.Greater(t, admitted.Load(), int64(most-10), "nearly all of it is had")
		})
	}
}
