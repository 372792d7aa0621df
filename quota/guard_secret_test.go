package quota_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// talkative fails with an error that tells whom it was asked for, as real stores do.
type talkative struct{}

func (talkative) Reserve(_ context.Context, key string, _ []quota.Limit, _ quota.Amount, _ time.Duration) (r quota.Reservation, err error) {
	return r, fmt.Errorf("reserving for key %q: dial tcp 10.0.0.5:6379: user billing", key)
}

func (talkative) Settle(_ context.Context, r quota.Reservation, _ quota.Amount) error {
	return fmt.Errorf("settling for key %q: dial tcp 10.0.0.5:6379", r.Key)
}

// TestGuardKeepsAnothersErrorToItself has a store fail on one tenant's key: the others are not told what it said to him.
func TestGuardKeepsAnothersErrorToItself(t *testing.T) {
	var hook error
	g := quota.NewGuard(talkative{}, quota.GuardConfig{Hooks: quota.GuardHooks{Broken: func(err error) { hook = err }}})
	_, err := g.Reserve(t.Context(), "tenant/acme", hundred, oneRequest, time.Minute)
	require.ErrorIs(t, err, quota.ErrUnavailable)
	assert.ErrorContains(t, err, "acme", "it is its own")
	assert.ErrorContains(t, hook, "acme")

	check := func(err error) {
		t.Helper()
		var broken *quota.UnavailableError
		require.ErrorAs(t, err, &broken)
		assert.NoError(t, broken.Err)
		assert.Positive(t, time.Until(broken.RetryAt))
		for ; err != nil; err = errors.Unwrap(err) {
			for _, secret := range []string{"acme", "10.0.0.5", "billing"} {
				assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret)
			}
		}
	}
	_, err = g.Reserve(t.Context(), "tenant/other", hundred, oneRequest, time.Minute)
	check(err)
	_, err = quota.ReserveAll(t.Context(), g, []quota.Charge{{Key: "a", Limits: hundred}, {Key: "b", Limits: hundred}}, oneRequest, time.Minute)
	check(err)
	full := quota.NewGuard(talkative{}, quota.GuardConfig{MaxUnsettled: -1})
	require.ErrorContains(t, full.Settle(t.Context(), quota.Reservation{ID: "1", Key: "tenant/acme"}, oneRequest), "acme")
	check(full.Settle(t.Context(), quota.Reservation{ID: "2", Key: "tenant/other"}, oneRequest))
}
