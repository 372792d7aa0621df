package balancer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// attempt is one try of a request at one account. It holds the account's slot and
// reservation from take to end.
type attempt struct {
	*member
	t     *Transport
	r     *Request
	model string // as it is sent
	takes *move  // its session goes with it if it is preferred to another attempt; nil: or not

	body answer // if it is a good one
	base string // of the place where its things are remembered

	probing     bool    // it has the probe of one of checks, and nothing is known yet
	checks      []check // the domains that mattered when it was chosen
	few         [6]check
	resort      bool              // it rests, and is tried for want of others
	reservation quota.Reservation // the zero one: no limits
	record      Attempt
	started     time.Time
	askedUsage  bool // of a stream, for ourselves
	ended       sync.Once
	needless    bool                // another answered first: it has not failed
	spared      bool                // its token was refused, and renewed for the next request
	heard       atomic.Bool         // the first byte of the answer's body has come
	waits       atomic.Int64        // when the request had been sent, as UnixNano; 0: it was not, or nobody told
	hides       func(string) string // the tokens that were sent, unless the account has but one; nil: none
	unrenewed   error               // why the token that the answer refuses could not be renewed; nil: it was not tried

	mu     sync.Mutex // a layer may send twice at the same time: guards way
	way    taken
	told   transport.Trace
	closed bool // the transport no longer tells
}

// taken is the way that the transport told of.
type taken struct {
	proxy    *transport.Proxy
	known    bool // the proxy is; nil: direct
	fallback string
	retries  int
}

// storeTimeout bounds the books that are kept after a request has ended.
const storeTimeout = 5 * time.Second

// send addresses, authorizes and sends the request. The context ends the attempt.
func (at *attempt) send(ctx context.Context) (*http.Response, error) {
	at.started = time.Now()
	at.record = Attempt{
		Request: at.r.number, Account: at.Name, Provider: at.Provider.Name,
		Model: at.model, Start: at.started,
	}
	resp, token, err := at.once(ctx, at.token)
	if err == nil && at.refused(resp) {
		return at.renewed(ctx, resp, token)
	}
	return resp, err
}

// once sends the request with the token that get yields.
func (at *attempt) once(ctx context.Context, get func(context.Context) (string, error)) (resp *http.Response, token string, err error) {
	out, token, err := at.request(ctx, get)
	if err != nil {
		return nil, "", err
	}
	at.record.URL, at.record.RequestBytes = at.counters.shown(out.URL), out.ContentLength
	resp, err = sound(at.rt.RoundTrip(out))
	return resp, token, err
}

// keepContract is sound as a layer.
func keepContract(next http.RoundTripper) http.RoundTripper {
	return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) { return sound(next.RoundTrip(r)) })
}

// sound makes up for round trippers that do not keep their contract.
func sound(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil && resp != nil && resp.Body != nil:
		_ = resp.Body.Close()
		return nil, err
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("a round tripper returned neither an answer nor an error")
	}
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	return resp, nil
}

// request is the caller's request as this account sends it, with the token that get
// yields.
func (at *attempt) request(ctx context.Context, get func(context.Context) (string, error)) (out *http.Request, token string, err error) {
	out = at.r.in.WithContext(transport.WithTrace(ctx, at.trace()))
	out.Header, out.Trailer = provider.WithoutCredentials(at.r.in.Header), provider.WithoutCredentials(at.r.in.Trailer)
	if err := at.Provider.Address(out, at.r.rest); err != nil {
		return nil, "", &prepareError{err}
	}
	body := at.r.body
	if at.model != at.r.Operation.Model {
		var err error
		if body, err = at.rename(out); err != nil {
			return nil, "", &prepareError{err}
		}
	}
	body = at.askUsage(out, body)
	if at.Provider.Rewrite != nil {
		if err := at.Provider.Rewrite(out, at.r.Operation); err != nil {
			return nil, "", &prepareError{err}
		}
	}
	if at.Provider.Rewrite != nil || out.URL.RawQuery != "" || out.URL.User != nil { // else there are none
		provider.StripCredentials(out)
	}
	for name, values := range at.Header {
		out.Header[name] = slices.Clone(values)
	}
	if header(out.Header, "Accept-Encoding") != "" {
		out.Header.Set("Accept-Encoding", "identity") // usage and errors are read on the way
	}
	if token, err = get(ctx); err != nil {
		return nil, "", &credentialError{err}
	}
	if !at.static {
		at.hides = masking(token, at.hides)
	}
	if err := at.authorize(out, token); err != nil {
		return nil, "", &credentialError{err}
	}
	if err := at.r.attach(out, body); err != nil {
		return nil, "", &prepareError{err}
	}
	return out, token, nil
}

// mask hides the credential in a text, should anybody quote it.
func (at *attempt) mask(text string) string {
	switch {
	case text == "":
	case at.static:
		if token, err := at.credential.Token(context.Background()); err == nil && len(token) >= minMasked {
			return strings.ReplaceAll(text, token, "***")
		}
	case at.hides != nil:
		return at.hides(text)
	}
	return text
}

// minMasked is the shortest credential that is looked for: a shorter one would be
// found in every other word.
const minMasked = 4

// masking hides a credential in texts, and what another mask hides, unless that is
// nil. It lives in a closure, so that no printer can reach it.
func masking(token string, other func(string) string) func(string) string {
	if other == nil {
		other = func(s string) string { return s }
	}
	if len(token) < minMasked {
		return other
	}
	return func(s string) string { return strings.ReplaceAll(other(s), token, "***") }
}

