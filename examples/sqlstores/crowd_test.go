package sqlstores_test

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
	"github.com/aitransport/aitransport/quota/sqlquota"
)

// noOverspend has 32 callers of two programs reserve under contexts that end at any moment. What they
// know to be admitted is never above the limit, and what they know is settled as they said.
func noOverspend(t *testing.T, d database) {
	const most = 300
	programs := []*sqlquota.Store{d.store(t, d.open(t, 8)), d.store(t, d.open(t, 8))}
	limits := []quota.Limit{{Unit: quota.Tokens, Max: most, Window: quota.Total()}, {Unit: quota.Tokens, Max: most, Window: quota.Rolling(time.Hour)}}
	charges := []quota.Charge{{Key: "tenant", Limits: limits}, {Key: "account", Limits: limits}}
	var admitted, unknown, refused, gone atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for range 25 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if rand.IntN(2) == 0 {
					ctx, cancel = context.WithTimeout(ctx, rand.N(30*time.Millisecond))
				}
				asked := int64(1 + rand.IntN(5))
				cs := charges
				if rand.IntN(2) == 0 {
					cs = []quota.Charge{charges[1], charges[0]}
				}
				rs, err := quota.ReserveAll(ctx, programs[i%2], cs, quota.Amount{InputTokens: asked}, time.Hour)
				switch {
				case errors.Is(err, quota.ErrExceeded):
					refused.Add(1)
				case err != nil:
					if assert.ErrorIs(t, err, context.DeadlineExceeded) {
						gone.Add(1)
						unknown.Add(asked)
					}
				default:
					admitted.Add(asked)
					if rand.IntN(4) == 0 {
						assert.NoError(t, quota.SettleAll(t.Context(), programs[(i+1)%2], rs, quota.Amount{}))
						admitted.Add(-asked)
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	t.Logf("%d admitted, %d refused, %d gone", admitted.Load(), refused.Load(), gone.Load())
	assert.LessOrEqual(t, admitted.Load(), int64(most))
	assert.NotZero(t, gone.Load())
	assert.NotZero(t, refused.Load())
	for _, c := range charges {
		levels, err := programs[0].Levels(t.Context(), c.Key, limits)
		require.NoError(t, err)
		for _, l := range levels {
			assert.LessOrEqual(t, l.Used, int64(most), c.Key)
			assert.GreaterOrEqual(t, l.Used, admitted.Load(), c.Key)
			assert.LessOrEqual(t, l.Used, admitted.Load()+unknown.Load(), c.Key)
		}
	}
}

func purge(t *testing.T, d database) {
	db := d.open(t, 2)
	s := d.store(t, db)
	for _, key := range []string{"idle", "idle too", "idle three"} {
		require.NoError(t, s.Grant(t.Context(), key, inAll, quota.Amount{}))
	}
	_, err := s.Reserve(t.Context(), "in flight", nil, one, time.Hour)
	require.NoError(t, err)
	r, err := s.Reserve(t.Context(), "in total", inAll, one, time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), r, one))
	purge := func(before time.Time, limit int) int {
		n, err := s.Purge(t.Context(), before, limit)
		require.NoError(t, err)
		return n
	}
	assert.Zero(t, purge(time.Time{}, 10), "what has been idle for less than an hour")
	exec(t, db, "UPDATE "+d.table("keys")+" SET idle_at = idle_at - 7200000000 WHERE idle_at < 9000000000000000000")
	assert.Zero(t, purge(time.Now().Add(-3*time.Hour), 10))
	assert.Zero(t, purge(time.Time{}, 0))
	assert.Equal(t, 2, purge(time.Time{}, 2))
	assert.Equal(t, 1, purge(time.Now().Add(time.Hour), 10))
	_, err = s.Reserve(t.Context(), "in flight", []quota.Limit{{Unit: quota.InFlight, Max: 1}}, one, time.Hour)
	assert.ErrorIs(t, err, quota.ErrExceeded)
	levels, err := s.Levels(t.Context(), "in total", inAll)
	require.NoError(t, err)
	assert.EqualValues(t, 1, levels[0].Used)
}

func boundedReservations(t *testing.T, d database) {
	d.config.MaxReservations = 2
	s := d.store(t, d.open(t, 1))
	r, err := s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.NoError(t, err)
	_, err = s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.NoError(t, err)
	_, err = s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.ErrorContains(t, err, `"a" refused: 2 of its reservations can still be settled`)
	assert.NotErrorIs(t, err, quota.ErrExceeded)
	require.NoError(t, s.Settle(t.Context(), r, one))
	_, err = s.Reserve(t.Context(), "a", inAll, one, time.Hour)
	require.NoError(t, err)
}
