package balancer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

// win gives an attempt's answer to the caller.
func (s *serving) win(t *try) *http.Response {
	s.loseAll()
	s.unchoose()
	s.drop()
	delivered := false
	defer func() {
		if !delivered { // the provider's meter panicked, or a store
			t.abandon()
		}
	}()
	s.settleDown(t.at)
	t.at.deliver(t.resp, (*winner)(t))
	delivered = true
	t.resp.Request = s.in
	return t.resp
}

// note ends an attempt that failed and keeps its answer, or error, as the last.
func (s *serving) note(t *try) {
	v, resp := t.verdict, t.resp
	used := quota.Amount{Requests: 1}
	if t.err != nil && !v.MaybeExecuted {
		used = quota.Amount{} // nothing was sent
	}
	if t.answer != nil {
		used = t.book()
	}
	if s.failed == nil {
		s.failed = make(map[health.Subject]bool)
	}
	t.at.fail(v, used, s.failed)
	s.log = append(s.log, t.at.record)
	s.remember(t)
	if resp == nil {
		s.err = t.err
		t.cancel(nil)
		return
	}
	if resp.StatusCode == http.StatusConflict {
		s.conflicts++
	}
	s.drop()
	if last := (*runnerUp)(t); t.answer != nil {
		t.answer.present(resp, last)
	} else {
		resp.Body = &ending{ReadCloser: resp.Body, end: last.finish}
	}
	s.held = resp
}

// drop ends the answer that was held for the case that no better one came.
func (s *serving) drop() {
	if s.held != nil {
		discard(s.held)
		s.held = nil
	}
}

// unchoose gives back the account that was chosen for a silent one's place.
func (s *serving) unchoose() {
	if s.next != nil {
		s.next.unmake()
		s.next = nil
		s.t.retries.giveBack(s.nextPaid)
	}
}

// giveUp returns the last real answer, or an error with all that was tried. choice
// is why no further account was found; nil if none was looked for.
func (s *serving) giveUp(choice error) (*http.Response, error) {
	s.unchoose()
	if caller := s.in.Context(); s.held != nil && caller.Err() != nil { // who has gone is not told of what came before
		s.drop()
		s.err = context.Cause(caller)
	}
	if s.held != nil {
		resp := s.held
		resp.Request = s.in
		if resp.StatusCode >= http.StatusBadRequest {
			resp.Header.Set("X-Should-Retry", "false")
		}
		resp.Body = &ending{ReadCloser: resp.Body, end: s.end}
		return resp, nil
	}
	s.end()
	failure := &Error{Attempts: s.log, Err: s.t.calls.explain(s.err)}
	var none *Error
	if errors.As(choice, &none) {
		failure.RetryAt = s.retryAt(none.RetryAt)
		if s.err == nil {
			failure.Err = none.Err
		}
	}
	return nil, failure
}

// retryAt is when the first account can be asked again: one that was passed over, at
// that time unless it is zero, or one that was tried and rests since.
func (s *serving) retryAt(passed time.Time) time.Time {
	now := time.Now()
	for _, m := range s.tried {
		until := m.objection(now).until
		if v, d := m.modelVerdict(s.t, s.Operation.Model, now); v.Decision == health.DecisionNo {
			if at := rests(d, v, now).until; at.After(until) {
				until = at
			}
		}
		if !until.IsZero() && (passed.IsZero() || until.Before(passed)) {
			passed = until
		}
	}
	return passed
}

// abandon gives everything back when a layer, a Picker or a store panics.
func (s *serving) abandon() {
	if s.over {
		return
	}
	for _, t := range s.running {
		if t.aside {
			t.lose()
			continue
		}
		t.abandon()
	}
	s.unchoose()
	s.t.retries.giveBack(s.paid)
	s.drop()
	s.end()
}
