package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/provider"
)

// leases has programs renew one account's tokens: one at a time, each with what the one
// before has kept.
func leases(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	var programs []*store.DB
	for range 3 {
		programs = append(programs, open(t, c))
	}
	a, err := programs[0].CreateAccount(t.Context(), resource.Account{Name: "main", OAuth: &resource.OAuth{TokenURL: "https://x.test/", RefreshToken: resource.NewSecret("0")}})
	require.NoError(t, err)
	other, err := programs[0].CreateAccount(t.Context(), resource.Account{Name: "other"})
	require.NoError(t, err)
	var inside, renewals atomic.Int64
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			db := programs[i%3]
			stored, release, err := db.LeaseTokens(t.Context(), a.ID)
			if !assert.NoError(t, err) {
				return
			}
			assert.EqualValues(t, 1, inside.Add(1), "one at a time")
			assert.Equal(t, fmt.Sprint(renewals.Load()), stored.RefreshToken, "what was kept last is seen")
			stored.RefreshToken = fmt.Sprint(renewals.Add(1))
			assert.NoError(t, db.SaveTokens(t.Context(), a.ID, stored))
			inside.Add(-1)
			assert.NoError(t, release(t.Context()))
			assert.NoError(t, release(t.Context()), "it may be called again")
		})
	}
	wg.Wait()
	require.EqualValues(t, 9, renewals.Load())

	_, release, err := programs[0].LeaseTokens(t.Context(), a.ID)
	require.NoError(t, err)
	stored, releaseOther, err := programs[1].LeaseTokens(t.Context(), other.ID)
	require.NoError(t, err, "another account's is another")
	assert.Equal(t, provider.OAuthTokens{}, stored)
	require.NoError(t, releaseOther(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = programs[1].LeaseTokens(ctx, a.ID)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// The first program dies, and its lease ends.
	change(t, programs[0].SQL(), "UPDATE settings SET value = '1000 lease_of_the_dead' WHERE name = 'renewal/"+a.ID+"'")
	_, after, err := programs[2].LeaseTokens(t.Context(), a.ID)
	require.NoError(t, err)
	require.NoError(t, release(t.Context()), "what is another's by now is not given back")
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = programs[1].LeaseTokens(ctx, a.ID)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, after(t.Context()))

	_, _, err = programs[0].LeaseTokens(t.Context(), "acc_none")
	require.ErrorIs(t, err, resource.ErrNotFound)
	assert.Zero(t, query[int](t, programs[0], "SELECT COUNT(*) FROM settings WHERE name LIKE 'renewal/%'"), "nothing is left of them")
}
