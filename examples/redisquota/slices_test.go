package redisquota_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

var one = quota.Amount{Requests: 1}

// used is what the server takes for used of a limit.
func used(t *testing.T, store *redisquota.Store, limit quota.Limit) int64 {
	t.Helper()
	levels, err := store.Levels(t.Context(), "acme", []quota.Limit{limit})
	require.NoError(t, err)
	return levels[0].Used
}

func becomes(t *testing.T, want int64, store *redisquota.Store, limit quota.Limit, why string) {
	t.Helper()
	assert.Eventually(t, func() bool { return used(t, store, limit) == want }, 5*time.Second, 20*time.Millisecond, why)
}

func TestSlicesShrinkNearTheLimit(t *testing.T) {
	t.Parallel()
	client, sent := connect(t, servers.Redis(t).Addr)
	store := open(t, client, apart())
	limit := quota.Limit{Unit: quota.Requests, Max: 1600, Window: quota.Rolling(time.Hour)}
	leased := lease(t, store, redisquota.LeaseConfig{Slice: 2 * time.Minute}) // none ends by itself meanwhile
	before, slices := int64(0), []int64{}
	trips := sent.during(t, func() error {
		for n := int64(0); ; n++ {
			_, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, one, long)
			if errors.Is(err, quota.ErrExceeded) {
				assert.Equal(t, int64(1600), n)
				return nil
			}
			if err != nil {
				return err
			}
			if now := used(t, store, limit); now > before {
				slices, before = append(slices, now-before), now
			}
		}
	})
	assert.Equal(t, []int64{100, 93, 87, 82}, slices[:4], "a sixteenth of what is left")
	assert.Equal(t, []int64{1, 1, 1, 1}, slices[len(slices)-4:])
	for i := range slices[1:] {
		assert.LessOrEqual(t, slices[i+1], slices[i])
	}
	assert.Less(t, len(slices), 100, "of 1600 calls")
	assert.LessOrEqual(t, trips, 1600+len(slices)+10, "but for the test's own 1600")
}

func TestSlicesGoBack(t *testing.T) { //nolint:tparallel // the subtests share a server and a key
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	limits := []quota.Limit{minutely(quota.Requests, 1600)}
	reserve := func(s quota.Store) quota.Reservation {
		t.Helper()
		r, err := s.Reserve(t.Context(), "acme", limits, one, long)
		require.NoError(t, err)
		return r
	}
	t.Run("idle", func(t *testing.T) {
		store := open(t, client, apart())
		leased := lease(t, store, redisquota.LeaseConfig{Slice: 500 * time.Millisecond})
		r := reserve(leased)
		assert.Equal(t, int64(100), used(t, store, limits[0]))
		becomes(t, 1, store, limits[0], "but for what is reserved")
		require.NoError(t, leased.Settle(t.Context(), r, quota.Amount{}))
		becomes(t, 0, store, limits[0], "and that when it is cancelled")
	})
	t.Run("asked for under other limits", func(t *testing.T) {
		leased := lease(t, open(t, client, apart()), redisquota.LeaseConfig{Parts: 1})
		reserve(leased) // has all in hand
		for _, other := range [][]quota.Limit{{limits[0], inFlight(5)}, {limits[0], limits[0]}} {
			_, err := leased.Reserve(t.Context(), "acme", other, quota.Amount{Requests: 700}, long)
			require.NoError(t, err, "refused while there is room in hand")
		}
	})
	t.Run("closed", func(t *testing.T) {
		store := open(t, client, apart())
		leased := lease(t, store, redisquota.LeaseConfig{})
		settled, living := reserve(leased), reserve(leased)
		require.NoError(t, leased.Settle(t.Context(), settled, one))
		require.NoError(t, leased.Close(t.Context()))
		assert.Equal(t, int64(2), used(t, store, limits[0]))
		require.NoError(t, leased.Close(t.Context()))
		require.NoError(t, leased.Settle(t.Context(), living, quota.Amount{Requests: 5}))
		assert.Equal(t, int64(6), used(t, store, limits[0]), "what lived is settled at once")
		after := reserve(leased)
		assert.Equal(t, int64(7), used(t, store, limits[0]), "and nothing is taken in hand any more")
		require.NoError(t, leased.Settle(t.Context(), after, quota.Amount{}))
		assert.Equal(t, int64(6), used(t, store, limits[0]))
	})
}

