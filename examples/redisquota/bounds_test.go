package redisquota_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// kept is how long each of the keys in Redis that begin with the prefix lives; -1: for ever.
func kept(t *testing.T, client redis.UniversalClient, prefix string) map[string]time.Duration {
	t.Helper()
	names, err := client.Keys(t.Context(), "{"+prefix+":*").Result()
	require.NoError(t, err)
	lives := map[string]time.Duration{}
	for _, name := range names {
		life, err := client.PTTL(t.Context(), name).Result()
		require.NoError(t, err)
		lives[name[strings.LastIndex(name, ":")+1:]] = life
	}
	return lives
}

func TestIdleKeysVanish(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	prefix, ctx := apart(), t.Context()
	store := open(t, client, prefix)
	reserve := func(window quota.Window, ttl time.Duration) quota.Reservation {
		r, err := store.Reserve(ctx, "acme", []quota.Limit{{Unit: quota.Requests, Max: 100, Window: window}}, quota.Amount{Requests: 1}, ttl)
		require.NoError(t, err)
		return r
	}
	near := func(want, got time.Duration) { t.Helper(); assert.InDelta(t, want.Seconds(), got.Seconds(), 2) }

	r := reserve(quota.Rolling(time.Minute), 10*time.Second)
	lives := kept(t, client, prefix)
	require.Len(t, lives, 4)
	near(time.Minute+500*time.Millisecond, lives["counts"])
	for _, name := range []string{"records", "live", "kept"} {
		near(20*time.Second, lives[name])
	}
	require.NoError(t, store.Settle(ctx, r, quota.Amount{Requests: 1}))
	lives = kept(t, client, prefix)
	require.Len(t, lives, 1, "of a reservation that is settled nothing is kept")
	near(time.Minute+500*time.Millisecond, lives["counts"])

	r = reserve(quota.Rolling(time.Minute), long)
	near(2*long, kept(t, client, prefix)["counts"])
	require.NoError(t, store.Settle(ctx, r, quota.Amount{}))

	begin := time.Now()
	r = reserve(quota.Daily(0, nil), time.Second)
	_, end := quota.Daily(0, nil).Bounds(begin)
	near(end.Add(time.Hour).Sub(begin), kept(t, client, prefix)["counts"])

	r2 := reserve(quota.Total(), time.Second)
	assert.Equal(t, time.Duration(-1), kept(t, client, prefix)["counts"], "a total lasts")
	require.NoError(t, store.Settle(ctx, r2, quota.Amount{}))
	near(end.Add(time.Hour).Sub(begin), kept(t, client, prefix)["counts"])
	require.NoError(t, store.Settle(ctx, r, quota.Amount{}))

	require.NoError(t, store.Reset(ctx, "acme"))
	assert.Empty(t, kept(t, client, prefix))

	r = reserve(quota.Rolling(100*time.Millisecond), 50*time.Millisecond)
	assert.Eventually(t, func() bool { return len(kept(t, client, prefix)) == 0 }, 5*time.Second, 20*time.Millisecond)
	require.NoError(t, store.Settle(ctx, r, quota.Amount{Requests: 5}), "and settling it is nothing")
	assert.Empty(t, kept(t, client, prefix))
}

func TestReservationsOfTheDeadAreSwept(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	prefix, ctx := apart(), t.Context()
	store := open(t, client, prefix)
	limits := []quota.Limit{inFlight(1000)}
	for range 300 {
		_, err := store.Reserve(ctx, "acme", limits, quota.Amount{}, 500*time.Millisecond)
		require.NoError(t, err)
	}
	alive, err := store.Reserve(ctx, "acme", limits, quota.Amount{}, long)
	require.NoError(t, err)
	time.Sleep(1200 * time.Millisecond)
	levels, err := store.Levels(ctx, "acme", limits)
	require.NoError(t, err)
	assert.Equal(t, int64(1), levels[0].Used, "whoever is dead is not in flight, swept or not")
	for range 10 { // 32 at a time
		_, err := store.Renew(ctx, alive, long)
		require.NoError(t, err)
	}
	records, err := client.HLen(ctx, fmt.Sprintf("{%s:acme}:records", prefix)).Result()
	require.NoError(t, err)
	assert.Equal(t, int64(1), records)
}

