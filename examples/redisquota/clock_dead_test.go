package redisquota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

const aFarDay = 100 * 24 * time.Hour // somebody set the clock wrong

// TestClockPutBackFreesTheDead has an owner die just before the server's clock is put right. How long the dead were dead
// when it first noticed nobody knows; from then on their ttl goes on.
func TestClockPutBackFreesTheDead(t *testing.T) {
	t.Parallel()
	c, limits := setClock(t), []quota.Limit{inFlight(1)}
	c.sleep(aFarDay)
	_, err := c.Reserve(t.Context(), "acme", limits, quota.Amount{}, time.Hour)
	require.NoError(t, err)
	c.sleep(-aFarDay)
	for range 6 { // refusals alone let time go on
		_, err = c.Reserve(t.Context(), "acme", limits, quota.Amount{}, time.Hour)
		require.ErrorIs(t, err, quota.ErrExceeded)
		c.sleep(10 * time.Minute)
	}
	_, err = c.Reserve(t.Context(), "acme", limits, quota.Amount{}, time.Hour)
	require.NoError(t, err, "its ttl is over")
}

// TestClockPutBackKeepsTheLiving has reservations live on, be renewed and settled over steps of the clock.
func TestClockPutBackKeepsTheLiving(t *testing.T) {
	t.Parallel()
	c := setClock(t)
	limits := []quota.Limit{inFlight(10), total(quota.Requests, 100)}
	reserve := func(ttl time.Duration) quota.Reservation {
		t.Helper()
		r, err := c.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, ttl)
		require.NoError(t, err)
		return r
	}
	used := func(flying, spent int64, why string) {
		t.Helper()
		levels, err := c.Levels(t.Context(), "acme", limits)
		require.NoError(t, err)
		assert.Equal(t, []int64{flying, spent}, []int64{levels[0].Used, levels[1].Used}, why)
	}
	c.sleep(2 * aFarDay)
	dies, renewed, settled := reserve(2*time.Hour), reserve(2*time.Hour), reserve(2*time.Hour)
	c.sleep(time.Hour)
	c.settle(reserve(time.Hour), 0)
	c.sleep(-aFarDay)
	used(3, 3, "the step ends none")
	fresh := reserve(2 * time.Hour)
	c.sleep(59 * time.Minute)
	used(4, 4, "nor does their time end sooner")
	renewed, err := c.Renew(t.Context(), renewed, time.Hour)
	require.NoError(t, err)
	c.sleep(2 * time.Minute)
	used(2, 4, "nor later")
	_, err = c.Renew(t.Context(), dies, time.Hour)
	require.ErrorIs(t, err, quota.ErrExpired)
	c.settle(settled, 0)
	used(2, 3, "one that has expired can be settled for a ttl more")
	c.sleep(-time.Second)
	c.sleep(-time.Hour)
	c.sleep(-aFarDay)
	c.settle(fresh, 0)
	used(1, 2, "of several steps each counts")
	c.sleep(50 * time.Minute)
	used(1, 2, "")
	c.sleep(15 * time.Minute)
	used(0, 2, "")
	require.NoError(t, c.Reset(t.Context(), "acme"))
	c.settle(renewed, 0)
	used(0, 0, "what was reset is not given back")
	c.sleep(3 * time.Hour)
	c.settle(dies, 7)
	used(0, 0, "it is forgotten")
	c.settle(reserve(time.Hour), 1)
	used(0, 1, "")
}