func TestDebtIsToldAtOnce(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	store, limit := open(t, client, apart()), minutely(quota.Requests, 1600)
	leased := lease(t, store, redisquota.LeaseConfig{Slice: time.Minute})
	var rs []quota.Reservation
	for range 3 {
		r, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, one, long)
		require.NoError(t, err)
		rs = append(rs, r)
	}
	begin := time.Now()
	require.NoError(t, leased.Settle(t.Context(), rs[0], quota.Amount{Requests: 500}))
	becomes(t, 502, store, limit, "of a slice of 100")
	require.NoError(t, leased.Settle(t.Context(), rs[1], quota.Amount{Requests: 2000}))
	becomes(t, 2501, store, limit, "of one that serves no more")
	assert.Less(t, time.Since(begin), 2*time.Second)
	_, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, quota.Amount{}, long)
	require.ErrorIs(t, err, quota.ErrExceeded)
}

// TestRenewedLongCall is of calls that outlive their slice, and the server's memory of it if it were not told.
func TestRenewedLongCall(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	limit := total(quota.Cost, 1600)
	store := open(t, client, apart())
	leased := lease(t, store, redisquota.LeaseConfig{Slice: 100 * time.Millisecond, TTL: 400 * time.Millisecond, Total: true})
	reserve := func(ttl time.Duration) quota.Reservation {
		r, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, quota.Amount{Cost: 60}, ttl)
		require.NoError(t, err)
		return r
	}
	r, dead := reserve(700*time.Millisecond), reserve(700*time.Millisecond)
	for range 5 {
		time.Sleep(400 * time.Millisecond)
		var err error
		r, err = leased.Renew(t.Context(), r, 700*time.Millisecond)
		require.NoError(t, err)
	}
	_, err := leased.Renew(t.Context(), dead, time.Second)
	require.ErrorIs(t, err, quota.ErrExpired)
	assert.Equal(t, int64(120), used(t, store, limit))
	require.NoError(t, leased.Settle(t.Context(), r, quota.Amount{Cost: 7}))
	require.NoError(t, leased.Settle(t.Context(), r, quota.Amount{Cost: 70}))
	require.NoError(t, leased.Settle(t.Context(), dead, quota.Amount{Cost: 1}))
	becomes(t, 67, store, limit, "the estimate of the dead stands")
}

// TestProgramDies has a program in the middle of a slice from which the server hears nothing more.
func TestProgramDies(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	prefix, run := apart(), redisstores.Script(client)
	var dead atomic.Bool
	doomed, err := redisquota.New(redisquota.Config{Prefix: prefix, Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		if dead.Load() {
			return nil, errors.New("dead")
		}
		return run(ctx, script, keys, args...)
	}})
	require.NoError(t, err)
	leased, err := redisquota.NewLeased(doomed, redisquota.LeaseConfig{Slice: 100 * time.Millisecond, TTL: 400 * time.Millisecond})
	require.NoError(t, err)
	limit := quota.Limit{Unit: quota.Requests, Max: 1600, Window: quota.Rolling(3 * time.Second)}
	_, err = leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, one, long)
	require.NoError(t, err)
	dead.Store(true)
	begin := time.Now()
	require.Error(t, leased.Close(t.Context()))

	store := open(t, client, prefix)
	time.Sleep(time.Second)
	assert.Equal(t, int64(100), used(t, store, limit), "what it had in hand stands")
	becomes(t, 0, store, limit, "until the window has passed")
	assert.InDelta(t, 3.1, time.Since(begin).Seconds(), 0.3)
	assert.Eventually(t, func() bool { return len(kept(t, client, prefix)) == 0 }, 5*time.Second, 20*time.Millisecond)
}

func TestServerIsAwayFromSlices(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t, "--appendonly", "yes")
	client, _ := connect(t, server.Addr)
	store, limit := open(t, client, apart()), minutely(quota.Requests, 1600)
	var failed atomic.Int64
	leased := lease(t, store, redisquota.LeaseConfig{Slice: 2 * time.Second, Failed: func(error) { failed.Add(1) }})
	reserve := func() (quota.Reservation, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return leased.Reserve(ctx, "acme", []quota.Limit{limit}, one, long)
	}
	var rs []quota.Reservation
	for n := range 50 {
		if n == 1 {
			server.Stop()
		}
		r, err := reserve()
		require.NoError(t, err, "there is enough in hand")
		rs = append(rs, r)
	}
	for _, r := range rs {
		require.NoError(t, leased.Settle(t.Context(), r, one))
	}
	require.Eventually(t, func() bool { _, err := reserve(); return err != nil }, 5*time.Second, 50*time.Millisecond, "the slice is over")
	_, err := reserve()
	assert.NotErrorIs(t, err, quota.ErrExceeded)
	assert.ErrorContains(t, err, `redisquota: reserve for key "acme"`)
	server.Start()
	assert.Eventually(t, func() bool { _, err := reserve(); return err == nil }, 5*time.Second, 50*time.Millisecond)
	levels, err := leased.Levels(t.Context(), "acme", []quota.Limit{limit})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, levels[0].Used, int64(51))
	assert.Less(t, levels[0].Used, int64(100), "and the server has heard what was not used")
	assert.Positive(t, failed.Load())
}

