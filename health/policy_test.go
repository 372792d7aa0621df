package health_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

var t0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// exact has no jitter, so that tests can name the times.
var exact = health.Policy{Jitter: -1}

// at is t0 and so many seconds.
func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// event is an outcome (or, without one, a claim) at so many seconds; the attempt began at began, or just then.
type event struct {
	at, began float64
	kind      health.OutcomeKind
	until     float64 // for OutcomeRest: the reset that the provider named; 0: none
	permanent bool
	claim     bool // a claim that must succeed, instead of an outcome
	enable    bool // a person's act, instead of an outcome
}

// play applies the events to the zero State.
func play(t *testing.T, p health.Policy, events []event) health.State {
	t.Helper()
	var s health.State
	for _, e := range events {
		switch {
		case e.claim:
			var ok bool
			s, ok = p.Claim(s, at(e.at))
			require.True(t, ok, "claim at %v", e.at)
		case e.enable:
			s = p.Enable(s, at(e.at))
		default:
			o := health.Outcome{Kind: e.kind, Permanent: e.permanent, Reason: e.kind.String()}
			if e.began != 0 {
				o.Started = at(e.began)
			}
			if e.until != 0 {
				o.Until = at(e.until)
			}
			s = p.Apply(s, o, at(e.at))
		}
	}
	return s
}

// failures is n failures at so many seconds.
func failures(n int, when float64) []event {
	events := make([]event, n)
	for i := range events {
		events[i] = event{at: when, kind: health.OutcomeFailure}
	}
	return events
}

func then(events []event, more ...event) []event { return slices.Concat(events, more) }

