package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

func TestWhyItIsOutOfUse(t *testing.T) {
	const (
		failure   = health.OutcomeFailure
		refused   = health.OutcomeDisable
		exhausted = health.OutcomeExhausted
	)
	twelve := health.Policy{Jitter: -1, DisableAfter: 12, Rest: time.Second, MaxRest: time.Second}
	var row []event
	for i := range 11 {
		row = append(row, event{at: float64(i) * 2, kind: failure})
	}
	hour := 3600.0
	cases := []struct {
		name   string
		policy health.Policy
		events []event
		now    float64
		want   health.Phase
		cause  health.Cause
		until  float64 // where it rests
		reason string
	}{
		{"refused once", exact, []event{{kind: refused}}, 0, health.PhaseOpen, health.CauseRefused, 30, "disable"},
		{"no money once", exact, []event{{kind: exhausted}}, 0, health.PhaseOpen, health.CauseExhausted, 30, "exhausted"},
		{"no money until", exact, []event{{kind: exhausted, until: 1000}}, 0, health.PhaseOpen, health.CauseExhausted, 1000, "exhausted"},
		{"then it is probed", exact, []event{{kind: exhausted, until: 1000}}, 1000, health.PhaseHalfOpen, health.CauseExhausted, 0, "exhausted"},
		{"sooner than the usual rest", exact, []event{{kind: exhausted, until: 10}}, 0, health.PhaseOpen, health.CauseExhausted, 30, "exhausted"},
		{"a time already past", exact, []event{{at: 10, kind: exhausted, until: 5}}, 10, health.PhaseOpen, health.CauseExhausted, 40, "exhausted"},
		{"too far away", exact, []event{{kind: exhausted, until: 30 * 24 * hour}}, 0, health.PhaseOpen, health.CauseExhausted, hour, "exhausted"},
		{"where failures rest nobody", health.Policy{Rest: -1, Jitter: -1}, []event{{kind: exhausted, until: 100}}, 0, health.PhaseOpen, health.CauseExhausted, 100, "exhausted"},
		{"no money twice", exact, []event{{kind: exhausted}, {at: 30, kind: exhausted}}, 30, health.PhaseDisabled, health.CauseExhausted, 0, "exhausted"},
		{"no money for good", exact, []event{{kind: exhausted, permanent: true}}, 0, health.PhaseDisabled, health.CauseExhausted, 0, "exhausted"},
		{"a burst counts as one", exact, []event{{at: 1, began: 0.1, kind: exhausted}, {at: 2, began: 0.5, kind: exhausted}, {at: 3, began: 1, kind: refused}}, 3, health.PhaseOpen, health.CauseExhausted, 31, "exhausted"},
		{"both are one row", exact, []event{{kind: exhausted}, {at: 30, kind: refused}}, 30, health.PhaseDisabled, health.CauseRefused, 0, "disable"},
		{"refused while resting for failures", health.Policy{Jitter: -1, AuthFailures: 3},
			then(failures(5, 10), event{at: 20, began: 15, kind: refused}), 20, health.PhaseOpen, health.CauseRefused, 40, "disable"},
		{"refused while resting for a rate limit: the clock still has it", exact,
			[]event{{kind: health.OutcomeRest, until: 60}, {at: 20, began: 15, kind: refused}}, 20, health.PhaseOpen, health.CauseLimit, 60, "disable"},
		{"eleven failures", twelve, row, 20, health.PhaseOpen, health.CauseFailure, 21, "failure"},
		{"twelve failures", twelve, then(row, event{at: 22, kind: failure}), 22, health.PhaseDisabled, health.CauseFailure, 0, "disabled after 12 failures in a row, the last: failure"},
		{"twelve with a success between", twelve, then(row, event{at: 22, kind: health.OutcomeSuccess}, event{at: 22, kind: failure}), 22, health.PhaseClosed, health.CauseUnknown, 0, "failure"},
		{"before any rest", health.Policy{DisableAfter: 2}, failures(2, 0), 0, health.PhaseDisabled, health.CauseFailure, 0, "disabled after 2 failures in a row, the last: failure"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, c.policy, c.events)
			assert.Equal(t, c.want, s.Phase(at(c.now)), "%+v", s)
			assert.Equal(t, c.cause, s.Cause)
			assert.Equal(t, c.reason, s.Reason)
			if c.want == health.PhaseOpen {
				assert.Equal(t, at(c.until), s.RestUntil)
			}
		})
	}
}

func TestReasonsOfDisablingAreBoundedToo(t *testing.T) {
	p := health.Policy{DisableAfter: 1}
	s := p.Apply(health.State{}, health.Outcome{Reason: strings.Repeat("ä", 300)}, at(0))
	assert.LessOrEqual(t, len(s.Reason), 256)
	assert.True(t, strings.HasSuffix(s.Reason, "ä…"))
	s = p.Apply(health.State{}, health.Outcome{}, at(0))
	assert.Equal(t, "disabled after 1 failures in a row", s.Reason)
	s = p.Disable(s, strings.Repeat("ä", 300), at(1))
	assert.Equal(t, strings.Repeat("ä", 126)+"…", s.Reason)
	assert.True(t, p.Disable(s, strings.Repeat("ä", 300), at(2)) == s, "no news")
}

