package balancer

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// errDeadline ends attempts that Config.Deadline no longer allows.
var errDeadline error = &deadlineError{}

type deadlineError struct{}

func (*deadlineError) Error() string        { return "no account answered within Config.Deadline" }
func (*deadlineError) Timeout() bool        { return true }
func (*deadlineError) Is(target error) bool { return target == context.DeadlineExceeded }

// RoundTrip sends the request through one account, and through others when that
// fails. The answer is the first good one; or, when all failed, the last real one,
// marked so that SDKs do not retry what has been retried; its body must be closed,
// and until then the request is under way. With no answer at all the error is an
// [*Error] with every attempt.
func (t *Transport) RoundTrip(in *http.Request) (*http.Response, error) {
	if in.URL == nil || in.Header == nil {
		closeBody(in)
		return nil, &Error{Err: errors.New("the request has no URL or a nil Header")}
	}
	ctx, one, ok := t.calls.enter(in.Context())
	if !ok {
		closeBody(in)
		return nil, &Error{Err: ErrClosed}
	}
	r, err := t.newRequest(ctx, in, t.fleet.Load())
	if err != nil {
		one.end()
		closeBody(in)
		return nil, err
	}
	defer r.close()
	r.end = one.end
	s := &serving{Request: r, t: t, ctx: ctx, failed: make(map[health.Subject]bool)}
	defer s.abandon()
	resp, err := s.serve()
	s.over = true
	return resp, err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// serving is a request between its first attempt and its answer.
type serving struct {
	*Request
	t   *Transport
	ctx context.Context // ends with the caller's, with Close, and at the end of the body

	chooser chooser // of the attempt that is looked for

	tried  []*member
	failed map[health.Subject]bool // what has failed for this request already
	log    []Attempt
	held   *http.Response // the last real answer, should nobody give a good one
	err    error          // of the last attempt without an answer
	now    *attempt       // under way
	over   bool           // served, one way or the other

	conflicts int // answers of 409: a second one would be the same again

	mu     sync.Mutex
	late   bool                    // Config.Deadline has passed
	cancel context.CancelCauseFunc // ends the attempt under way; nil: none is, or it was answered
}

func (s *serving) serve() (*http.Response, error) {
	if d := s.t.cfg.Deadline; d > 0 {
		timer := time.AfterFunc(d, s.expire)
		defer timer.Stop()
	}
	for range s.tries {
		at, err := s.t.choose(s.ctx, s)
		if err != nil {
			return s.giveUp(err)
		}
		s.now, s.tried = at, append(s.tried, at.member)
		ctx, cancel := s.begin()
		resp, err := at.send(ctx)
		var failure *transport.Error
		if err != nil && errors.Is(context.Cause(ctx), errDeadline) && !errors.As(err, &failure) {
			err = errDeadline // not the cancel that it came as
		}
		if !s.answered() && err == nil { // the deadline came first: the answer would break off
			discard(resp)
			resp, err = nil, errDeadline
		}
		verdict := at.judge(ctx, resp, err)
		if verdict.Class == provider.ClassOK {
			s.drop()
			at.deliver(resp, func() { cancel(nil); s.end() })
			resp.Request = s.in
			return resp, nil
		}
		s.note(at, verdict, resp, err, cancel)
		if !s.mayTryAgain(verdict) {
			break
		}
	}
	return s.giveUp(nil)
}

// begin makes the context of an attempt, which the deadline can end.
func (s *serving) begin() (context.Context, context.CancelCauseFunc) {
	if s.t.cfg.Deadline <= 0 {
		return s.ctx, func(error) {}
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	if s.late {
		cancel(errDeadline)
	}
	return ctx, cancel
}

// expire is called when the deadline has come.
func (s *serving) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = true
	if s.cancel != nil {
		s.cancel(errDeadline)
	}
}

// answered takes the attempt out of the deadline's reach, unless that came first.
func (s *serving) answered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = nil
	return !s.late
}

// isLate tells whether the deadline has come.
func (s *serving) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// note ends an attempt that failed and keeps its answer, or error, as the last.
func (s *serving) note(at *attempt, v provider.Verdict, resp *http.Response, err error, cancel context.CancelCauseFunc) {
	used := quota.Amount{Requests: 1}
	if err != nil && !v.MaybeExecuted {
		used = quota.Amount{} // nothing was sent
	}
	at.fail(v, used, s.failed)
	s.now = nil
	s.log = append(s.log, at.record)
	if resp == nil {
		s.err = err
		cancel(nil)
		return
	}
	if resp.StatusCode == http.StatusConflict {
		s.conflicts++
	}
	s.drop()
	resp.Body = &ending{ReadCloser: resp.Body, end: func() { cancel(nil) }}
	s.held = resp
}

// drop ends the answer that was held for the case that no better one came.
func (s *serving) drop() {
	if s.held != nil {
		discard(s.held)
		s.held = nil
	}
}

// mayTryAgain tells whether another account may do better, and whether a second
// sending is harmless.
func (s *serving) mayTryAgain(v provider.Verdict) bool {
	return v.Class.Retryable() && s.ctx.Err() == nil && !s.isLate() && s.conflicts < 2 && (!v.MaybeExecuted || s.Operation.Repeatable)
}

// giveUp returns the last real answer, or an error with all that was tried. choice
// is why no further account was found; nil if none was looked for.
func (s *serving) giveUp(choice error) (*http.Response, error) {
	if s.held != nil {
		resp := s.held
		resp.Request = s.in
		resp.Header.Set("X-Should-Retry", "false")
		resp.Body = &ending{ReadCloser: resp.Body, end: s.end}
		return resp, nil
	}
	s.end()
	failure := &Error{Attempts: s.log, Err: s.t.calls.explain(s.err)}
	var none *Error
	if errors.As(choice, &none) {
		failure.RetryAt = none.RetryAt
		if s.err == nil {
			failure.Err = none.Err
		}
	}
	return nil, failure
}

// abandon gives everything back when a layer, a Picker or a store panics.
func (s *serving) abandon() {
	if s.over {
		return
	}
	if s.now != nil {
		s.now.fail(provider.Verdict{Class: provider.ClassCanceled, Scope: provider.ScopeNone, MaybeExecuted: true, Message: "abandoned by a panic"},
			quota.Amount{Requests: 1}, s.failed)
	}
	s.drop()
	s.end()
}
