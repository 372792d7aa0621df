package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A CredentialError says why a [Credential] of this package yields no token. It
// holds none: of what a token endpoint, a command or a file said, only the part
// that is meant for people is kept, without what looks like a key. It is not
// changed after it was returned, and may be returned more than once.
type CredentialError struct {
	// Source is what was asked: token endpoint https://auth.example.com/token,
	// command vault, file /run/secrets/key. No arguments, no query.
	Source string

	// Class is what it means for an account: ClassAuthInvalid, ClassEgressBlocked,
	// ClassRateLimited, ClassTimeout, ClassCanceled or ClassTransient.
	Class Class

	// Permanent says that trying again is of no use before somebody has logged in
	// again or changed the configuration: nothing is tried any more.
	Permanent bool

	// Repeated says that nothing was tried this time: it is the failure of before,
	// told again until RetryAt.
	Repeated bool

	Status  int       // of the token endpoint's answer; 0: there was none
	Code    string    // its word for the failure: invalid_grant; at most 64 characters
	Message string    // what was said to people: one line, at most 300 characters, redacted
	Advice  string    // what to do
	RetryAt time.Time // when it is tried again, at the earliest; zero: never, or at once
	Err     error     // the cause, such as a *transport.Error; nil: the rest tells it all
}

// Error tells what was asked, what came back and what to do.
func (e *CredentialError) Error() string {
	var b strings.Builder
	b.WriteString("provider: " + e.Source)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": answered %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Advice != "" {
		b.WriteString(": " + e.Advice)
	}
	if e.Message != "" { // may be long, and is not ours: last, should somebody cut the text
		b.WriteString(" (it says: " + e.Message + ")")
	}
	if !e.RetryAt.IsZero() {
		b.WriteString(" (not tried again before " + e.RetryAt.UTC().Format(time.RFC3339) + ")")
	}
	return b.String()
}

// Unwrap is the cause.
func (e *CredentialError) Unwrap() error { return e.Err }

// credentialFailure is err as a *CredentialError of that source, not permanent
// unless it says so itself.
func credentialFailure(source string, err error) *CredentialError {
	var known *CredentialError
	if errors.As(err, &known) {
		own := *known
		own.Repeated = false
		return &own
	}
	class := noAnswer(err).Class
	return &CredentialError{Source: source, Class: class, Err: err}
}
