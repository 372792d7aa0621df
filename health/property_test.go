package health_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// TestNoEventsBreakThePolicy drives random events against the pure policy and checks, after each, what may never fail to
// hold.
func TestNoEventsBreakThePolicy(t *testing.T) {
	policies := []health.Policy{
		{},
		{Jitter: -1, Failures: 1, AuthFailures: 3},
		{Failures: 2, Rest: time.Second, MaxRest: 5 * time.Second, MaxRateLimitRest: time.Minute, ClaimTTL: 3 * time.Second},
		{Failures: -1, RateLimitRest: -1, AuthFailures: -1},
	}
	const seeds, steps = 60, 200
	for i, p := range policies {
		for seed := range uint64(seeds) {
			walk := &walk{t: t, p: p, rnd: rand.New(rand.NewPCG(seed, uint64(i))), now: t0, seed: seed}
			for range steps {
				walk.step()
			}
		}
	}
}

// walk is one random sequence of events.
type walk struct {
	t    *testing.T
	p    health.Policy
	rnd  *rand.Rand
	seed uint64

	now time.Time
	s   health.State
}

func (w *walk) step() {
	w.now = w.now.Add(w.pause())
	before := w.s
	switch n := w.rnd.IntN(20); {
	case n == 0:
		w.s = w.p.Enable(w.s, w.now)
		w.require(w.s.Phase(w.now) == health.PhaseClosed, before, "Enable enables")
	case n < 8:
		w.claim()
	default:
		w.outcome()
	}
	w.always(before)
}

// pause is how long nothing happens: sometimes no time at all, sometimes exactly until the rest is over.
func (w *walk) pause() time.Duration {
	switch w.rnd.IntN(5) {
	case 0:
		return 0
	case 1:
		return max(0, w.s.RestUntil.Sub(w.now))
	default:
		return time.Duration(w.rnd.Int64N(int64(40 * time.Second)))
	}
}

func (w *walk) claim() {
	before := w.s
	verdict := w.p.Allow(w.s, w.now)
	next, ok := w.p.Claim(w.s, w.now)
	w.s = next
	w.require(ok == (verdict.Decision != health.DecisionNo), before, "Claim and Allow agree")
	if verdict.Decision != health.DecisionClaim {
		w.require(next == before, before, "a claim that takes nothing changes nothing")
		return
	}
	_, again := w.p.Claim(next, w.now)
	w.require(!again, before, "half-open lets exactly one through")
	w.require(w.p.Allow(next, w.now).Decision == health.DecisionNo, before, "half-open lets exactly one through")
	w.require(w.p.Allow(next, next.ProbeUntil).Decision == health.DecisionClaim, before, "a dead claimant blocks nobody for ever")
}

func (w *walk) outcome() {
	o := health.Outcome{
		Kind:      health.OutcomeKind(w.rnd.IntN(6)),
		Permanent: w.rnd.IntN(8) == 0,
		Seed:      w.rnd.Uint64(),
		Reason:    "because",
	}
	if w.rnd.IntN(2) == 0 {
		o.Started = w.now.Add(-time.Duration(w.rnd.Int64N(int64(3 * time.Minute))))
	}
	if w.rnd.IntN(2) == 0 {
		o.Until = w.now.Add(time.Duration(w.rnd.Int64N(int64(200*time.Hour))) >> w.rnd.IntN(20))
	}
	before := w.s
	w.s = w.p.Apply(before, o, w.now)
	w.require(w.s == w.p.Apply(before, o, w.now), before, "Apply is pure")
	w.rules(before, o)
}

// rules checks what one outcome may do.
func (w *walk) rules(before health.State, o health.Outcome) {
	phase, late := before.Phase(w.now), !o.Started.IsZero() && o.Started.Before(before.Since)
	switch {
	case before.Disabled:
		w.require(w.s == before, before, "nothing but a person enables: %+v", o)
	case phase == health.PhaseOpen && !w.s.Disabled:
		cleared := w.s.RestUntil.Before(before.RestUntil)
		w.require(!cleared || o.Kind == health.OutcomeSuccess, before, "only a success ends a rest: %+v", o)
		w.require(!cleared || before.Cause != health.CauseLimit, before, "a success does not clear a rate limit: %+v", o)
		w.require(!cleared || !late, before, "a late success clears nothing: %+v", o)
		moved := w.s.RestUntil.After(before.RestUntil)
		w.require(!moved || o.Kind == health.OutcomeRest && !o.Until.IsZero(), before, "only a named reset moves the end: %+v", o)
	case late && o.Kind != health.OutcomeRest && !o.Permanent:
		w.require(w.s == before, before, "what is late is no news: %+v", o)
	}
	if o.Kind == health.OutcomeNeutral {
		claimless := before
		claimless.ProbeFrom, claimless.ProbeUntil, claimless.Version = time.Time{}, time.Time{}, w.s.Version
		w.require(w.s == before || w.s == claimless, before, "the caller's fault counts for nothing: %+v", o)
	}
}

// always checks what holds in every state.
func (w *walk) always(before health.State) {
	w.require(w.s == before || w.s.Version > before.Version, before, "each change has a higher version")
	verdict := w.p.Allow(w.s, w.now)
	if verdict.Decision == health.DecisionNo && !w.s.Disabled {
		w.require(verdict.Until.After(w.now), before, "a no says until when")
		w.require(!verdict.Until.After(w.now.Add(w.longest())), before, "no rest is longer than the policy's longest")
		w.require(w.p.Allow(w.s, verdict.Until).Decision != health.DecisionNo, before, "no rest is without an end")
	}
	bytes, err := w.s.MarshalBinary()
	require.NoError(w.t, err)
	var read health.State
	require.NoError(w.t, read.UnmarshalBinary(bytes))
	w.require(read == w.s, before, "a state survives being kept as bytes")
}

// longest is how long anybody may ever be told to stay away.
func (w *walk) longest() time.Duration {
	longest := time.Duration(0)
	for _, d := range [][2]time.Duration{{w.p.MaxRest, 30 * time.Minute}, {w.p.MaxRateLimitRest, time.Hour}, {w.p.ClaimTTL, 2 * time.Minute}} {
		if d[0] == 0 {
			d[0] = d[1]
		}
		longest = max(longest, d[0])
	}
	return longest + longest/10 + time.Second
}

func (w *walk) require(ok bool, before health.State, promise string, args ...any) {
	w.t.Helper()
	if !ok {
		require.Failf(w.t, "broken: "+promise, "seed %d, policy %+v, at %v\nbefore %+v\nafter  %+v\n%v", w.seed, w.p, w.now, before, w.s, args)
	}
}