func TestPolicy(t *testing.T) {
	const (
		success = health.OutcomeSuccess
		failure = health.OutcomeFailure
		limit   = health.OutcomeRest
		refused = health.OutcomeDisable
		neutral = health.OutcomeNeutral
	)
	cases := []struct {
		name   string
		policy health.Policy
		events []event
		now    float64
		want   health.Phase
		until  float64 // of the rest, where it is open
	}{
		{"nothing happened", exact, nil, 0, health.PhaseClosed, 0},
		{"four failures are not enough", exact, failures(4, 0), 0, health.PhaseClosed, 0},
		{"five failures in a row rest", exact, failures(5, 0), 0, health.PhaseOpen, 30},
		{"what nobody classified is a failure", exact, []event{{}, {}, {}, {}, {}}, 0, health.PhaseOpen, 30},
		{"a success in between breaks the row", exact,
			then(failures(4, 0), append([]event{{at: 1, kind: success}}, failures(4, 2)...)...), 2, health.PhaseClosed, 0},
		{"the caller's fault neither counts nor breaks the row", exact,
			then(failures(4, 0), event{at: 1, kind: neutral}, event{at: 2, kind: failure}), 2, health.PhaseOpen, 32},
		{"half-open when the rest is over", exact, failures(5, 0), 30, health.PhaseHalfOpen, 0},
		{"the probe succeeds", exact, then(failures(5, 0), event{at: 30, claim: true}, event{at: 31, began: 30, kind: success}), 31, health.PhaseClosed, 0},
		{"the probe fails: twice the rest", exact, then(failures(5, 0), event{at: 30, claim: true}, event{at: 31, began: 30, kind: failure}), 31, health.PhaseOpen, 91},
		{"rests double up to the cap", health.Policy{Jitter: -1, MaxRest: 45 * time.Second},
			then(failures(5, 0), event{at: 30, kind: failure}, event{at: 75, kind: failure}), 75, health.PhaseOpen, 120},
		{"after a recovery it takes five again", exact,
			then(failures(5, 0), append([]event{{at: 30, kind: success}}, failures(4, 30)...)...), 30, health.PhaseClosed, 0},
		{"a probe without a verdict gives the claim back", exact,
			then(failures(5, 0), event{at: 30, claim: true}, event{at: 31, began: 30, kind: neutral}, event{at: 31, claim: true}), 31, health.PhaseHalfOpen, 0},
		{"a claimant who died blocks for two minutes", exact, then(failures(5, 0), event{at: 30, claim: true}, event{at: 150, claim: true}), 150, health.PhaseHalfOpen, 0},
		{"the slow claimant's verdict yields to the second's", exact,
			then(failures(5, 0), event{at: 30, claim: true}, event{at: 150, claim: true}, event{at: 151, began: 30, kind: failure}), 151, health.PhaseHalfOpen, 0},
		{"no row of failures rests where the policy says so", health.Policy{Failures: -1, Ratio: -1}, failures(100, 0), 0, health.PhaseClosed, 0},
		{"failures cause no rest where the policy says so", health.Policy{Rest: -1}, failures(100, 0), 0, health.PhaseClosed, 0},

		{"a late failure does not extend the rest", exact, then(failures(5, 10), event{at: 20, began: 5, kind: failure}), 20, health.PhaseOpen, 40},
		{"a late failure is not the probe's", exact, then(failures(5, 10), event{at: 41, began: 5, kind: failure}), 41, health.PhaseHalfOpen, 0},
		{"a late success does not end the rest", exact, then(failures(5, 10), event{at: 20, began: 5, kind: success}), 20, health.PhaseOpen, 40},
		{"a late success is not the probe's", exact, then(failures(5, 10), event{at: 41, began: 5, kind: success}), 41, health.PhaseHalfOpen, 0},
		{"an attempt of the same instant as the rest is late", exact, then(failures(5, 10), event{at: 41, began: 10, kind: success}), 41, health.PhaseHalfOpen, 0},
		{"late failures after a recovery do not count", exact,
			then(failures(5, 10), event{at: 40, kind: success}, event{at: 50, began: 9, kind: failure}, event{at: 50, began: 9, kind: failure},
				event{at: 50, began: 9, kind: failure}, event{at: 50, began: 9, kind: failure}, event{at: 50, began: 9, kind: failure}),
			50, health.PhaseClosed, 0},
		{"a forced attempt's success ends a rest for failures", exact, then(failures(5, 10), event{at: 20, began: 15, kind: success}), 20, health.PhaseClosed, 0},
		{"a forced attempt's failure does not extend the rest", exact, then(failures(5, 10), event{at: 20, began: 15, kind: failure}), 20, health.PhaseOpen, 40},

		{"a rate limit rests until the reset", exact, []event{{at: 0, kind: limit, until: 60}}, 59, health.PhaseOpen, 60},
		{"and is in use again then", exact, []event{{at: 0, kind: limit, until: 60}}, 60, health.PhaseClosed, 0},
		{"without a reset: 30 s", exact, []event{{at: 0, kind: limit}}, 29, health.PhaseOpen, 30},
		{"and a probe first", exact, []event{{at: 0, kind: limit}}, 30, health.PhaseHalfOpen, 0},
		{"without a reset, at most the cap", health.Policy{Jitter: -1, MaxRateLimitRest: 10 * time.Second}, []event{{at: 0, kind: limit}}, 0, health.PhaseOpen, 10},
		{"a reset in 156 h is not trusted", exact, []event{{at: 0, kind: limit, until: 156 * 3600}}, 0, health.PhaseOpen, 3600},
		{"but probed", exact, []event{{at: 0, kind: limit, until: 156 * 3600}}, 3600, health.PhaseHalfOpen, 0},
		{"trusted where there is no cap", health.Policy{Jitter: -1, MaxRateLimitRest: -1}, []event{{at: 0, kind: limit, until: 156 * 3600}}, 0, health.PhaseOpen, 156 * 3600},
		{"a reset in the past is a second away", exact, []event{{at: 10, kind: limit, until: 5}}, 10, health.PhaseOpen, 11},
		{"no rest without a reset where the policy says so", health.Policy{RateLimitRest: -1}, []event{{at: 0, kind: limit}}, 0, health.PhaseClosed, 0},
		{"a success does not end a rate limit", exact, []event{{at: 1, kind: limit, until: 60}, {at: 10, began: 5, kind: success}}, 10, health.PhaseOpen, 60},
		{"a later reset extends", exact, []event{{at: 1, kind: limit, until: 60}, {at: 2, began: 0, kind: limit, until: 90}}, 2, health.PhaseOpen, 90},
		{"an earlier reset does not shorten", exact, []event{{at: 1, kind: limit, until: 60}, {at: 2, kind: limit, until: 30}}, 2, health.PhaseOpen, 60},
		{"no reset does not extend", exact, []event{{at: 1, kind: limit, until: 60}, {at: 59, kind: limit}}, 59, health.PhaseOpen, 60},
		{"a late one without a reset does not count", exact, []event{{at: 10, kind: limit, until: 60}, {at: 61, began: 5, kind: limit}}, 61, health.PhaseClosed, 0},
		{"late ones beyond the cap do not push the end away", exact,
			[]event{{at: 10, kind: limit, until: 9000}, {at: 600, began: 5, kind: limit, until: 9000}}, 600, health.PhaseOpen, 3610},
		{"nor does a forced attempt", exact,
			[]event{{at: 10, kind: limit, until: 9000}, {at: 600, began: 590, kind: limit, until: 9000}}, 600, health.PhaseOpen, 3610},
		{"a late one with a reset counts, its cap from the rest before", exact,
			then(failures(5, 10), event{at: 41, began: 5, kind: limit, until: 9000}), 41, health.PhaseOpen, 3610},
		{"a failed probe after a rate limit rests", exact, []event{{at: 0, kind: limit}, {at: 30, claim: true}, {at: 31, began: 30, kind: failure}}, 31, health.PhaseOpen, 61},
		{"a rate limit during a rest for failures holds, and the probe stays due", exact,
			then(failures(5, 10), event{at: 20, began: 5, kind: limit, until: 25}, event{at: 22, began: 15, kind: success}), 40, health.PhaseHalfOpen, 0},
		{"a rate limit met by the probe", exact, then(failures(5, 0), event{at: 30, claim: true}, event{at: 31, began: 30, kind: limit, until: 40}), 40, health.PhaseHalfOpen, 0},

		{"one refused credential rests", exact, []event{{at: 0, kind: refused}}, 0, health.PhaseOpen, 30},
		{"a burst of them counts as one", exact, []event{{at: 1, began: 0.5, kind: refused}, {at: 1, began: 0.5, kind: refused}, {at: 2, began: 0.5, kind: refused}}, 2, health.PhaseOpen, 31},
		{"refused again: disabled", exact, []event{{at: 0, kind: refused}, {at: 30, kind: refused}}, 30, health.PhaseDisabled, 0},
		{"other failures in between do not break the row", exact,
			[]event{{at: 0, kind: refused}, {at: 30, kind: failure}, {at: 90, kind: limit, until: 95}, {at: 95, kind: refused}}, 95, health.PhaseDisabled, 0},
		{"a success in between does", exact, []event{{at: 0, kind: refused}, {at: 30, kind: success}, {at: 31, kind: refused}}, 31, health.PhaseOpen, 61},
		{"only permanent ones disable where the policy says so", health.Policy{Jitter: -1, AuthFailures: -1},
			[]event{{at: 0, kind: refused}, {at: 30, kind: refused}}, 30, health.PhaseOpen, 90},
		{"a permanent one disables at once", exact, []event{{at: 0, kind: refused, permanent: true}}, 0, health.PhaseDisabled, 0},
		{"and also when it is late for the rest", exact, []event{{at: 10, kind: refused}, {at: 11, began: 9, kind: refused, permanent: true}}, 11, health.PhaseDisabled, 0},
		{"nothing but a person enables", exact,
			[]event{{at: 0, kind: refused, permanent: true}, {at: 10, kind: success}, {at: 11, kind: limit, until: 20}, {at: 12, kind: neutral}}, 1e6, health.PhaseDisabled, 0},
		{"a person enables", exact, []event{{at: 0, kind: refused, permanent: true}, {at: 10, enable: true}}, 10, health.PhaseClosed, 0},
		{"the old key's late refusal does not disable the new one", exact,
			[]event{{at: 0, kind: refused, permanent: true}, {at: 10, enable: true}, {at: 11, began: 9, kind: refused, permanent: true}}, 11, health.PhaseClosed, 0},
		{"enabling clears a rest", exact, then(failures(5, 0), event{at: 1, enable: true}), 1, health.PhaseClosed, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, c.policy, c.events)
			assert.Equal(t, c.want, s.Phase(at(c.now)), "%+v", s)
			if c.want == health.PhaseOpen {
				assert.Equal(t, at(c.until), s.RestUntil)
			}
		})
	}
}

