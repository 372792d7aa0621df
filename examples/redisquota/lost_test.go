package redisquota_test

import (
	"context"
	"errors"
	"sync/atomic"
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

var errLost = errors.New("the answer is lost")

// losing is a store whose calls are carried out and their answers lost, while loses is set.
func losing(t *testing.T, client redis.Scripter, prefix string) (store *redisquota.Store, loses *atomic.Bool) {
	t.Helper()
	run, loses := redisstores.Script(client), new(atomic.Bool)
	store, err := redisquota.New(redisquota.Config{
		Prefix: prefix,
		Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			reply, err := run(ctx, script, keys, args...)
			if err == nil && loses.Load() {
				return nil, errLost
			}
			return reply, err
		},
	})
	require.NoError(t, err)
	return store, loses
}

// TestAnswersThatAreLost has reservations made of which nobody hears: the next call for the key cancels them, long before
// their ttl is over.
func TestAnswersThatAreLost(t *testing.T) {
	t.Parallel()
	limits := []quota.Limit{total(quota.Cost, 100), minutely(quota.Requests, 10), inFlight(4)}
	a := quota.Amount{Requests: 1, Cost: 20}
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, _ := connect(t, world.start(t)...)
			prefix := apart()
			store, loses := losing(t, client, prefix)
			other := open(t, client, prefix)
			mine, err := store.Reserve(t.Context(), "acme", limits, a, long)
			require.NoError(t, err)
			lose := func(key string, n int) {
				t.Helper()
				loses.Store(true)
				defer loses.Store(false)
				for range n {
					_, err := store.Reserve(t.Context(), key, limits, a, long)
					require.ErrorIs(t, err, errLost)
				}
			}
			standing := func(why string, want ...int64) {
				t.Helper()
				levels, err := other.Levels(t.Context(), "acme", limits)
				require.NoError(t, err)
				assert.Equal(t, want, []int64{levels[0].Used, levels[1].Used, levels[2].Used}, why)
			}

			lose("acme", 1)
			standing("it was reserved all the same", 40, 2, 2)
			lose("acme", 2)
			standing("each call cancels what the one before has lost", 40, 2, 2)
			loses.Store(true)
			require.ErrorIs(t, store.Settle(t.Context(), mine, a), errLost)
			loses.Store(false)
			standing("and so does a Settle", 20, 1, 0)
			lose("acme", 1)
			_, err = store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: 81}, long)
			require.ErrorIs(t, err, quota.ErrExceeded)
			standing("and a Reserve that is refused", 20, 1, 0)
			lose("acme", 1)
			r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: 80}, long)
			require.NoError(t, err, "there is the room of what is canceled")
			standing("only what is known is reserved", 100, 1, 1)
			require.NoError(t, store.Settle(t.Context(), r, quota.Amount{}))

			// Several keys together: the first is given back at once, the second with its next call.
			charges := []quota.Charge{{Key: "first", Limits: limits}, {Key: "acme", Limits: limits}}
			_, err = quota.ReserveAll(t.Context(), losesAt{store, loses, "acme"}, charges, a, long)
			require.ErrorIs(t, err, errLost)
			standing("of several keys", 40, 2, 1)
			levels, err := other.Levels(t.Context(), "first", limits)
			require.NoError(t, err)
			assert.Zero(t, levels[0].Used)
			require.NoError(t, store.Settle(t.Context(), r, quota.Amount{}))
			standing("settling what is settled cancels too", 20, 1, 0)
		})
	}
}

// losesAt loses the answer to a Reserve of one key.
type losesAt struct {
	*redisquota.Store
	loses *atomic.Bool
	key   string
}

func (s losesAt) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	s.loses.Store(key == s.key)
	defer s.loses.Store(false)
	return s.Store.Reserve(ctx, key, limits, a, ttl)
}

// TestAReservationThatIsOvertaken has a server that hangs carry out a Reserve after its cancellation.
func TestAReservationThatIsOvertaken(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	run, limits := redisstores.Script(client), []quota.Limit{total(quota.Cost, 100), inFlight(4)}
	prefix := apart()
	var late func()
	store, err := redisquota.New(redisquota.Config{
		Prefix: prefix,
		Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			if late == nil {
				late = func() {
					_, err := run(context.WithoutCancel(ctx), script, keys, args...)
					require.NoError(t, err)
				}
				return nil, context.DeadlineExceeded
			}
			return run(ctx, script, keys, args...)
		},
	})
	require.NoError(t, err)
	_, err = store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: 30}, long)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: 5}, long)
	require.NoError(t, err)
	late()
	levels, err := store.Levels(t.Context(), "acme", limits)
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 1}, []int64{levels[0].Used, levels[1].Used}, "it was canceled before it came")
	require.NoError(t, store.Settle(t.Context(), r, quota.Amount{}))

	// The same of a slice.
	late = nil
	leased, err := redisquota.NewLeased(store, redisquota.LeaseConfig{Total: true})
	require.NoError(t, err)
	_, err = leased.Reserve(t.Context(), "other", limits[:1], quota.Amount{Cost: 30}, long)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, leased.Close(t.Context()))
	late()
	levels, err = store.Levels(t.Context(), "other", limits)
	require.NoError(t, err)
	assert.Zero(t, levels[0].Used)
}