// checked is the state after an active check that began and ended at so many seconds.
func checked(s health.State, o health.Outcome, began, ended float64) health.State {
	o.Started = at(began)
	return exact.Checked(s, o, at(ended))
}

func TestWhatAnActiveCheckMayDo(t *testing.T) {
	var (
		works   = health.Outcome{Kind: health.OutcomeSuccess}
		lists   = health.Outcome{Kind: health.OutcomeSuccess, Free: true}
		fails   = health.Outcome{Kind: health.OutcomeFailure, Reason: "500"}
		refuses = health.Outcome{Kind: health.OutcomeDisable, Reason: "401"}

		resting   = play(t, exact, failures(5, 10))
		revoked   = play(t, exact, []event{{at: 10, kind: health.OutcomeDisable, permanent: true}})
		broke     = play(t, exact, []event{{at: 10, kind: health.OutcomeExhausted, permanent: true}})
		brokeRest = play(t, exact, []event{{at: 10, kind: health.OutcomeExhausted}})
		named     = play(t, exact, []event{{at: 10, kind: health.OutcomeRest, until: 600}})
		guessed   = play(t, exact, []event{{at: 10, kind: health.OutcomeRest}})
		both      = play(t, exact, then(failures(5, 10), event{at: 11, began: 5, kind: health.OutcomeRest, until: 600}))
		byPerson  = exact.Disable(health.State{}, "too dear", at(10))
	)
	cases := []struct {
		name    string
		s       health.State
		o       health.Outcome
		began   float64
		want    health.Phase
		changes bool
	}{
		{"ends a rest for failures", resting, works, 11, health.PhaseClosed, true},
		{"unless it began before", resting, works, 9, health.PhaseOpen, false},
		{"or in the same instant", resting, works, 10, health.PhaseOpen, false},
		{"enables what was revoked", revoked, works, 11, health.PhaseClosed, true},
		{"unless it began before that", revoked, works, 9, health.PhaseDisabled, false},
		{"or in that instant", revoked, works, 10, health.PhaseDisabled, false},
		{"for free too", revoked, lists, 11, health.PhaseClosed, true},
		{"enables who has money again", broke, works, 11, health.PhaseClosed, true},
		{"a list of models is no proof of money", broke, lists, 11, health.PhaseDisabled, false},
		{"nor during a rest", brokeRest, lists, 11, health.PhaseOpen, false},
		{"money ends that rest", brokeRest, works, 11, health.PhaseClosed, true},
		{"does not end a rate limit that the provider named", named, works, 11, health.PhaseOpen, false},
		{"nor one that was guessed", guessed, works, 11, health.PhaseOpen, false},
		{"nor one on top of failures", both, works, 12, health.PhaseOpen, false},
		{"does not enable what a person disabled", byPerson, works, 11, health.PhaseDisabled, false},
		{"a failure counts during a rest", resting, fails, 11, health.PhaseOpen, true},
		{"but not a late one", resting, fails, 9, health.PhaseOpen, false},
		{"a failure changes nothing of what is disabled", revoked, fails, 11, health.PhaseDisabled, false},
		{"a second refusal disables", play(t, exact, []event{{at: 10, kind: health.OutcomeDisable}}), refuses, 11, health.PhaseDisabled, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := checked(c.s, c.o, c.began, 20)
			assert.Equal(t, c.want, got.Phase(at(20)), "%+v", got)
			assert.Equal(t, c.changes, got != c.s, "%+v", got)
			assert.False(t, got.RestUntil.After(c.s.RestUntil), "a check moved the end of the rest")
			if got.Phase(at(20)) == health.PhaseClosed {
				assert.Equal(t, at(20), got.Recovered, "it starts slowly")
				assert.Zero(t, got.Failures+got.AuthFailures+got.Rests)
			}
		})
	}
}

func TestChecksDisableAfterSoManyErrors(t *testing.T) {
	p := health.Policy{Jitter: -1, DisableAfter: 8}
	s := play(t, p, failures(5, 0))
	for i := range 3 {
		require.Equal(t, health.PhaseOpen, s.Phase(at(1)))
		s = p.Checked(s, health.Outcome{Reason: "no route", Started: at(1)}, at(1+float64(i)))
	}
	assert.Equal(t, health.PhaseDisabled, s.Phase(at(4)))
	assert.Equal(t, "disabled after 8 failures in a row, the last: no route", s.Reason)
}

