package health_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// ratioOnly rests by the share of failures and by nothing else. Its window turns at
// the full and the half minute, and t0 is a full one.
var ratioOnly = health.Policy{Failures: -1, Jitter: -1}

// fails is a failure at so many seconds that brings so many successes.
func fails(s health.State, p health.Policy, seconds float64, successes int) health.State {
	return p.Apply(s, health.Outcome{Reason: "500", Successes: successes}, at(seconds))
}

func TestFailuresNotInARowRestByTheirShare(t *testing.T) {
	cases := []struct {
		name   string
		policy health.Policy
		told   [][2]float64 // failures: at so many seconds, after so many successes
		want   health.Phase
	}{
		{"all fail, but too few", ratioOnly, steps(19, 1, 0), health.PhaseClosed},
		{"enough, and more than half fail", ratioOnly, append(steps(10, 1, 0), [2]float64{10, 9}), health.PhaseOpen},
		{"half is not more than half", ratioOnly, append(steps(9, 1, 0), [2]float64{9, 10}), health.PhaseClosed},
		{"one in two for long", ratioOnly, steps(1000, 0.1, 1), health.PhaseClosed},
		{"two in three", ratioOnly, append(steps(13, 1, 0), [2]float64{13, 6}), health.PhaseOpen},
		{"another share", health.Policy{Failures: -1, Ratio: 0.1}, steps(3, 1, 8), health.PhaseOpen},
		{"another number of samples", health.Policy{Failures: -1, MinSamples: 3}, steps(3, 1, 0), health.PhaseOpen},
		{"one is enough", health.Policy{Failures: -1, MinSamples: -1}, steps(1, 1, 0), health.PhaseOpen},
		{"no share", health.Policy{Failures: -1, Ratio: -1}, steps(1000, 0.1, 0), health.PhaseClosed},
		{"a share that is no number", health.Policy{Failures: -1, Ratio: math.NaN()}, steps(1000, 0.1, 0), health.PhaseClosed},
		{"no window", health.Policy{Failures: -1, Window: -1}, steps(1000, 0.1, 0), health.PhaseClosed},
		{"a window shorter than any clock", health.Policy{Failures: -1, Window: 1}, steps(1000, 0.1, 0), health.PhaseClosed},
		{"what is older than the window does not count", ratioOnly, append(steps(19, 0.1, 0), [2]float64{60, 0}), health.PhaseClosed},
		{"what is younger than half of it does", ratioOnly, append(steps(19, 1, 0), [2]float64{48, 0}), health.PhaseOpen},
		{"a long row over many windows", ratioOnly, steps(100, 3.3, 0), health.PhaseClosed},
		{"rests are off", health.Policy{Failures: -1, Rest: -1}, steps(100, 0.1, 0), health.PhaseClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s health.State
			for _, f := range c.told {
				s = fails(s, c.policy, f[0], int(f[1]))
			}
			assert.Equal(t, c.want, s.Phase(at(c.told[len(c.told)-1][0])), "%+v", s)
		})
	}
}

// steps is n failures, one every so many seconds, each after so many successes.
func steps(n int, every float64, successes int) [][2]float64 {
	failures := make([][2]float64, n)
	for i := range failures {
		failures[i] = [2]float64{float64(i) * every, float64(successes)}
	}
	return failures
}

func TestARestByShareSaysSoAndEmptiesTheWindow(t *testing.T) {
	var s health.State
	for i := range 20 {
		s = fails(s, ratioOnly, float64(i), 0)
	}
	require.Equal(t, health.PhaseOpen, s.Phase(at(19)))
	assert.Equal(t, "20 of 20 attempts failed lately, the last: 500", s.Reason)
	assert.Equal(t, health.CauseFailure, s.Cause)
	assert.Equal(t, at(49), s.RestUntil)
	assert.Zero(t, s.Window)

	s = ratioOnly.Apply(s, health.Outcome{Kind: health.OutcomeSuccess}, at(50))
	s = fails(s, ratioOnly, 51, 0)
	assert.Equal(t, health.PhaseClosed, s.Phase(at(51)), "what was before the recovery counts no more")
}

