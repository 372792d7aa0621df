package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

var (
	// ErrNoRoute says that no account's provider has the request's URL below its
	// base. Nothing was sent.
	ErrNoRoute = errors.New("no account's provider serves this URL")

	// ErrNoAccount says that no account could be tried: none serves the
	// operation, the model or the group, or all rest or are full. Nothing was sent. It is
	// the Err of an [*Error], of which RetryAt says when to come back, and the text why
	// each account was passed over. Where attempts were made before, and the last of them
	// got an answer, that is returned instead; where none did, Err is its error.
	ErrNoAccount = errors.New("no account available")

	// ErrUnsupported says that a request asks for what this version cannot do: a
	// conversation over a WebSocket (realtime). Nothing was sent.
	ErrUnsupported = errors.New("not supported")

	// ErrStoreBroken says that a store of health or affinity is broken, where the policy
	// is not to go on without it, or where only the store could do what was asked for. It is
	// joined with the store's own error, if it was asked. Of a request nothing was sent; try
	// again in a second. Of a store of quota quota.ErrUnavailable says so.
	ErrStoreBroken = errors.New("a store is broken")

	// ErrClosed says that the Transport was closed.
	ErrClosed = errors.New("balancer closed")
)

// Error is the failure of a request that got no answer at all from any account. An
// answer, also a bad one, is returned as the answer it is. [errors.As] finds it in the
// errors of http.Client and of the SDKs; those that retry by themselves return that of
// their last attempt.
type Error struct {
	Attempts []Attempt // what was tried, in order; empty: nothing was sent

	// RetryAt is when an account that was passed over, or rests since it was tried, can be
	// asked again; where Config.Admit's limits refused, when they have room, or when their
	// store is tried again. Zero: not known.
	RetryAt time.Time

	// Err is of the last attempt. Where there was none it is ErrNoRoute, ErrNoAccount,
	// ErrUnsupported, ErrStoreBroken or ErrClosed, with details, or is about Config.Admit:
	// its own error; a *quota.ExceededError, where there is no room; that of Config.Quota
	// where it could not be asked, which behind a [quota.Guard] is quota.ErrUnavailable; or
	// what is wrong with Config.Admit or Config.Estimate. ErrNoAccount is joined with the
	// store's error where it was an account's limits that could not be asked.
	Err error
}

// Error tells what was tried and why each account was left.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("balancer: ")
	if len(e.Attempts) == 0 {
		if e.Err == ErrClosed { //nolint:errorlint // itself, whose text says whose it is
			return ErrClosed.Error()
		}
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString("no answer after 1 attempt")
		if n := len(e.Attempts); n > 1 {
			b.Reset()
			fmt.Fprintf(&b, "balancer: no answer after %d attempts", n)
		}
		for i, a := range e.Attempts {
			fmt.Fprintf(&b, "; %d: %s", i+1, a)
		}
	}
	if !e.RetryAt.IsZero() && !errors.As(e.Err, new(*quota.ExceededError)) { // which says so itself
		fmt.Fprintf(&b, " (try again at %s)", e.RetryAt.Add(time.Second-1).UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	return b.String()
}

// Unwrap is Err, so that errors.Is finds the sentinels and a cancelled context.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether the last attempt ended by a time limit.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// passedOver says for each account why it was not tried.
type passedOver struct {
	because string // what holds for all; "": nothing
	reasons []string
	advice  string // what may be done about it; "": nothing is known
	cause   error  // of the store that could not be asked; nil: none
	more    int    // accounts that are not named
	retryAt time.Time
}

// maxReasons bounds how many accounts an error names.
const maxReasons = 20

func (p *passedOver) add(account, reason string, until time.Time) {
	p.reasons = append(p.reasons, account+": "+reason)
	p.sooner(until)
}

// sooner notes when an account may be ready; the zero time says nothing.
func (p *passedOver) sooner(until time.Time) {
	if !until.IsZero() && (p.retryAt.IsZero() || until.Before(p.retryAt)) {
		p.retryAt = until
	}
}

func (p *passedOver) err() error {
	more := ""
	if p.more > 0 {
		more = fmt.Sprintf("; and %d more", p.more)
	}
	err := fmt.Errorf("%w: %s%s%s%s", ErrNoAccount, p.because, strings.Join(p.reasons, "; "), more, p.advice)
	if p.cause != nil {
		err = fmt.Errorf("%w: %w", err, p.cause)
	}
	return err
}

// waitAdvice is for accounts that are full, where nobody waits for one.
const waitAdvice = " (set Config.MaxWait to wait for one)"

// retryOf is when there is room again, or the store is asked again, as far as an error of
// a quota store tells.
func retryOf(err error) time.Time {
	var over *quota.ExceededError
	var broken *quota.UnavailableError
	switch {
	case errors.As(err, &over):
		return over.RetryAt
	case errors.As(err, &broken):
		return broken.RetryAt
	default:
		return time.Time{}
	}
}

// asMany says that a limit of requests in flight is reached.
func asMany(n int64) string {
	if n == 1 {
		return "1 request in flight, as many as its limit allows"
	}
	return fmt.Sprintf("%d requests in flight, as many as its limit allows", n)
}

// nowhere says that no account of the route can serve what the request asks for,
// whichever they are; "": some can, or it is for another reason.
func (c *chooser) nowhere() string {
	r := c.r
	none := func(able func(*member) bool) bool {
		return !slices.ContainsFunc(r.route.crowds.kinds, func(alike []*member) bool { return able(alike[0]) }) &&
			!slices.ContainsFunc(r.route.off, able)
	}
	grouped := func(m *member) bool { return r.Hint.Group == "" || slices.Contains(m.Groups, r.Hint.Group) }
	serves := func(m *member) bool { _, ok := m.models.serves(r.Operation.Model); return ok && grouped(m) }
	switch {
	case none(grouped):
		return fmt.Sprintf("no account is in the group %.100q (Hint.Group)", r.Hint.Group)
	case !none(serves):
		return ""
	case r.Hint.Group != "":
		return fmt.Sprintf("no account of the group %.100q serves the model %.100q: see Account.Models", r.Hint.Group, r.Operation.Model)
	default:
		return fmt.Sprintf("no account serves the model %.100q: see Account.Models", r.Operation.Model)
	}
}

// gone is why a request that waits for an account has to give up; nil: it has not. What
// the context's own timer has yet to tell is known from the time.
func (c *chooser) gone() error {
	cause := context.Cause(c.ctx)
	if end, ok := c.ctx.Deadline(); ok && cause == nil && !c.now.Before(end) {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return nil
	}
	return &Error{Err: fmt.Errorf("waiting for an account: %w", cause)}
}

// unusable says of a domain that it cannot be used, in this state. The account's own is
// not named: whoever asks knows the account.
func unusable(s health.Subject, how, why string, disabled bool) string {
	what, enable := "", "Transport.Enable"
	if s.Kind != health.KindAccount {
		what, enable = s.String()+" ", "Transport.EnableSubject"
		if how != "rests" {
			what += "is "
		}
	}
	text := what + how
	if why != "" {
		text += ": " + why
	}
	if disabled {
		text += " (" + enable + " ends that)"
	}
	return text
}
