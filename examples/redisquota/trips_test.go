package redisquota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// ten is limits of every sort.
func ten(t *testing.T) []quota.Limit {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	limits := []quota.Limit{inFlight(1000), total(quota.Requests, 1e6), total(quota.Cost, 1e15)}
	for _, u := range []quota.Unit{quota.Requests, quota.Tokens, quota.InputTokens} {
		limits = append(limits, minutely(u, 1e6), quota.Limit{Unit: u, Max: 1e9, Window: quota.Rolling(5 * time.Hour)})
	}
	for _, w := range []quota.Window{quota.Daily(9*time.Hour, berlin), quota.Weekly(time.Monday, 0, nil), quota.Monthly(31, 0, berlin)} {
		limits = append(limits, quota.Limit{Unit: quota.Cost, Max: 1e12, Window: w})
	}
	return limits
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, sent := connect(t, world.start(t)...)
			store, limits := open(t, client, apart()), ten(t)
			a := quota.Amount{Requests: 1, InputTokens: 1000, OutputTokens: 500, Cost: 1e7}
			var r quota.Reservation
			steps := []struct {
				name string
				do   func(limits []quota.Limit) error
			}{
				{"Reserve", func(limits []quota.Limit) (err error) {
					r, err = store.Reserve(t.Context(), "acme", limits, a, long)
					return err
				}},
				{"Renew", func([]quota.Limit) (err error) { r, err = store.Renew(t.Context(), r, long); return err }},
				{"Levels", func(limits []quota.Limit) error { _, err := store.Levels(t.Context(), "acme", limits); return err }},
				{"Settle", func([]quota.Limit) error {
					return store.Settle(t.Context(), r, quota.Amount{Requests: 1, InputTokens: 2000, Cost: 1})
				}},
				{"Grant", func(limits []quota.Limit) error { return store.Grant(t.Context(), "acme", limits, a) }},
				{"Reset", func([]quota.Limit) error { return store.Reset(t.Context(), "acme") }},
			}
			for _, step := range steps {
				require.NoError(t, step.do(limits)) // the server learns the script
			}
			for _, n := range []int{0, 1, len(limits)} {
				for _, step := range steps {
					assert.Equal(t, 1, sent.during(t, func() error { return step.do(limits[:n]) }), "%s with %d limits", step.name, n)
				}
			}
			full := []quota.Limit{total(quota.Tokens, 1)}
			refused := func() error {
				_, err := store.Reserve(t.Context(), "acme", append(full, limits...), a, long)
				assert.ErrorIs(t, err, quota.ErrExceeded)
				return nil
			}
			assert.Equal(t, 1, sent.during(t, refused), "a Reserve that is refused")
			settledAgain := func() error { return store.Settle(t.Context(), r, a) }
			assert.Equal(t, 1, sent.during(t, settledAgain), "a Settle that changes nothing")
		})
	}
}
