package balancer

import (
	"time"

	"github.com/aitransport/aitransport/quota"
)

// Hedge has a second account asked beside the first one, where sending twice costs
// money at worst: when the first has shown no content of a stream, or no answer in
// one piece, after a while. Whoever shows content first wins. The other one is
// cancelled; what it says it used is charged, its Attempt is told, and nothing is held
// against it. There is at most one such attempt for a request, if another account is
// free; it counts against MaxAttempts, and RetryBudget pays for it.
type Hedge struct {
	After time.Duration // 0 and below: no hedging
}

// mayHedge tells whether a second attempt may be begun beside the next one.
func (s *serving) mayHedge() bool {
	return s.t.cfg.Hedge.After > 0 && !s.hedged && s.Operation.Repeatable
}

// mayBeSilent tells whether an attempt may be left for its silence.
func (s *serving) mayBeSilent() bool {
	return s.Operation.Stream && s.t.cfg.FirstByteTimeout > 0
}

// alarm is when something is to be done about the attempts that go on; zero: never.
func (s *serving) alarm() time.Time {
	if s.next != nil || s.left == 0 || s.ctx.Err() != nil || s.isLate() {
		return time.Time{}
	}
	soonest := s.hedgeTime()
	for _, t := range s.running {
		if silent := t.silentTime(); soonest.IsZero() || !silent.IsZero() && silent.Before(soonest) {
			soonest = silent
		}
	}
	return soonest
}

// hedgeTime is when a second attempt is due beside the first; zero: never.
func (s *serving) hedgeTime() time.Time {
	if len(s.running) != 1 || !s.running[0].aside || !s.mayHedge() {
		return time.Time{}
	}
	return s.running[0].begun.Add(s.t.cfg.Hedge.After)
}

// silentTime is when an attempt that has not brought a byte has been silent for too
// long; zero: never, or no longer.
func (t *try) silentTime() time.Time {
	if t.at.heard.Load() || !t.awaitsFirstByte() || !t.mayEnd() {
		return time.Time{}
	}
	since := t.begun
	if sent := t.at.waits.Load(); sent != 0 {
		since = time.Unix(0, sent)
	}
	return since.Add(t.s.t.cfg.FirstByteTimeout)
}

// mayEnd tells whether the attempt has no answer that is being judged.
func (t *try) mayEnd() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase == trySending || t.phase == tryHolding
}

// ring does what is due.
func (s *serving) ring() {
	now := time.Now()
	for _, t := range s.running {
		if due := t.silentTime(); !due.IsZero() && !now.Before(due) {
			s.replace(t)
			return
		}
	}
	if due := s.hedgeTime(); !due.IsZero() && !now.Before(due) {
		s.hedged = true
		if at, _ := s.another(); at != nil {
			s.start(at, true)
		}
	}
}

// replace leaves a silent attempt for another account, if there is one. If there is
// not, it stays: it may still answer, and the caller gets what there is of its answer once
// no other is under way.
func (s *serving) replace(t *try) {
	at, paid := s.another()
	switch {
	case at == nil:
		t.endure()
		if len(s.running) == 1 {
			t.relent()
		}
	case t.silence():
		s.next, s.nextPaid = at, paid
	default: // it spoke at last
		at.unmake()
		s.t.retries.giveBack(paid)
	}
}

// another takes an account while an attempt is under way, paid from the retry budget.
func (s *serving) another() (*attempt, ticket) {
	paid := s.t.retries.take()
	if paid == 0 {
		return nil, 0
	}
	s.beside = true
	at, err := s.t.choose(s.ctx, s)
	s.beside = false
	if err != nil {
		s.t.retries.giveBack(paid)
		return nil, 0
	}
	return at, paid
}

// unmake returns what was taken for an attempt that is not made.
func (at *attempt) unmake() {
	at.ended.Do(func() {
		defer at.giveBack(quota.Amount{})
		at.counters.served.Add(-1)
		at.unclaim(len(at.checks))
	})
}