// TestLeasedDayEnds has the server's day end while a slice is in hand: it serves no more.
func TestLeasedDayEnds(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	run := redisstores.Script(client)
	midnight := time.Now().AddDate(0, 0, 1).UTC().Truncate(24 * time.Hour)
	ahead := time.Until(midnight) - 2*time.Second
	store, err := redisquota.New(redisquota.Config{Prefix: apart(), Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		now := time.Now().Add(ahead)
		told := fmt.Sprintf("{'%d', '%d'}", now.Unix(), now.Nanosecond()/1000)
		return run(ctx, strings.Replace(script, "redis.call('TIME')", told, 1), keys, args...)
	}})
	require.NoError(t, err)
	limit := quota.Limit{Unit: quota.Requests, Max: 160, Window: quota.Daily(0, nil)}
	leased := lease(t, store, redisquota.LeaseConfig{Slice: time.Minute})
	admitted := map[bool]int64{} // before midnight, and after
	for time.Now().Add(ahead).Before(midnight.Add(time.Second)) {
		before := time.Now().Add(ahead)
		_, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, one, long)
		switch {
		case errors.Is(err, quota.ErrExceeded):
		case err != nil:
			require.NoError(t, err)
		default:
			admitted[!before.Before(midnight)]++
		}
		time.Sleep(25 * time.Millisecond)
	}
	levels, err := leased.Levels(t.Context(), "acme", []quota.Limit{limit})
	require.NoError(t, err)
	assert.Positive(t, levels[0].Used)
	assert.InDelta(t, admitted[true], levels[0].Used, 1, "none that was admitted after midnight counts before")
}

// TestRollingSlices has programs use up a limit as fast as they can, and looks at every stretch of a window.
func TestRollingSlices(t *testing.T) {
	t.Parallel()
	addr, prefix := servers.Redis(t).Addr, apart()
	limit := quota.Limit{Unit: quota.Requests, Max: 200, Window: quota.Rolling(2 * time.Second)}
	type spend struct{ from, till time.Time }
	var mu sync.Mutex
	var spends []spend
	var wg sync.WaitGroup
	for range 3 {
		client, _ := connect(t, addr)
		leased := lease(t, open(t, client, prefix), redisquota.LeaseConfig{})
		wg.Go(func() {
			for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
				from := time.Now()
				_, err := leased.Reserve(t.Context(), "acme", []quota.Limit{limit}, one, long)
				if err == nil {
					mu.Lock()
					spends = append(spends, spend{from, time.Now()})
					mu.Unlock()
				} else if !assert.ErrorIs(t, err, quota.ErrExceeded) {
					return
				}
			}
		})
	}
	wg.Wait()
	assert.Greater(t, len(spends), 200, "the window rolls")
	for _, first := range spends {
		n := 0
		for _, s := range spends {
			if !s.from.Before(first.till) && s.till.Sub(first.from) < 2*time.Second { // surely within
				n++
			}
		}
		require.LessOrEqual(t, n, 200)
	}
}

// TestSliceUsedLate has a slice used up at the end of its time: it counts for a whole window from there on.
func TestSliceUsedLate(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	store := open(t, client, apart())
	leased := lease(t, store, redisquota.LeaseConfig{Parts: 1})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 200, Window: quota.Rolling(4 * time.Second)}} // 200 ms a slice
	reserve := func(s quota.Store, n int64) error {
		_, err := s.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: n}, long)
		return err
	}
	require.NoError(t, reserve(leased, 1))
	time.Sleep(150 * time.Millisecond)
	last := time.Now()
	require.NoError(t, reserve(leased, 199))
	for reserve(store, 1) != nil {
		time.Sleep(5 * time.Millisecond)
	}
	assert.GreaterOrEqual(t, time.Since(last), 4*time.Second)
	assert.Less(t, time.Since(last), 4400*time.Millisecond)
}
