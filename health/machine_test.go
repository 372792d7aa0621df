package health_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// act is what a move does.
type act uint8

const (
	wait act = iota // nothing but time passes
	waitForRest
	apply
	check
	claim
	claimCheck
	enable
	disable
	resetCounts
	acts
)

// move is one event: first time passes, then something happens.
type move struct {
	act   act
	after time.Duration
	o     health.Outcome // apply, check; its times are set from age and in
	age   time.Duration  // how long ago the attempt began
	in    time.Duration  // when it named as the reset; 0: none
}

func (m move) String() string {
	names := [...]string{"wait", "wait for the rest", "apply", "check", "claim", "claim check", "enable", "disable", "reset counts"}
	return fmt.Sprintf("+%v %s %v age=%v in=%v permanent=%v free=%v successes=%d", m.after, names[m.act], m.o.Kind, m.age, m.in, m.o.Permanent, m.o.Free, m.o.Successes)
}

// checkEvery is the interval of active checks.
const checkEvery = 5 * time.Second

// machine plays moves on a policy, and after each compares the state with the model's (if it has one) and with what
// may never fail to hold.
type machine struct {
	t     testing.TB
	name  string // of this run, such as its seed: enough to play it again
	p     health.Policy
	model *model // nil: none

	now   time.Time
	s     health.State
	moves []move
}

func newMachine(t testing.TB, p health.Policy, name string) *machine {
	m := &machine{t: t, name: name, p: p, now: t0}
	if p.Jitter < 0 && p.SlowStart > 0 {
		m.model = &model{p: p}
	}
	return m
}

// fork is a machine that goes on from here by itself.
func (m *machine) fork() *machine {
	next := *m
	next.moves = slices.Clip(m.moves)
	if m.model != nil {
		next.model = &model{p: m.p, facts: slices.Clip(m.model.facts)}
	}
	return &next
}

func (m *machine) play(mv move) {
	m.moves = append(m.moves, mv)
	m.now = m.now.Add(mv.after)
	before := m.s
	switch mv.act {
	case waitForRest:
		m.now = m.now.Add(max(0, m.s.RestUntil.Sub(m.now)))
	case apply, check:
		m.outcome(mv)
	case claim:
		m.claim()
	case claimCheck:
		m.claimCheck()
	default:
		m.person(mv.act)
	}
	m.always(before)
	m.compare(before)
}

func (m *machine) outcome(mv move) {
	o := mv.o
	o.Started = m.now.Add(-mv.age)
	if mv.age == 0 {
		o.Started = time.Time{}
	}
	if mv.in != 0 {
		o.Until = m.now.Add(mv.in)
	}
	before, f := m.s, m.p.Apply
	if mv.act == check {
		f = m.p.Checked
	}
	m.s = f(before, o, m.now)
	m.require(m.s == f(before, o, m.now), before, "a policy is pure")
	m.rules(before, o, mv.act == check)
	if m.model != nil {
		m.model.apply(o, mv.act == check, m.now)
	}
}

func (m *machine) claim() {
	before := m.s
	verdict := m.p.Allow(before, m.now)
	next, ok := m.p.Claim(before, m.now)
	m.s = next
	m.require(ok == (verdict.Decision != health.DecisionNo), before, "Claim and Allow agree")
	m.require(m.model == nil || m.model.take(m.now) == ok, before, "Claim and the model agree")
	if verdict.Decision != health.DecisionClaim {
		m.require(next == before, before, "a claim that takes nothing changes nothing")
		return
	}
	m.onlyOne(before)
}