// trace notes the way that the transport took.
func (at *attempt) trace() *transport.Trace {
	at.told = transport.Trace{GotAgent: at.gotAgent, Retry: at.retried, Fallback: at.fellBack}
	if at.r.Operation.Stream { // it may be left for its silence
		at.told.Phase = at.reached
	}
	return &at.told
}

func (at *attempt) gotAgent(i transport.AgentInfo) {
	at.mu.Lock()
	defer at.mu.Unlock()
	if !at.closed {
		at.way.proxy = i.Proxy
		at.way.known = true
	}
}

func (at *attempt) reached(p transport.Phase) {
	if p == transport.PhaseWait {
		at.waits.Store(time.Now().UnixNano())
	}
}

func (at *attempt) retried(*transport.Error) {
	at.mu.Lock()
	defer at.mu.Unlock()
	if !at.closed {
		at.way.retries++
	}
}

func (at *attempt) fellBack(e *transport.Error) {
	at.mu.Lock()
	defer at.mu.Unlock()
	if !at.closed {
		at.way.fallback = e.Error()
	}
}

// arrive closes the books on the way: the attempt was answered, or failed.
func (at *attempt) arrive() {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.closed = true
	if at.way.known {
		at.record.Proxy = at.way.proxy.String()
	}
	at.record.Fallback, at.record.Retries = at.way.fallback, at.way.retries
}

// prepareError is a request that could not be made for this account.
type prepareError struct{ error }

func (e *prepareError) Unwrap() error { return e.error }

// credentialError is a credential that could not be had.
type credentialError struct{ error }

func (e *credentialError) Error() string { return "no credential: " + e.error.Error() }
func (e *credentialError) Unwrap() error { return e.error }

// fail ends an attempt that was left. What has failed for the request before is
// not blamed again.
func (at *attempt) fail(v provider.Verdict, used quota.Amount, failed map[health.Subject]bool) {
	at.ended.Do(func() {
		defer at.finish(&used)
		at.conclude(v, failed)
		at.note(v)
	})
}

// succeed ends an attempt whose answer the caller has read, or left.
func (at *attempt) succeed(v provider.Verdict, u provider.Usage) {
	at.ended.Do(func() {
		used := quota.Amount{Requests: 1, InputTokens: u.Input, OutputTokens: u.Output}
		defer at.finish(&used)
		at.record.Usage, at.record.Answered = u, true
		at.record.Cost, at.record.CostKnown = at.cost(u)
		used.Cost = at.record.Cost
		if v.Class == provider.ClassOK {
			at.used(at.record.Status)
		}
		at.conclude(v, nil)
		at.note(v)
	})
}

// books is the context in which books are kept: the caller may have gone. What stays
// in memory needs no time limit.
func (at *attempt) books(inMemory bool) (context.Context, context.CancelFunc) {
	return at.t.books(at.r.in.Context(), inMemory)
}

func (t *Transport) books(callers context.Context, inMemory bool) (context.Context, context.CancelFunc) {
	if inMemory {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.WithoutCancel(callers), storeTimeout)
}

// note writes the verdict into the record and, for a failure, a line in the log.
func (at *attempt) note(v provider.Verdict) {
	at.record.Class, at.record.Code, at.record.MaybeExecuted = v.Class, v.Code, v.MaybeExecuted
	if v.Class == provider.ClassOK {
		return
	}
	at.record.Reason = v.Message
	at.counters.recent.add(AttemptError{Model: at.record.Model, Class: v.Class, Status: at.record.Status, Code: v.Code, Reason: v.Message})
	attrs := []any{
		"request", at.r.number, "provider", at.record.Provider, "account", at.record.Account,
		"model", short(at.record.Model), "url", short(at.record.URL), "status", statusOrNone(at.record.Status),
		"class", v.Class.String(), "code", short(v.Code), "retryable", v.Class.Retryable(),
		"proxyUrl", at.record.Proxy, "reason", short(v.Message),
	}
	if at.record.Phase != nil {
		attrs = append(attrs, "phase", at.record.Phase.String())
	}
	if at.needless {
		at.t.cfg.Logger.DebugContext(at.r.in.Context(), "Attempt not needed", attrs...)
		return
	}
	at.t.cfg.Logger.WarnContext(at.r.in.Context(), "Attempt failed", attrs...)
}

// statusOrNone is a status for the log.
func statusOrNone(status int) any {
	if status == 0 {
		return "none"
	}
	return status
}

// report tells health what an attempt says about one domain. A store is written only
// if that changes anything.
func (at *attempt) report(k *check, o health.Outcome) {
	if !k.claim && o.Kind == health.OutcomeSuccess && k.state.Load() == nil { // as nearly always
		k.succeeded()
		return
	}
	o.Started, o.Seed = at.started, k.seed
	now, policy := time.Now(), at.policy // the attempt may be gone when the store is told
	known := k.known()
	if !k.claim && at.policy.Apply(known, o, now) == known {
		if o.Kind == health.OutcomeSuccess {
			k.succeeded()
		}
		return
	}
	k.claim = false
	if o.Kind != health.OutcomeNeutral {
		o.Successes, o.SuccessesSince = k.successes(now)
	}
	ctx, cancel := at.books(at.t.healthInMemory)
	defer cancel()
	_ = at.t.outcome(ctx, k.domain, func(s health.State) health.State { return policy.Apply(s, o, now) }) // told to the hook
	if asked := at.r.Operation.Model; k.subject.Model != "" && asked != k.subject.Model {
		s := k.known()
		at.t.domains.trouble(&s, asked, now) // by the name that requests know it by
	}
}
