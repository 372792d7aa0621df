package crashes_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota/redisquota"
)

const (
	slice     = 200 * time.Millisecond // serves a call for that long, or for less
	sliceKept = time.Second            // without hearing of it: less than the server is away
	away      = 2 * time.Second
)

// openLeased opens a store that takes slices of all limits that it can.
func openLeased(at string) (*redisquota.Leased, error) {
	store, err := openRedis(at)
	if err != nil {
		return nil, err
	}
	return redisquota.NewLeased(store, redisquota.LeaseConfig{Total: true, Slice: slice, TTL: sliceKept})
}

// TestLeasesOfAStoreThatGoesAway has four programs lease slices and spend them, three calls of
// four, while they are killed and started anew, and Redis is killed and started again in the
// middle. What is in hand counts on the server, so nothing is overspent under either policy of
// a Guard, and once the slices of the dead have ended too nothing is in flight and none counts
// in a window any more.
func TestLeasesOfAStoreThatGoesAway(t *testing.T) {
	for _, policy := range []string{"closed", "open"} {
		t.Run(policy, func(t *testing.T) {
			server := servers.Redis(t, "--appendonly", "yes")
			crew := newCrew(t, "leased", server.Addr, policy)
			crew.crash(*length / 2)
			down := time.Now()
			server.Stop()
			time.Sleep(away)
			up := time.Now()
			server.Start()
			crew.crash(*length / 2)
			calls, _ := crew.report()
			admitted, before, after, leased := 0, 0, 0, 0
			for _, c := range calls {
				switch {
				case c.ended < down.UnixNano():
					before++
				case c.began > up.UnixNano():
					after++
				case c.began > down.Add(slice).UnixNano() && c.ended < up.UnixNano():
					admitted++
				}
				if !c.flies {
					leased++
				}
			}
			assert.Positive(t, before, "until it went")
			assert.Positive(t, after, "once it was back")
			assert.Greater(t, leased, len(calls)/2)
			if policy == "open" {
				assert.Positive(t, admitted, "while it was away")
				assertWithin(t, calls, crew.started) // each counts for itself meanwhile
			} else {
				assert.Zero(t, admitted, "while it was away, and no slice serves any more")
				assertWithin(t, calls, 0)
				assertAllCounts(t, "redis", server.Addr, calls)
			}
			assertNothingInFlight(t, "redis", server.Addr, calls)
			assertNoSliceCounts(t, server.Addr, calls)
		})
	}
}

// assertNoSliceCounts looks at the window once all slices in it are over.
func assertNoSliceCounts(t *testing.T, at string, calls []call) {
	t.Helper()
	store, err := openRedis(at)
	require.NoError(t, err)
	for key := range spentOf(calls) {
		levels, err := store.Levels(t.Context(), key, limits)
		require.NoError(t, err)
		assert.Zero(t, levels[1].Used, "requests in the window under %s", key)
	}
}
