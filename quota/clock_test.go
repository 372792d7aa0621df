package quota_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

func TestAClockThatGoesBackGrantsNothing(t *testing.T) {
	window := quota.NewTally(quota.Rolling(time.Minute))
	var wall time.Time
	window.Add(100*time.Second, wall, 5)
	assert.EqualValues(t, 5, window.Used(10*time.Second, wall))
	window.Add(10*time.Second, wall, 5)
	assert.EqualValues(t, 10, window.Used(10*time.Second, wall))
	assert.EqualValues(t, 10, window.Used(160*time.Second, wall), "what was spent after the step counts from the latest time seen")
	assert.EqualValues(t, 0, window.Used(161*time.Second, wall))
}

func TestAWallClockThatIsPutBackGrantsNothing(t *testing.T) {
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	window := quota.NewTally(quota.Daily(0, nil))
	at := time.Duration(0)
	used := func(clock time.Time) int64 { at += time.Second; return window.Used(at, clock) }
	spend := func(clock time.Time) { at += time.Second; window.Add(at, clock, 10) }
	spend(midnight.Add(-time.Hour))
	assert.EqualValues(t, 10, used(midnight.Add(-time.Second)))
	assert.EqualValues(t, 0, used(midnight), "a new day")
	spend(midnight.Add(time.Minute))
	assert.EqualValues(t, 10, used(midnight.Add(-time.Minute)), "put back over midnight, it is still the new day")
	spend(midnight.Add(-time.Minute))
	assert.EqualValues(t, 20, used(midnight), "and does not begin again")
	assert.EqualValues(t, 20, used(midnight.Add(23*time.Hour)))
	assert.EqualValues(t, 0, used(midnight.Add(24*time.Hour)))
}

func TestAWallClockThatWasWrongForLongIsBelievedAgain(t *testing.T) {
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	window := quota.NewTally(quota.Daily(0, nil))
	window.Add(1, midnight, 10)
	window.Add(2, midnight.AddDate(1, 0, 0), 5)
	assert.EqualValues(t, 5, window.Used(3, midnight.Add(time.Hour)), "what was spent in next year's window is kept")
	assert.EqualValues(t, 5, window.Used(4, midnight.Add(23*time.Hour)))
	assert.EqualValues(t, 0, window.Used(5, midnight.Add(24*time.Hour)), "and leaves with this day, not in a year")
}

func TestAWindowIsRememberedBeyondItsReset(t *testing.T) {
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	window := quota.NewTally(quota.Daily(0, nil))
	window.Add(1, midnight.Add(-time.Hour), 10)
	assert.False(t, window.Empty(2, midnight.Add(-time.Second)))
	assert.False(t, window.Empty(3, midnight.Add(time.Minute)), "a clock that is put back would find the day before, empty")
	assert.True(t, window.Empty(4, midnight.Add(2*time.Hour)))
}

func TestWhatWasReservedBeforeAResetIsGivenBackThere(t *testing.T) {
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	window := quota.NewTally(quota.Daily(0, nil))
	window.Add(1, midnight.Add(-time.Hour), 10)
	window.Add(2, midnight.Add(time.Hour), 7)
	window.GiveBack(1, 10)
	assert.EqualValues(t, 7, window.Used(3, midnight.Add(time.Hour)), "of the day before")
	window.GiveBack(2, 3)
	assert.EqualValues(t, 4, window.Used(4, midnight.Add(time.Hour)))
}

// TestTalliesAgreeWithAList spends at random under a wall clock that steps back and on by up to a window, and compares
// each daily, weekly and monthly tally with the sum of what was spent since the clock first reached its window.
func TestTalliesAgreeWithAList(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	windows := []quota.Window{quota.Daily(2*hour+30*time.Minute, berlin), quota.Weekly(time.Sunday, 0, berlin), quota.Monthly(31, 9*hour, berlin)}
	for _, w := range windows {
		for seed := range uint64(12) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			clock := time.Date(2026, time.Month(1+seed%12), 1, 0, 0, 0, 0, time.UTC)
			latest, at := clock, time.Duration(0)
			tally, spent := quota.NewTally(w), map[time.Time]int64{}
			for step := range 1000 {
				at += time.Second
				clock = clock.Add(time.Duration(rnd.Int64N(int64(20*hour))) >> rnd.IntN(5))
				if step > 0 && rnd.IntN(8) == 0 {
					clock = latest.Add(-time.Duration(rnd.Int64N(int64(20 * hour))))
				}
				if clock.After(latest) {
					latest = clock
				}
				start, _ := w.Bounds(latest)
				n := rnd.Int64N(100)
				tally.Add(at, clock, n)
				spent[start] += n
				require.Equal(t, spent[start], tally.Used(at, clock), "%v, seed %d, step %d: %v, latest %v", w, seed, step, clock, latest)
			}
			require.Greater(t, len(spent), 2, fmt.Sprint(w))
		}
	}
}

func TestMemoryKeepsDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(quota.MemoryConfig{})
		berlin := zone(t, "Europe/Berlin")
		nine := quota.Daily(9*hour, berlin)
		limits := requests(3, nine)
		time.Sleep(time.Until(time.Date(2000, 3, 25, 10, 0, 0, 0, berlin))) // the clocks are put on in the night
		for range 3 {
			_, err := m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
			require.NoError(t, err)
		}
		_, err := m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
		var exceeded *quota.ExceededError
		require.ErrorAs(t, err, &exceeded)
		assert.Equal(t, "2000-03-26T09:00:00+02:00", exceeded.RetryAt.Format(time.RFC3339))
		levels, err := m.Levels(t.Context(), "a", limits)
		require.NoError(t, err)
		assert.Equal(t, exceeded.RetryAt, levels[0].EmptyAt)
		time.Sleep(22*hour - 1)
		_, err = m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
		require.ErrorIs(t, err, quota.ErrExceeded, "before nine")
		time.Sleep(time.Nanosecond)
		_, err = m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
		require.NoError(t, err, "at nine, after 22 hours")
		assert.Equal(t, 1, m.Len())
		time.Sleep(48 * hour)
		assert.Zero(t, m.Len())
	})
}