func TestSuccessesAloneAreNeverCounted(t *testing.T) {
	for name, s := range map[string]health.State{
		"never failed":            {},
		"recovered":               play(t, exact, then(failures(5, 0), event{at: 30, kind: health.OutcomeSuccess})),
		"one failed, then not":    play(t, exact, then(failures(1, 0), event{at: 1, kind: health.OutcomeSuccess})),
		"limited, and over":       play(t, exact, []event{{kind: health.OutcomeRest, until: 5}}),
		"a failure in its window": ratioOnly.Apply(fails(health.State{}, ratioOnly, 0, 3), health.Outcome{Kind: health.OutcomeSuccess}, at(1)),
	} {
		o := health.Outcome{Kind: health.OutcomeSuccess, Successes: 1000}
		for _, when := range []float64{40, 100, 1e6} {
			assert.True(t, exact.Apply(s, o, at(when)) == s, "%s, after %v s: a store would be written for every success", name, when)
		}
	}
}

func TestSuccessesAreCountedWithWhatIsWritten(t *testing.T) {
	s := fails(health.State{}, ratioOnly, 0, 3)
	s = ratioOnly.Apply(s, health.Outcome{Kind: health.OutcomeSuccess, Successes: 4}, at(1))
	assert.Equal(t, health.Window{From: at(0), Failures: 1, Successes: 8}, s.Window, "3 told, 4 told, and the one that told")
	s = ratioOnly.Apply(s, health.Outcome{Kind: health.OutcomeRest, Until: at(3), Successes: 5}, at(2))
	assert.Equal(t, health.Window{From: at(0), Failures: 1, Successes: 13}, s.Window, "a rate limit is neither, but brings some")
	s = fails(s, ratioOnly, 31, 0)
	assert.Equal(t, health.Window{From: at(30), Failures: 1, PastFailures: 1, PastSuccesses: 13}, s.Window)
	s = fails(s, ratioOnly, 90, 0)
	assert.Equal(t, health.Window{From: at(90), Failures: 1}, s.Window)
}

func TestOldSuccessesDoNotDrownFailures(t *testing.T) {
	cases := []struct {
		name  string
		since float64 // seconds before t0 + 45 s; 0: not said
		want  health.Window
	}{
		{"not said: all recent", 0, health.Window{From: at(30), Failures: 1, Successes: 1000}},
		{"within this half", 10, health.Window{From: at(30), Failures: 1, Successes: 1000}},
		{"a third before it", 22.5, health.Window{From: at(30), Failures: 1, Successes: 666, PastSuccesses: 333}},
		{"an hour", 3600, health.Window{From: at(30), Failures: 1, Successes: 4, PastSuccesses: 8}},
		{"yet to come", -10, health.Window{From: at(30), Failures: 1, Successes: 1000}},
		{"never", 1e18, health.Window{From: at(30), Failures: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := health.Outcome{Successes: 1000}
			switch {
			case c.since == 1e18:
				o.SuccessesSince = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)
			case c.since != 0:
				o.SuccessesSince = at(45 - c.since)
			}
			assert.Equal(t, c.want, ratioOnly.Apply(health.State{}, o, at(45)).Window)
		})
	}
}

func TestCountsAreBounded(t *testing.T) {
	var s health.State
	for range 3 {
		s = fails(s, ratioOnly, 0, math.MaxInt)
		s = fails(s, ratioOnly, 1, math.MinInt)
	}
	assert.Equal(t, health.Window{From: at(0), Failures: 6, Successes: math.MaxInt32}, s.Window)
}

// TestAClockThatWasWrongDoesNotStopTheWindow: instances share states, and not all
// of their clocks are right.
func TestAClockThatWasWrongDoesNotStopTheWindow(t *testing.T) {
	s := fails(health.State{}, ratioOnly, 1e6, 7)
	s = fails(s, ratioOnly, 0, 0)
	assert.Equal(t, health.Window{From: at(0), Failures: 1}, s.Window)

	s = fails(health.State{}, ratioOnly, 31, 7)
	s = fails(s, ratioOnly, 29, 0)
	assert.Equal(t, health.Window{From: at(30), Failures: 2, Successes: 7}, s.Window, "a little ahead is as good as now")
}
