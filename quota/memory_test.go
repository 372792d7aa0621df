package quota_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsTheStoresPromises(t *testing.T) {
	quotatest.Run(t, func(*testing.T) quota.Store { return quota.NewMemory(quota.MemoryConfig{}) })
}

func requests(limit int64, w quota.Window) []quota.Limit {
	return []quota.Limit{{Unit: quota.Requests, Max: limit, Window: w}}
}

var oneRequest = quota.Amount{Requests: 1}

func TestMemoryDropsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		minute := requests(10, quota.Rolling(time.Minute))
		for i := range 100 {
			r, err := m.Reserve(t.Context(), fmt.Sprint("settled ", i), minute, oneRequest, time.Second)
			require.NoError(t, err)
			require.NoError(t, m.Settle(t.Context(), r, oneRequest))
			_, err = m.Reserve(t.Context(), fmt.Sprint("dead ", i), minute, oneRequest, time.Second)
			require.NoError(t, err)
			_, err = m.Reserve(t.Context(), fmt.Sprint("total ", i), requests(10, quota.Total()), oneRequest, time.Second)
			require.NoError(t, err)
		}
		assert.Equal(t, 300, m.Len())
		time.Sleep(time.Minute - time.Millisecond)
		assert.Equal(t, 300, m.Len(), "nothing is dropped before its time")
		time.Sleep(2 * time.Second)
		assert.Equal(t, 100, m.Len(), "what counts in total counts for ever")
		keys, reservations := m.Remembered()
		assert.Equal(t, 100, keys)
		assert.Zero(t, reservations)
	})
}

func TestMemoryDoesNotGrowWithTheNumberOfKeysEverSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		most := 0
		for i := range 20_000 {
			_, err := m.Reserve(t.Context(), fmt.Sprint(i), requests(1, quota.Rolling(time.Second)), oneRequest, time.Second)
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
			if i%50 == 0 {
				keys, _ := m.Remembered()
				most = max(most, keys)
			}
		}
		assert.Less(t, most, 3000, "a minute's keys are some 600")
	})
}

func TestMemoryRefusesKeysBeyondItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{MaxKeys: 100})
		limits := requests(1, quota.Rolling(10*time.Second))
		for i := range 100 {
			_, err := m.Reserve(t.Context(), fmt.Sprint(i), limits, oneRequest, time.Second)
			require.NoError(t, err)
		}
		_, err := m.Reserve(t.Context(), "one more", limits, oneRequest, time.Second)
		assert.ErrorContains(t, err, `"one more" refused: 100 other keys are in use`)
		assert.NotErrorIs(t, err, quota.ErrExceeded)
		_, err = m.Reserve(t.Context(), "7", limits, oneRequest, time.Second)
		assert.ErrorIs(t, err, quota.ErrExceeded, "a known key is still known")
		time.Sleep(20 * time.Second) // less than what passes between two sweeps
		_, err = m.Reserve(t.Context(), "one more", limits, oneRequest, time.Second)
		assert.NoError(t, err)
	})
}

func TestMemoryRemembersNoKeyForBeingRefused(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{})
	_, err := m.Reserve(t.Context(), "a", requests(1, quota.Total()), quota.Amount{Requests: 2}, time.Second)
	require.ErrorIs(t, err, quota.ErrExceeded)
	keys, _ := m.Remembered()
	assert.Zero(t, keys)
}

func TestMemoryEmptiesDebtByAndBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		limits := []quota.Limit{{Unit: quota.Tokens, Max: 100, Window: quota.Rolling(time.Minute)}}
		for _, used := range []int64{80, 150} {
			r, err := m.Reserve(t.Context(), "a", limits, quota.Amount{InputTokens: 1}, time.Second)
			require.NoError(t, err)
			require.NoError(t, m.Settle(t.Context(), r, quota.Amount{InputTokens: used}))
			time.Sleep(20 * time.Second)
		}
		_, err := m.Reserve(t.Context(), "a", limits, quota.Amount{InputTokens: 50}, time.Second)
		var exceeded *quota.ExceededError
		require.ErrorAs(t, err, &exceeded)
		time.Sleep(time.Until(exceeded.RetryAt) - time.Nanosecond)
		_, err = m.Reserve(t.Context(), "a", limits, quota.Amount{InputTokens: 50}, time.Second)
		require.ErrorIs(t, err, quota.ErrExceeded, "just before RetryAt")
		time.Sleep(time.Nanosecond)
		_, err = m.Reserve(t.Context(), "a", limits, quota.Amount{InputTokens: 50}, time.Second)
		require.NoError(t, err, "at RetryAt")
	})
}

func TestAbsurdAmountsDoNotOverflow(t *testing.T) {
	for _, w := range []quota.Window{quota.Total(), quota.Rolling(time.Minute), quota.Rolling(time.Millisecond), quota.Rolling(10 * 365 * 24 * time.Hour)} {
		m := quota.NewMemory(quota.MemoryConfig{})
		limits := []quota.Limit{{Unit: quota.Tokens, Max: math.MaxInt64, Window: w}}
		huge := quota.Amount{InputTokens: math.MaxInt64, OutputTokens: math.MaxInt64}
		for range 3 {
			r, err := m.Reserve(t.Context(), "a", limits, quota.Amount{}, math.MaxInt64)
			require.NoError(t, err)
			require.NoError(t, m.Settle(t.Context(), r, huge))
		}
		levels, err := m.Levels(t.Context(), "a", limits)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, levels[0].Used, int64(0))
		assert.GreaterOrEqual(t, levels[0].Left, int64(0))
	}
}

func TestMemoryChargesKeysInAnyOrder(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{})
	limits := requests(1, quota.Total())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 20_000 { // two who hold one lock each would wait for ever
				a, b := fmt.Sprint("a", n%50), fmt.Sprint("b", n%50)
				if i%2 == 0 {
					a, b = b, a
				}
				rs, err := m.ReserveAll(t.Context(), []quota.Charge{{Key: a, Limits: limits}, {Key: b, Limits: limits}}, oneRequest, time.Minute)
				if !errors.Is(err, quota.ErrExceeded) {
					assert.NoError(t, err)
				}
				assert.NoError(t, m.SettleAll(t.Context(), rs, quota.Amount{}))
			}
		})
	}
	wg.Wait()
	for n := range 50 {
		_, err := m.ReserveAll(t.Context(), []quota.Charge{{Key: fmt.Sprint("a", n), Limits: limits}, {Key: fmt.Sprint("b", n), Limits: limits}}, oneRequest, time.Minute)
		require.NoError(t, err)
	}
}

func TestMemoryThatOnlyChargesTogetherDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		limits := requests(1, quota.Rolling(time.Second))
		most := 0
		for i := range 20_000 {
			charges := []quota.Charge{{Key: fmt.Sprint(i), Limits: limits}, {Key: fmt.Sprint(-i - 1), Limits: limits}}
			_, err := m.ReserveAll(t.Context(), charges, oneRequest, time.Second)
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
			if i%50 == 0 {
				keys, _ := m.Remembered()
				most = max(most, keys)
			}
		}
		assert.Less(t, most, 5000, "a minute's keys are some 1200")
	})
}

func TestMemoryRefusesChargesBeyondItsBoundWhole(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{MaxKeys: 1})
	charges := []quota.Charge{{Key: "a", Limits: hundred}, {Key: "b", Limits: hundred}}
	_, err := quota.ReserveAll(t.Context(), m, charges, oneRequest, time.Minute)
	require.ErrorContains(t, err, `"b" refused: 1 other keys are in use`)
	keys, reservations := m.Remembered()
	assert.Zero(t, keys)
	assert.Zero(t, reservations)
}
