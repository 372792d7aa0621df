package balancer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// brokenFor is a store whose Update fails for some subjects, and not for others.
type brokenFor struct {
	health.Store
	broken func(health.Subject) bool
}

func (b brokenFor) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	if b.broken(s) {
		return health.State{}, fmt.Errorf("%w (%w)", errBroken, health.ErrSubject)
	}
	return b.Store.Update(ctx, s, f)
}

// TestResetErrorsGoesOnAfterAnError: an account whose state cannot be written does not
// keep the others from being reset.
func TestResetErrorsGoesOnAfterAnError(t *testing.T) {
	for name, names := range map[string][]string{"all": nil, "by name": {"a0", "a1", "a2"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Always(providertest.ServerError())
				cfg := over(fake, many(3)...)
				broken := false
				cfg.Health = brokenFor{health.NewMemory(health.MemoryConfig{}), func(s health.Subject) bool { return broken && s.Name == "a0" }}
				lb := newTransport(t, cfg)
				for i := range 3 {
					_, _, _ = send(balancer.WithHint(t.Context(), balancer.Hint{Account: fmt.Sprint("a", i)}), t, lb)
				}
				broken = true
				err := lb.ResetErrors(t.Context(), false, names...)
				require.ErrorIs(t, err, errBroken)
				require.ErrorContains(t, err, `"a0"`)
				s := snapshotOf(t, lb)
				assert.Positive(t, s.Accounts[0].Failures, "as it was")
				assert.Positive(t, s.Accounts[0].Failed, "as it was")
				for _, a := range s.Accounts[1:] {
					assert.Zero(t, a.Failures, a.Name)
					assert.Zero(t, a.Failed, a.Name)
				}
			})
		})
	}
}

// TestTheErrorOfResetErrorsIsBounded: it names some of the accounts, and counts the
// others.
func TestTheErrorOfResetErrorsIsBounded(t *testing.T) {
	store := health.NewMemory(health.MemoryConfig{})
	for i := range 1000 {
		put(t, store, subject(health.KindAccount, fmt.Sprint("a", i)), failedOften())
	}
	cfg := over(nil, many(1000)...)
	cfg.Health = brokenFor{store, func(health.Subject) bool { return true }}
	err := newTransport(t, cfg).ResetErrors(t.Context(), false)
	require.ErrorIs(t, err, errBroken)
	assert.Equal(t, 10, strings.Count(err.Error(), errBroken.Error()))
	assert.ErrorContains(t, err, "990 other accounts")
}

// TestResetErrorsEndsWithItsContext: a mute store is not waited for again and again.
func TestResetErrorsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := health.NewMemory(health.MemoryConfig{})
		for i := range 100 {
			put(t, store, subject(health.KindAccount, fmt.Sprint("a", i)), failedOften())
		}
		cfg := over(nil, many(100)...)
		told := 0
		cfg.Hooks.StoreError = func(context.Context, string, error) { told++ }
		cfg.Health = muteFor{store, func(health.Subject) bool { return true }}
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, lb.ResetErrors(ctx, false), context.DeadlineExceeded)
		assert.Equal(t, 1, told)
	})
}