// onlyOne checks that after a claim there is no second one, until the first has lapsed.
func (m *machine) onlyOne(before health.State) {
	_, again := m.p.Claim(m.s, m.now)
	m.require(!again, before, "half-open lets exactly one through")
	_, again = m.p.ClaimCheck(m.s, 0, m.now)
	m.require(!again, before, "half-open lets exactly one through, checks included")
	m.require(m.p.Allow(m.s, m.now).Decision == health.DecisionNo, before, "half-open lets exactly one through")
	m.require(m.p.Allow(m.s, m.s.ProbeUntil.Add(-1)).Decision == health.DecisionNo, before, "a claim holds until it lapses")
	m.require(m.p.Allow(m.s, m.s.ProbeUntil).Decision == health.DecisionClaim, before, "a dead claimant blocks nobody for ever")
}

func (m *machine) claimCheck() {
	before := m.s
	next, ok := m.p.ClaimCheck(before, checkEvery, m.now)
	m.s = next
	m.require(m.model == nil || m.model.inspect(checkEvery, m.now) == ok, before, "ClaimCheck and the model agree")
	m.require(ok || next == before, before, "a check that was not given away changes nothing")
	if ok {
		_, again := m.p.ClaimCheck(next, checkEvery, m.now)
		m.require(!again, before, "one check an interval")
	}
	if ok && before.Phase(m.now) == health.PhaseHalfOpen {
		m.onlyOne(before)
	}
	m.require(before.Phase(m.now) == next.Phase(m.now), before, "to ask is not to change")
}

func (m *machine) person(a act) {
	before, phase := m.s, m.s.Phase(m.now)
	var f fact
	switch a {
	case enable:
		m.s = m.p.Enable(before, m.now)
		f = fact{kind: recovered, at: m.now, slowly: phase != health.PhaseClosed}
		m.require(m.s.Phase(m.now) == health.PhaseClosed, before, "Enable enables")
	case disable:
		m.s = m.p.Disable(before, "a person", m.now)
		f = fact{kind: disabled, at: m.now, cause: health.CausePerson}
		m.require(m.s.Phase(m.now) == health.PhaseDisabled, before, "Disable disables")
	case resetCounts:
		m.s = m.p.ResetCounts(before, m.now)
		f = fact{kind: reset, at: m.now}
		m.require(m.s.Phase(m.now) == phase && m.s.RestUntil.Equal(before.RestUntil), before, "to reset counts is not to enable")
	default:
		return
	}
	if m.model == nil || a == disable && before.Disabled && before.Cause == health.CausePerson {
		return
	}
	m.model.note(f)
}

// compare holds the state against the model's.
func (m *machine) compare(before health.State) {
	if m.model == nil {
		return
	}
	phase := m.s.Phase(m.now)
	m.require(phase == m.model.phase(m.now), before, "the model says %v", m.model.phase(m.now))
	m.require(m.s.Failures == m.model.failures(), before, "the model counts %d failures", m.model.failures())
	m.require(m.s.AuthFailures == m.model.refusals(), before, "the model counts %d refusals", m.model.refusals())
	m.require(m.s.Rests == m.model.rests(), before, "the model counts %d rests", m.model.rests())
	share := m.p.Share(m.s, m.now) - m.model.share(m.now)
	m.require(share > -1e-9 && share < 1e-9, before, "the model's share is %v", m.model.share(m.now))
	if phase == health.PhaseClosed {
		return
	}
	m.require(m.s.Cause == m.model.cause(), before, "the model's cause is %v", m.model.cause())
	if phase == health.PhaseOpen {
		f, _ := m.model.last(rested, extended)
		m.require(m.s.RestUntil.Equal(f.until), before, "the model rests until %v", f.until)
	}
}

func (m *machine) require(ok bool, before health.State, promise string, args ...any) {
	if ok {
		return
	}
	m.t.Helper()
	var moves strings.Builder
	for i, mv := range m.moves[max(0, len(m.moves)-30):] {
		fmt.Fprintf(&moves, "%3d %v\n", i, mv)
	}
	require.Failf(m.t, "broken: "+fmt.Sprintf(promise, args...), "%s, policy %+v, at %v\nbefore %+v\nafter  %+v\nthe last moves:\n%s",
		m.name, m.p, m.now, before, m.s, moves.String())
}
