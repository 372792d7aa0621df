package health

import (
	"fmt"
	"time"
)

// Window is what lately became of a subject's attempts, for [Policy.Ratio]. Time is cut into halves of Policy.Window,
// at the same instants for all subjects and all instances; a Window has the counts of one half and of the half before
// it; a rest for failures and a recovery empty it. So it is of one size however many attempts there are, and what it
// says is bounded thus:
//
//   - All that was counted in the last half of Policy.Window is in it, and nothing older than the whole.
//   - When a half ends, the one before it is dropped at once: there may then be fewer samples than Policy.MinSamples
//     for a while, and no judgement.
//   - A share above Policy.Ratio that has lasted for the whole Policy.Window, with enough samples in each half, is
//     always seen, by the next failure at the latest; one that is over is forgotten within a Policy.Window.
type Window struct {
	From                        time.Time // when the half that is being counted began; zero: nothing has been counted
	Failures, Successes         int       // in that half, at most 2³¹-1
	PastFailures, PastSuccesses int       // in the half before it, at most 2³¹-1
}

// maxCount bounds the counts of a Window, so that adding them up cannot overflow.
const maxCount = 1<<31 - 1

// at is the window as it is at the time now, with halves of that length: the counts moved on, or dropped.
func (w Window) at(now time.Time, half time.Duration) Window {
	from := now.Truncate(half)
	switch {
	case w.From.Before(from.Add(-half)), w.From.After(from.Add(half)): // long ago, or by a clock that was wrong
		return Window{From: from}
	case w.From.Before(from):
		return Window{From: from, PastFailures: w.Failures, PastSuccesses: w.Successes}
	default:
		return w
	}
}

// counted is the state with so many more failures and successes in its window, and with those that the outcome brings.
func (p Policy) counted(s State, o Outcome, failures, successes int, now time.Time) State {
	half := orDefault(p.Window, time.Minute) / 2
	if half <= 0 || !(p.ratio() > 0) { // not even where the ratio is no number
		s.Window = Window{}
		return s
	}
	w := s.Window.at(now, half)
	current, past := o.spread(w.From, now, half)
	w.Failures = min(w.Failures+failures, maxCount)
	w.Successes = min(w.Successes+successes+current, maxCount)
	w.PastSuccesses = min(w.PastSuccesses+past, maxCount)
	s.Window = w
	return s
}

// spread is how many of the successes that the outcome brings fall into the half that began at from, and into the one
// before. They are taken to have come evenly.
func (o Outcome) spread(from, now time.Time, half time.Duration) (current, past int) {
	n := min(max(o.Successes, 0), maxCount)
	over := now.Sub(o.SuccessesSince)
	if o.SuccessesSince.IsZero() || !o.SuccessesSince.Before(from) || over <= 0 {
		return n, 0
	}
	part := func(d time.Duration) int { return int(float64(n) * float64(max(d, 0)) / float64(over)) }
	return part(now.Sub(from)), part(min(from.Sub(o.SuccessesSince), half))
}

// tooMany tells whether the share of failures is above the policy's, and why, for people.
func (p Policy) tooMany(w Window) (why string, yes bool) {
	failed := w.Failures + w.PastFailures
	all := failed + w.Successes + w.PastSuccesses
	if ratio := p.ratio(); !(ratio > 0) || all < orDefault(p.MinSamples, 20) || !(float64(failed) > ratio*float64(all)) {
		return "", false
	}
	return fmt.Sprintf("%d of %d attempts failed lately", failed, all), true
}

func (p Policy) ratio() float64 { return orDefault(p.Ratio, 0.5) }