func TestVerdictsSayUntilWhenAndWhy(t *testing.T) {
	resting := play(t, exact, failures(5, 0))
	assert.Equal(t, health.Verdict{Decision: health.DecisionYes}, exact.Allow(health.State{}, at(0)))
	assert.Equal(t, health.Verdict{Decision: health.DecisionNo, Until: at(30), Reason: "failure"}, exact.Allow(resting, at(0)))
	assert.Equal(t, health.Verdict{Decision: health.DecisionClaim}, exact.Allow(resting, at(30)))

	claimed, ok := exact.Claim(resting, at(30))
	require.True(t, ok)
	assert.Equal(t, health.Verdict{Decision: health.DecisionNo, Until: at(150), Reason: "failure"}, exact.Allow(claimed, at(30)))
	_, ok = exact.Claim(claimed, at(149))
	assert.False(t, ok, "a second claim while the first is good")

	disabled := exact.Apply(health.State{}, health.Outcome{Kind: health.OutcomeDisable, Permanent: true, Reason: "revoked"}, at(0))
	assert.Equal(t, health.Verdict{Decision: health.DecisionNo, Reason: "revoked"}, exact.Allow(disabled, at(1e9)))
	for _, s := range []health.State{resting, disabled} {
		same, ok := exact.Claim(s, at(1))
		assert.False(t, ok)
		assert.Equal(t, s, same)
	}
	same, ok := exact.Claim(health.State{}, at(1))
	assert.True(t, ok, "in use: no claim is needed")
	assert.Equal(t, health.State{}, same)
}

