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

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota"
)

// TestManyOverspendNothing has 32 callers in four programs, whose costs are random and whose truth is below the estimate,
// so that all that is admitted and spent is known.
func TestManyOverspendNothing(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			addrs, prefix := world.start(t), apart()
			const most = 50_000
			limits := []quota.Limit{total(quota.Cost, most), minutely(quota.Cost, 10*most), inFlight(20)}
			var flying, peak, spent atomic.Int64
			var wg sync.WaitGroup
			for range 4 {
				client, _ := connect(t, addrs...)
				store := open(t, client, prefix)
				for range 8 {
					wg.Go(func() {
						for range 60 {
							estimate := 1 + rand.Int64N(200)
							r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: estimate}, long)
							if errors.Is(err, quota.ErrExceeded) {
								continue
							}
							if !assert.NoError(t, err) {
								return
							}
							for n, p := flying.Add(1), peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
							}
							truth := rand.Int64N(estimate + 1)
							spent.Add(truth)
							flying.Add(-1)
							assert.NoError(t, store.Settle(t.Context(), r, quota.Amount{Cost: truth}))
						}
					})
				}
			}
			wg.Wait()
			client, _ := connect(t, addrs...)
			levels, err := open(t, client, prefix).Levels(t.Context(), "acme", limits)
			require.NoError(t, err)
			assert.LessOrEqual(t, peak.Load(), int64(20))
			assert.LessOrEqual(t, spent.Load(), int64(most))
			assert.Equal(t, []int64{spent.Load(), spent.Load(), 0}, []int64{levels[0].Used, levels[1].Used, levels[2].Used})
		})
	}
}

// TestExactlyTheLimit has nobody settle: all of it is admitted, and not one more.
func TestExactlyTheLimit(t *testing.T) {
	t.Parallel()
	addr, prefix := servers.Redis(t).Addr, apart()
	limits := []quota.Limit{minutely(quota.Requests, 300), inFlight(10_000)}
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		client, _ := connect(t, addr)
		store := open(t, client, prefix)
		for range 8 {
			wg.Go(func() {
				for range 20 {
					_, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, long)
					if err == nil {
						admitted.Add(1)
						continue
					}
					assert.ErrorIs(t, err, quota.ErrExceeded)
				}
			})
		}
	}
	wg.Wait()
	assert.Equal(t, int64(300), admitted.Load())
}

func TestServerIsAway(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t, "--appendonly", "yes")
	client, _ := connect(t, server.Addr)
	store := open(t, client, apart())
	limits := []quota.Limit{total(quota.Requests, 2)}
	r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, long)
	require.NoError(t, err)

	try := func() (took time.Duration) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := store.Reserve(ctx, "acme", limits, quota.Amount{Requests: 1}, long)
		assert.ErrorContains(t, err, `redisquota: reserve for key "acme"`)
		assert.NotErrorIs(t, err, quota.ErrExceeded)
		assert.NotErrorIs(t, err, quota.ErrInvalid)
		assert.ErrorContains(t, store.Settle(ctx, r, quota.Amount{}), `redisquota: settle for key "acme"`)
		return time.Since(begin)
	}
	server.Stop()
	assert.Less(t, try(), 3*time.Second)
	server.Start()
	require.Eventually(t, func() bool {
		_, err = store.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, long)
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)

	server.Pause()
	assert.Less(t, try(), 3*time.Second)
	server.Resume()
	require.NoError(t, store.Settle(t.Context(), r, quota.Amount{}))
	levels, err := store.Levels(t.Context(), "acme", limits)
	require.NoError(t, err)
	assert.Equal(t, int64(1), levels[0].Used, "what the server kept is as it was, but for what was given back")
}

func TestServerForgetsScripts(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	store := open(t, client, apart())
	limits := []quota.Limit{total(quota.Requests, 100)}
	for range 10 {
		r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, long)
		require.NoError(t, err)
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		require.NoError(t, store.Settle(t.Context(), r, quota.Amount{Requests: 1}))
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
	}
	levels, err := store.Levels(t.Context(), "acme", limits)
	require.NoError(t, err)
	assert.Equal(t, int64(10), levels[0].Used)
}