func TestNumbersTooLarge(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	store, ctx := open(t, client, apart()), t.Context()
	limit := total(quota.Cost, redisquota.MaxLimit)
	limits := []quota.Limit{limit, {Unit: quota.Cost, Max: redisquota.MaxLimit, Window: quota.Rolling(time.Hour)}}

	_, err := store.Reserve(ctx, "acme", []quota.Limit{total(quota.Cost, redisquota.MaxLimit+1)}, quota.Amount{}, long)
	require.ErrorIs(t, err, quota.ErrInvalid)
	require.ErrorIs(t, store.Grant(ctx, "acme", limits, quota.Amount{Cost: redisquota.MaxLimit + 1}), quota.ErrInvalid)

	r, err := store.Reserve(ctx, "acme", limits, quota.Amount{Cost: redisquota.MaxLimit - 1}, long)
	require.NoError(t, err)
	_, err = store.Reserve(ctx, "acme", limits, quota.Amount{Cost: 2}, long)
	var exceeded *quota.ExceededError
	require.ErrorAs(t, err, &exceeded)
	assert.Equal(t, int64(1), exceeded.Left)
	one, err := store.Reserve(ctx, "acme", limits, quota.Amount{Cost: 1}, long)
	require.NoError(t, err, "it counts exactly, to the last")
	require.NoError(t, store.Settle(ctx, one, quota.Amount{}))
	require.NoError(t, store.Settle(ctx, r, quota.Amount{Cost: math.MaxInt64}))
	require.NoError(t, store.Grant(ctx, "acme", limits, quota.Amount{Cost: 1e6}))
	_, err = store.Reserve(ctx, "acme", limits, quota.Amount{Cost: 1}, long)
	require.ErrorIs(t, err, quota.ErrExceeded, "too much stays too much")
	require.NoError(t, store.Reset(ctx, "acme"))

	for range 2 {
		require.NoError(t, store.Grant(ctx, "acme", limits, quota.Amount{Cost: redisquota.MaxLimit}))
	}
	_, err = store.Reserve(ctx, "acme", limits, quota.Amount{Cost: math.MaxInt64}, long)
	require.ErrorIs(t, err, quota.ErrExceeded)
	_, err = store.Reserve(ctx, "acme", limits[:1], quota.Amount{Cost: redisquota.MaxLimit}, math.MaxInt64)
	require.NoError(t, err)
}

// TestWhatIsSentTwice has a client that sends everything twice, as one does whose answers are lost.
func TestWhatIsSentTwice(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	once := redisstores.Script(client)
	store, err := redisquota.New(redisquota.Config{
		Prefix: apart(),
		Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			if _, err := once(ctx, script, keys, args...); err != nil {
				return nil, err
			}
			return once(ctx, script, keys, args...)
		},
	})
	require.NoError(t, err)
	limits := []quota.Limit{total(quota.Tokens, 100), inFlight(3)}
	used := func(want ...int64) {
		t.Helper()
		levels, err := store.Levels(t.Context(), "acme", limits)
		require.NoError(t, err)
		assert.Equal(t, want, []int64{levels[0].Used, levels[1].Used})
	}
	r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{InputTokens: 60}, long)
	require.NoError(t, err)
	used(60, 1)
	require.NoError(t, store.Grant(t.Context(), "acme", limits, quota.Amount{InputTokens: 7}))
	used(53, 1)
	require.NoError(t, store.Settle(t.Context(), r, quota.Amount{InputTokens: 70}))
	used(63, 0)
}
