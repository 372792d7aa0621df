package balancer

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrNoRoute says that no account's provider has the request's URL below its
	// base. Nothing was sent.
	ErrNoRoute = errors.New("no account's provider serves this URL")

	// ErrNoAccount says that no account could be tried: none serves the
	// operation, the model or the group, or all rest or are full. Nothing was sent.
	ErrNoAccount = errors.New("no account available")

	// ErrUnsupported says that a request asks for what this version cannot do: a
	// conversation over a WebSocket (realtime). Nothing was sent.
	ErrUnsupported = errors.New("not supported")

	// ErrClosed says that the Transport was closed.
	ErrClosed = errors.New("balancer closed")
)

// Error is the failure of a request that got no answer at all from any account. An
// answer, also a bad one, is returned as the answer it is.
type Error struct {
	Attempts []Attempt // what was tried, in order; empty: nothing was sent
	RetryAt  time.Time // when an account that was passed over, or rests since it was tried, can be asked again; zero: not known
	Err      error     // of the last attempt; or ErrNoRoute, ErrNoAccount, ErrUnsupported, ErrClosed, with details
}

// Error tells what was tried and why each account was left.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("balancer: ")
	if len(e.Attempts) == 0 {
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
	if !e.RetryAt.IsZero() {
		fmt.Fprintf(&b, " (try again at %s)", e.RetryAt.UTC().Format(time.RFC3339))
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
	more    int // accounts that are not named
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
	return fmt.Errorf("%w: %s%s%s", ErrNoAccount, p.because, strings.Join(p.reasons, "; "), more)
}
