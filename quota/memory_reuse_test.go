package quota_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

var oneAtATime = []quota.Limit{{Unit: quota.InFlight, Max: 1}, {Unit: quota.Requests, Max: 10, Window: quota.Total()}}

// TestMemoryTakesNoReservationForOneThatWas has reservations of one key follow each other, so that each is where the one
// before it was.
func TestMemoryTakesNoReservationForOneThatWas(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{})
	var gone []quota.Reservation
	for range 5 {
		r, err := m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Minute)
		require.NoError(t, err)
		for _, old := range gone {
			require.NotEqual(t, old.ID, r.ID)
			require.NoError(t, m.Settle(t.Context(), old, quota.Amount{}))
			_, err = m.Renew(t.Context(), old, time.Hour)
			require.ErrorIs(t, err, quota.ErrExpired)
		}
		_, err = m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Minute)
		require.ErrorIs(t, err, quota.ErrExceeded, "it is in flight still")
		require.NoError(t, m.Settle(t.Context(), r, oneRequest))
		gone = append(gone, r)
	}
	levels, err := m.Levels(t.Context(), "a", oneAtATime)
	require.NoError(t, err)
	assert.EqualValues(t, 5, levels[1].Used)
}

func TestMemoryRenewsNothingThatItForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		r, err := m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Second)
		require.NoError(t, err)
		time.Sleep(2 * time.Second) // it expired, and one ttl later nothing is known of it
		_, err = m.Renew(t.Context(), r, time.Second)
		require.ErrorIs(t, err, quota.ErrExpired)
		_, reservations := m.Remembered()
		assert.Zero(t, reservations)
		_, err = m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Second)
		assert.NoError(t, err)
	})
}

func TestMemoryGoesByIDAndKey(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{})
	r, err := m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Minute)
	require.NoError(t, err)
	for _, other := range []quota.Reservation{{ID: r.ID, Key: "b"}, {ID: "0" + r.ID, Key: "a"}, {ID: "?", Key: "a"}} {
		require.NoError(t, m.Settle(t.Context(), other, quota.Amount{}))
		_, err = m.Renew(t.Context(), other, time.Minute)
		require.ErrorIs(t, err, quota.ErrExpired)
	}
	_, err = m.Reserve(t.Context(), "a", oneAtATime, oneRequest, time.Minute)
	assert.ErrorIs(t, err, quota.ErrExceeded, "it is in flight still")
}
