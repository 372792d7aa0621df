package provider

import (
	"net/http"
	"time"
)

// An Answer is what Classify judges: the answer to one attempt, or the lack of
// one.
type Answer struct {
	Op     Operation
	Status int // 0: no answer came
	Header http.Header

	// Body is the head of the body, at most 64 KiB, after content decoding.
	// Of a good answer it may be missing; the Meter finds errors there too.
	Body      []byte
	Truncated bool // the body goes on after Body

	// Err is the transport's error, if there was one. Without a Status it is
	// judged roughly here, by its kind and never by its text; the caller of
	// this package knows the phase and can do better.
	Err error

	// At is when the answer came. Zero: now.
	At time.Time
}

// A Class is what an answer means to somebody who has other accounts to try.
type Class uint8

// The classes. The zero value is an answer that was not understood.
const (
	ClassUnknown        Class = iota
	ClassOK                   // an answer to use
	ClassRateLimited          // too many requests or tokens for now
	ClassCapacity             // too many at the same time; clears in about a second
	ClassQuotaExhausted       // money or a plan's window is used up
	ClassAuthInvalid          // the key is wrong, expired, revoked or banned
	ClassPermission           // the key is good but may not do this
	ClassEgressBlocked        // the address or country the request came from is refused
	ClassModelNotFound        // no such model, or not for this account
	ClassContextTooLong       // more tokens than the model takes
	ClassTooLarge             // more bytes than the API takes
	ClassInvalidRequest       // the caller's mistake
	ClassContentPolicy        // refused for its content
	ClassOverloaded           // the provider has no room for anybody
	ClassTransient            // a failure that may not happen again
	ClassTimeout              // no answer in time
	ClassCanceled             // the caller went away
	ClassProxyFailed          // the proxy failed, not the provider
)

// A Scope is how far a failure reaches: what to mark with it.
type Scope uint8

// The scopes. The zero value is not known; mark nothing.
const (
	ScopeUnknown       Scope = iota
	ScopeNone                // this request only
	ScopeAccount             // everything the account does
	ScopeAccountModel        // the account's use of the model
	ScopeProviderModel       // the model, for every account of the provider
	ScopeRoute               // the way out: the proxy, its exit, the address
)

// classes has a row for each Class.
var classes = [...]struct {
	name      string
	scope     Scope // unless a rule says otherwise
	retryable bool  // may another account answer?
	waits     bool  // does it end at a time?
}{
	ClassUnknown:        {"unknown", ScopeUnknown, false, false},
	ClassOK:             {"ok", ScopeNone, false, false},
	ClassRateLimited:    {"rate limited", ScopeAccountModel, true, true},
	ClassCapacity:       {"at capacity", ScopeAccount, true, true},
	ClassQuotaExhausted: {"quota exhausted", ScopeAccount, true, true},
	ClassAuthInvalid:    {"credential refused", ScopeAccount, true, false},
	ClassPermission:     {"not permitted", ScopeAccountModel, true, false},
	ClassEgressBlocked:  {"egress blocked", ScopeRoute, true, false},
	ClassModelNotFound:  {"model not found", ScopeAccountModel, true, false},
	ClassContextTooLong: {"context too long", ScopeNone, false, false},
	ClassTooLarge:       {"too large", ScopeNone, false, false},
	ClassInvalidRequest: {"invalid request", ScopeNone, false, false},
	ClassContentPolicy:  {"content policy", ScopeNone, false, false},
	ClassOverloaded:     {"overloaded", ScopeProviderModel, true, true},
	ClassTransient:      {"transient failure", ScopeAccount, true, true},
	ClassTimeout:        {"timed out", ScopeAccount, true, false},
	ClassCanceled:       {"canceled", ScopeNone, false, false},
	ClassProxyFailed:    {"proxy failed", ScopeRoute, true, false},
}

// String returns the class in words: "rate limited".
func (c Class) String() string {
	if int(c) < len(classes) {
		return classes[c].name
	}
	return classes[ClassUnknown].name
}

// MarshalText is String, for logs and JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Retryable reports whether another account may answer the same request. It
// does not know whether the request may be sent twice: that is
// Operation.Repeatable.
func (c Class) Retryable() bool { return int(c) < len(classes) && classes[c].retryable }

var scopeNames = [...]string{
	ScopeUnknown: "unknown", ScopeNone: "none", ScopeAccount: "account",
	ScopeAccountModel: "account and model", ScopeProviderModel: "provider and model", ScopeRoute: "route",
}

// String returns the scope in words: "account and model".
func (s Scope) String() string {
	if int(s) < len(scopeNames) {
		return scopeNames[s]
	}
	return scopeNames[ScopeUnknown]
}

// A Verdict is what an answer was judged to mean.
type Verdict struct {
	Class Class
	Scope Scope // of the mark a failure leaves

	// Until is when the provider says, or is known, to answer again; zero: it
	// did not say. It is kept as it was said, up to 40 days ahead; a time that
	// is past or further off counts as not said. "At once" gives the time of
	// the answer.
	Until time.Time

	// Code is the machine's word for the failure, as the provider spells it;
	// empty: none. Printable, at most 64 characters.
	Code string

	// Message is what the provider says to people: one line, printable, at
	// most 300 characters, without keys, parts of keys, and the ids of
	// organisations and projects. For reading only: it is never parsed.
	Message string

	// Permanent says that neither waiting nor asking again will mend it: the key
	// was revoked or leaked, the account was closed. Others refused once may be
	// refused by mistake.
	Permanent bool

	// MaybeExecuted says that the provider may have done, and may bill, what
	// was asked although the answer is a failure.
	MaybeExecuted bool
}