func TestOneCheckAnInterval(t *testing.T) {
	const every = 5 * time.Minute
	for name, s := range map[string]health.State{
		"idle": {}, "resting": play(t, exact, failures(5, 0)), "disabled": play(t, exact, []event{{kind: health.OutcomeDisable, permanent: true}}),
	} {
		next, mine := exact.ClaimCheck(s, every, at(1))
		require.True(t, mine, name)
		assert.Equal(t, at(1), next.LastCheck)
		assert.Equal(t, s.Phase(at(1)), next.Phase(at(1)))
		again, mine := exact.ClaimCheck(next, every, at(300))
		assert.False(t, mine, "%s: another instance was quicker", name)
		assert.True(t, again == next)
		_, mine = exact.ClaimCheck(next, every, at(301))
		assert.True(t, mine, "%s: the next one", name)
		_, mine = exact.ClaimCheck(next, 0, at(1))
		assert.True(t, mine, "%s: at any time", name)
		_, mine = exact.ClaimCheck(next, every, at(-301))
		assert.True(t, mine, "%s: that clock was wrong", name)
		if name == "idle" {
			assert.True(t, exact.Apply(next, health.Outcome{Kind: health.OutcomeSuccess}, at(2)) == next, "traffic goes on")
		}
	}
}

func TestACheckOfAHalfOpenSubjectIsItsProbe(t *testing.T) {
	half := play(t, exact, failures(5, 0))
	s, mine := exact.ClaimCheck(half, time.Minute, at(30))
	require.True(t, mine)
	assert.Equal(t, health.DecisionNo, exact.Allow(s, at(30)).Decision)

	closed := exact.Checked(s, health.Outcome{Kind: health.OutcomeSuccess, Started: at(30)}, at(31))
	assert.Equal(t, health.PhaseClosed, closed.Phase(at(31)))
	assert.Equal(t, at(30), closed.LastCheck, "a recovery does not forget it")
	open := exact.Checked(s, health.Outcome{Kind: health.OutcomeFailure, Started: at(30)}, at(31))
	assert.Equal(t, at(91), open.RestUntil)

	claimed, ok := exact.Claim(half, at(30))
	require.True(t, ok)
	same, mine := exact.ClaimCheck(claimed, time.Minute, at(31))
	assert.False(t, mine, "a request is probing")
	assert.True(t, same == claimed)
}

func TestAFreeSuccessOnlyGivesTheProbeBackWhereMoneyIsTheQuestion(t *testing.T) {
	free := health.Outcome{Kind: health.OutcomeSuccess, Free: true}
	broke := play(t, exact, []event{{kind: health.OutcomeExhausted}, {at: 30, claim: true}})
	s := exact.Apply(broke, free, at(30))
	assert.Equal(t, health.PhaseHalfOpen, s.Phase(at(30)))
	assert.Equal(t, health.DecisionClaim, exact.Allow(s, at(30)).Decision)
	assert.Equal(t, 1, s.AuthFailures)

	failed := play(t, exact, then(failures(5, 0), event{at: 30, claim: true}))
	assert.Equal(t, health.PhaseClosed, exact.Apply(failed, free, at(30)).Phase(at(30)))
}

func TestResetCountsChangesNothingElse(t *testing.T) {
	resting := play(t, exact, failures(5, 0))
	s := exact.ResetCounts(resting, at(1))
	assert.Zero(t, s.Failures+s.Rests)
	assert.Equal(t, resting.RestUntil, s.RestUntil)
	assert.Greater(t, s.Version, resting.Version)
	assert.True(t, exact.ResetCounts(s, at(2)) == s)

	disabled := play(t, health.Policy{DisableAfter: 1}, failures(1, 0))
	s = exact.ResetCounts(disabled, at(1))
	assert.Equal(t, health.PhaseDisabled, s.Phase(at(1)))
	assert.Equal(t, disabled.Reason, s.Reason)
}

func TestAPersonsWordStands(t *testing.T) {
	s := exact.Disable(play(t, exact, failures(5, 0)), "too dear", at(1))
	assert.Equal(t, health.Verdict{Decision: health.DecisionNo, Reason: "too dear"}, exact.Allow(s, at(1e6)))
	assert.Equal(t, health.CausePerson, s.Cause)
	for kind := range health.OutcomeNeutral + 1 {
		o := health.Outcome{Kind: kind, Permanent: true, Started: at(2)}
		assert.True(t, exact.Apply(s, o, at(3)) == s, "%v", kind)
		assert.True(t, exact.Checked(s, o, at(3)) == s, "%v", kind)
	}
	assert.Equal(t, health.PhaseClosed, exact.Enable(s, at(4)).Phase(at(4)))

	revoked := play(t, exact, []event{{kind: health.OutcomeDisable, permanent: true}})
	s = exact.Disable(revoked, "too dear", at(1))
	assert.True(t, checked(s, health.Outcome{Kind: health.OutcomeSuccess}, 2, 3) == s, "a person's word counts for more than a refusal")
}
