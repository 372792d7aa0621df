package balancer

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/aitransport/aitransport/provider"
)

const (
	// briefWait, and up to as much again, passes before the only account is tried once
	// more.
	briefWait = 100 * time.Millisecond
	// briefFailure is how long that failure may have taken at most.
	briefFailure = 2 * time.Second
	// limitWait, and up to as much again, passes after a limit should have ended: not
	// all who wait come at once, and clocks differ.
	limitWait = 10 * time.Millisecond
)

// search finds an account for the next attempt: one that this request has not tried.
// If there is no other it is the only one once more, after a failure that may be over
// in a moment, or whoever's limit ends soonest, where there is time for that.
func (s *serving) search() (*attempt, error) {
	at, err := s.t.choose(s.ctx, s)
	if err != nil && s.brief && !s.repeated && len(s.tried) == 1 {
		s.repeated = true
		if !s.sleep(briefWait + jitter(briefWait)) {
			return nil, s.gone(err)
		}
		s.tried = nil
		at, err = s.t.choose(s.ctx, s)
	}
	if err != nil && s.t.cfg.MaxWait > 0 {
		return s.outlast(err)
	}
	return at, err
}

// remember notes what of a failed attempt decides who may be tried again.
func (s *serving) remember(t *try) {
	v := t.verdict
	s.brief = false
	var credential *credentialError
	if t.at.unrenewed != nil || errors.As(t.err, &credential) { // whoever yields it has tried again by itself
		return
	}
	switch v.Class {
	case provider.ClassRateLimited, provider.ClassCapacity, provider.ClassQuotaExhausted:
		s.limited = append(s.limited, t.at.member)
	case provider.ClassTransient, provider.ClassOverloaded:
		refused := t.status() >= http.StatusBadRequest && t.status() < http.StatusInternalServerError
		s.brief = v.Until.IsZero() && !refused
		if !v.Until.IsZero() {
			s.limited = append(s.limited, t.at.member)
		}
	case provider.ClassProxyFailed:
		s.brief = !v.MaybeExecuted
	}
	s.brief = s.brief && time.Since(t.begun) < briefFailure
}

// outlast waits until the first of the limits ends that keep all accounts from being
// used, if that is soon enough. none is why there is no account now.
func (s *serving) outlast(none error) (*attempt, error) {
	if s.forgive() {
		at, err := s.t.choose(s.ctx, s)
		if err == nil {
			return at, nil
		}
		none = err
	}
	for {
		var passed *Error
		if !errors.As(none, &passed) || passed.RetryAt.IsZero() {
			return nil, none
		}
		d := max(time.Until(passed.RetryAt), 0) + limitWait + jitter(limitWait)
		if s.rested += d; s.rested+s.waited > s.t.cfg.MaxWait || !s.sleep(d) {
			return nil, s.gone(none)
		}
		at, err := s.t.choose(s.ctx, s)
		if err == nil {
			return at, nil
		}
		none = err
	}
}

// forgive makes those who were left for a limit that ends as good as untried, for a
// request that waits anyway, and tells whether there are any.
func (s *serving) forgive() bool {
	if len(s.limited) == 0 {
		return false
	}
	s.tried = slices.DeleteFunc(s.tried, func(m *member) bool { return slices.Contains(s.limited, m) })
	s.limited = nil
	return true
}

// sleep waits, unless that ends after the caller's patience, or the caller goes.
func (s *serving) sleep(d time.Duration) bool {
	wake := time.Now().Add(d)
	if end, ok := s.ctx.Deadline(); ok && !wake.Before(end) || !s.until.IsZero() && !wake.Before(s.until) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// gone is why there is no account: that the caller has gone, or else as it was said.
func (s *serving) gone(none error) error {
	if s.ctx.Err() != nil {
		return &Error{Err: context.Cause(s.ctx)}
	}
	return none
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration { return rand.N(d) } //nolint:gosec // spreading load needs no secrecy