func TestJitterLengthensAndTellsSubjectsApart(t *testing.T) {
	var p health.Policy
	ends := map[time.Time]bool{}
	for _, name := range []string{"a", "b", "c", "d"} {
		seed := health.Subject{Kind: health.KindAccount, Name: name}.Seed()
		var s health.State
		for range 5 {
			s = p.Apply(s, health.Outcome{Seed: seed}, at(0))
		}
		rest := s.RestUntil.Sub(at(0))
		assert.GreaterOrEqual(t, rest, 30*time.Second)
		assert.Less(t, rest, 33*time.Second)
		ends[s.RestUntil] = true

		s = p.Apply(health.State{}, health.Outcome{Kind: health.OutcomeRest, Until: at(600), Seed: seed}, at(0))
		assert.False(t, s.RestUntil.Before(at(600)), "never before the provider's reset")
		assert.False(t, s.RestUntil.After(at(601)), "nor long after it")
		ends[s.RestUntil] = true
	}
	assert.Len(t, ends, 8)
}

func TestExtremePoliciesNeitherOverflowNorGoBack(t *testing.T) {
	p := health.Policy{Failures: 1, Rest: math.MaxInt64 / 3, MaxRest: -1, MaxRateLimitRest: -1, Jitter: 7}
	s, now := health.State{}, at(0)
	for range 5 {
		s = p.Apply(s, health.Outcome{}, now)
		require.True(t, s.RestUntil.After(now))
		now = s.RestUntil
	}
	far := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	s = p.Apply(health.State{}, health.Outcome{Kind: health.OutcomeRest, Until: far}, at(0))
	assert.Equal(t, health.PhaseOpen, s.Phase(far.Add(-time.Hour)))
	assert.Equal(t, health.PhaseClosed, s.Phase(far.Add(time.Hour)))
}

func TestReasonsAreCutBetweenCharacters(t *testing.T) {
	s := exact.Apply(health.State{}, health.Outcome{Reason: "x" + strings.Repeat("ä", 200)}, at(0))
	assert.Equal(t, "x"+strings.Repeat("ä", 126)+"…", s.Reason)
	s = exact.Apply(health.State{}, health.Outcome{Reason: strings.Repeat("ä", 128)}, at(0))
	assert.Equal(t, strings.Repeat("ä", 128), s.Reason, "all of it fits")
	s = exact.Apply(health.State{}, health.Outcome{Reason: strings.Repeat("\x80", 300)}, at(0))
	assert.LessOrEqual(t, len(s.Reason), 256)
}
