package health_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aitransport/aitransport/health"
)

// modelled are policies that the model understands: every field set, no jitter.
// They differ in which rules are on.
var modelled = []health.Policy{
	{
		Failures: 2, Ratio: 0.5, Window: 4 * time.Second, MinSamples: 4, DisableAfter: 7, Rest: 2 * time.Second, MaxRest: 6 * time.Second, Jitter: -1,
		RateLimitRest: 3 * time.Second, MaxRateLimitRest: 10 * time.Second, ClaimTTL: 2 * time.Second, AuthFailures: 2, SlowStart: 4 * time.Second,
	},
	{
		Failures: -1, Ratio: 0.3, Window: 20 * time.Second, MinSamples: 3, Rest: time.Second, MaxRest: 30 * time.Second, Jitter: -1,
		RateLimitRest: -1, MaxRateLimitRest: 5 * time.Second, ClaimTTL: time.Second, AuthFailures: 3, SlowStart: time.Second,
	},
	{
		Failures: 3, Ratio: -1, Window: -1, MinSamples: 1, Rest: -1, MaxRest: 5 * time.Second, Jitter: -1,
		RateLimitRest: 8 * time.Second, MaxRateLimitRest: 4 * time.Second, ClaimTTL: 30 * time.Second, AuthFailures: -1, SlowStart: time.Minute,
	},
}

// others have defaults and jitter: only the rules hold them.
var others = []health.Policy{
	{},
	{Jitter: -1, Failures: 1, AuthFailures: 3, DisableAfter: 20, SlowStart: -1},
	{Failures: 2, Rest: time.Second, MaxRest: 5 * time.Second, MaxRateLimitRest: time.Minute, ClaimTTL: 3 * time.Second, Ratio: 0.1, MinSamples: 2},
	{Failures: -1, RateLimitRest: -1, AuthFailures: -1, Jitter: 1},
}

// TestNoEventsBreakThePolicy drives random events against the policy.
func TestNoEventsBreakThePolicy(t *testing.T) {
	const seeds, steps = 60, 200
	for i, p := range slices.Concat(modelled, others) {
		for seed := range uint64(seeds) {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			m := newMachine(t, p, fmt.Sprintf("policy number %d, seed %d", i, seed))
			for range steps {
				m.play(randomMove(rnd.IntN))
			}
		}
	}
}

// FuzzPolicy drives events made from bytes: the first chooses the policy.
func FuzzPolicy(f *testing.F) {
	for seed := range byte(8) {
		rnd := rand.New(rand.NewPCG(uint64(seed), 0))
		data := []byte{seed}
		for range 300 {
			data = append(data, byte(rnd.Uint32()))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 2000)] // the model is slow
		policies := slices.Concat(modelled, others)
		choose := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			c := int(data[0]) % n
			data = data[1:]
			return c
		}
		m := newMachine(t, policies[choose(len(policies))], "fuzz")
		for len(data) > 0 {
			m.play(randomMove(choose))
		}
	})
}

// randomMove makes a move of choices between n things, n at most 256.
func randomMove(choose func(n int) int) move {
	mv := move{after: pauses[choose(len(pauses))]}
	switch n := choose(24); {
	case n < 2:
		mv.act = waitForRest
	case n < 6:
		mv.act = claim
	case n < 8:
		mv.act = claimCheck
	case n < 9:
		mv.act = act(choose(3)) + enable
	case n < 12:
		mv.act = check
	default:
		mv.act = apply
	}
	if mv.act != apply && mv.act != check {
		return mv
	}
	mv.o = health.Outcome{
		Kind:      kinds[choose(len(kinds))],
		Permanent: choose(16) == 1,
		Free:      choose(4) == 1,
		Seed:      uint64(choose(256)),
		Reason:    "because",
		Successes: []int{0, 0, 1, 5}[choose(4)],
	}
	mv.age = []time.Duration{0, 0, 1, time.Second, 3 * time.Second, 10 * time.Second, 3 * time.Minute}[choose(7)]
	if choose(3) > 0 {
		mv.in = resets[choose(len(resets))]
	}
	return mv
}

var (
	pauses = []time.Duration{0, 0, 0, 1, time.Millisecond, 500 * time.Millisecond, time.Second, time.Second, 2 * time.Second, 5 * time.Second, 20 * time.Second, 10 * time.Minute}
	resets = []time.Duration{-time.Minute, time.Millisecond, time.Second, 4 * time.Second, 30 * time.Second, time.Hour, 156 * time.Hour}
	kinds  = []health.OutcomeKind{ // what happens often stands there often
		health.OutcomeUnknown, health.OutcomeFailure, health.OutcomeFailure, health.OutcomeFailure, health.OutcomeFailure, health.OutcomeSuccess, health.OutcomeSuccess,
		health.OutcomeSuccess, health.OutcomeRest, health.OutcomeRest, health.OutcomeDisable, health.OutcomeExhausted, health.OutcomeNeutral,
	}
)

// alphabet is what can happen to a subject, one of each sort. Together with the first modelled policy, six of them reach
// every phase by every way.
var alphabet = []move{
	{act: apply, o: health.Outcome{Kind: health.OutcomeFailure}},
	{act: apply, o: health.Outcome{Kind: health.OutcomeFailure}, age: 1500 * time.Millisecond}, // late, if anything happened lately
	{act: apply, o: health.Outcome{Kind: health.OutcomeSuccess}, after: time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeSuccess}, age: 1500 * time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeRest}, in: 1500 * time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeExhausted}, in: 3 * time.Second},
	{act: check, o: health.Outcome{Kind: health.OutcomeSuccess}, after: time.Millisecond},
	{act: claim},
	{act: waitForRest},
	{act: wait, after: time.Second},
}

// more is a larger alphabet, for shorter words.
var more = append([]move{
	{act: apply, o: health.Outcome{Kind: health.OutcomeRest}},
	{act: apply, o: health.Outcome{Kind: health.OutcomeRest}, in: time.Hour, age: 1500 * time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeDisable}, after: time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeDisable, Permanent: true}, age: 1500 * time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeSuccess, Free: true}, after: time.Millisecond},
	{act: apply, o: health.Outcome{Kind: health.OutcomeFailure, Successes: 3}},
	{act: apply, o: health.Outcome{Kind: health.OutcomeNeutral}},
	{act: check, o: health.Outcome{Kind: health.OutcomeFailure}, after: time.Millisecond},
	{act: claimCheck}, {act: enable}, {act: disable}, {act: resetCounts},
}, alphabet...)

// TestEveryShortStory plays every word over the alphabets, not a sample of them.
func TestEveryShortStory(t *testing.T) {
	long, short := 6, 4
	if testing.Short() || raceEnabled { // nothing here is shared
		long, short = 5, 3
	}
	stories := every(newMachine(t, modelled[0], "every story"), alphabet, long)
	for i, p := range modelled {
		stories += every(newMachine(t, p, fmt.Sprintf("every story, policy number %d", i)), more, short)
	}
	t.Logf("%d stories", stories)
}

// every plays each word of up to so many letters, and returns how many it played. A letter that changes nothing leads to
// the words of one letter less, which are played anyway.
func every(m *machine, alphabet []move, letters int) int {
	if letters == 0 {
		return 1
	}
	n := 1
	for _, mv := range alphabet {
		next := m.fork()
		next.play(mv)
		if next.s == m.s && next.now.Equal(m.now) {
			n++
			continue
		}
		n += every(next, alphabet, letters-1)
	}
	return n
}
