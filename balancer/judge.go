package balancer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

const (
	// capacityRest is how long an account that is busy for a moment is left alone.
	capacityRest = time.Second
	// quotaRest is how long an account without money is left alone before a request
	// finds out whether somebody has paid, if the provider does not say.
	quotaRest = time.Hour
	// missingRest is how long an account is not asked for a model that it refused.
	missingRest = 5 * time.Minute
)

// judge says what an attempt's answer or error means. The answer's body stays whole
// for the caller.
func (at *attempt) judge(ctx context.Context, resp *http.Response, err error) provider.Verdict {
	at.arrive()
	v := at.judgeAnswer(ctx, resp, err)
	v.Message, v.Code = at.mask(v.Message), at.mask(v.Code)
	return v
}

func (at *attempt) judgeAnswer(ctx context.Context, resp *http.Response, err error) provider.Verdict {
	if err != nil {
		return at.judgeError(ctx, err)
	}
	at.record.Status = resp.StatusCode
	at.counters.told(at.rateLimits(resp.Header, time.Now()))
	if at.unrenewed != nil {
		return at.judgeError(ctx, at.unrenewed)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return provider.Verdict{Class: provider.ClassOK}
	}
	head, truncated := peek(resp)
	at.record.AnswerBytes = int64(len(head))
	v := at.classify(provider.Answer{
		Op: at.r.Operation, Status: resp.StatusCode, Header: resp.Header,
		Body: head, Truncated: truncated, At: time.Now(),
	})
	if at.spared {
		v.Scope = provider.ScopeNone
	}
	if at.r.in.Method == http.MethodHead && resp.StatusCode < http.StatusInternalServerError && v.Class != provider.ClassAuthInvalid {
		v.Scope = provider.ScopeNone // it has no body to say why
	}
	if v.Class == provider.ClassTransient || v.Class == provider.ClassTimeout {
		v.MaybeExecuted = true // it broke while it worked on it
	}
	return v
}

// judgeError judges an attempt without an answer, or an answer that broke off.
func (at *attempt) judgeError(ctx context.Context, err error) provider.Verdict {
	v := provider.Verdict{Class: provider.ClassTransient, Scope: provider.ScopeAccount, Message: err.Error(), MaybeExecuted: true}
	var (
		prepare    *prepareError
		credential *credentialError
		failure    *transport.Error
	)
	if errors.As(err, &failure) {
		at.record.Phase = &failure.Phase
		v.MaybeExecuted = failure.Sent != transport.SentNo
	}
	asked := !errors.As(err, &prepare) && !errors.As(err, &credential)
	v.MaybeExecuted = v.MaybeExecuted && asked
	switch late := isOurs(err); {
	case at.callerGone():
		v.Class, v.Scope = provider.ClassCanceled, provider.ScopeNone
		if errors.Is(at.r.in.Context().Err(), context.DeadlineExceeded) {
			v.Class = provider.ClassTimeout
		}
	case late && failure != nil && failure.Sent == transport.SentNo: // it never got there in time
		v.Class, v.Scope = judgePhase(failure)
	case late:
		v.Class = provider.ClassTimeout
		if errors.Is(err, errSilent) { // with other models it may be as fast as ever
			v.Scope = provider.ScopeAccountModel
		}
	case ctx.Err() != nil || errors.Is(err, transport.ErrClosed): // Close
		v.Class, v.Scope = provider.ClassCanceled, provider.ScopeNone
	case prepare != nil: // another account may not need what could not be done for this one
		v.Class, v.Scope = provider.ClassModelNotFound, provider.ScopeNone
	case credential != nil:
		var proxy string
		if v, proxy = judgeCredential(v, credential); proxy != "" {
			at.record.Proxy = proxy
		}
	case failure != nil:
		v.Class, v.Scope = judgePhase(failure)
	case at.probe != nil: // ours says *transport.Error, unless the request itself is wrong
		v.Class, v.Scope, v.MaybeExecuted = provider.ClassInvalidRequest, provider.ScopeNone, false
	}
	return v
}

// callerGone tells whether the caller gave up, or could not read out its own body.
func (at *attempt) callerGone() bool {
	return at.r.in.Context().Err() != nil || at.r.broken != nil && at.r.broken.failed.Load()
}

// judgePhase tells whose fault a failure on the way is.
func judgePhase(e *transport.Error) (provider.Class, provider.Scope) {
	switch e.Phase {
	case transport.PhaseDialProxy, transport.PhaseProxyTLS, transport.PhaseProxyHandshake, transport.PhaseProxyConnect:
		return provider.ClassProxyFailed, provider.ScopeRoute
	case transport.PhaseProxyAuth: // the account's own user name and password
		return provider.ClassProxyFailed, provider.ScopeAccount
	case transport.PhaseDNS, transport.PhaseTargetTLS, transport.PhaseDialTarget:
		if e.Proxy != nil {
			return provider.ClassProxyFailed, provider.ScopeRoute
		}
		return provider.ClassTransient, provider.ScopeRoute
	case transport.PhaseUnknown:
		return provider.ClassTransient, provider.ScopeRoute
	}
	if e.Timeout() {
		return provider.ClassTimeout, provider.ScopeAccount
	}
	return provider.ClassTransient, provider.ScopeAccount
}

// conclude tells health what an attempt says about each domain that mattered. One
// request counts against a domain once, however many of its attempts met it.
func (at *attempt) conclude(v provider.Verdict, failed map[health.Subject]bool) {
	blamed, outcome := at.blame(v)
	at.blameModel(blamed)
	for i := range at.checks {
		k := &at.checks[i]
		kind := k.subject.Kind
		if kind == health.KindProvider && kind != blamed && isOutage(v.Class) && failed != nil {
			failed[k.subject] = true // for this request others are better
		}
		onWay := kind == health.KindProxy || kind == health.KindRoute
		switch {
		case kind == blamed && !failed[k.subject]:
			at.report(k, outcome)
			if failed != nil {
				failed[k.subject] = true
			}
		case kind != blamed && (v.Class == provider.ClassOK || onWay && at.record.Status != 0): // any answer proves the way
			at.report(k, health.Outcome{Kind: health.OutcomeSuccess, Free: at.r.Operation.Kind.Free()})
		case k.claim:
			at.report(k, health.Outcome{Kind: health.OutcomeNeutral})
		}
	}
}

// isOutage tells whether a failure may be all of the provider's, and not the account's
// alone.
func isOutage(c provider.Class) bool {
	return c == provider.ClassTransient || c == provider.ClassOverloaded || c == provider.ClassTimeout
}

// blameModel adds the domain of the model that is to blame, if it had none yet: those
// that never failed are not kept.
func (at *attempt) blameModel(kind health.Kind) {
	var s health.Subject
	switch kind {
	case health.KindAccountModel:
		s = at.accountModel(at.model)
	case health.KindProviderModel:
		s = at.providerModel(at.model)
	default:
		return
	}
	if !slices.ContainsFunc(at.checks, func(k check) bool { return k.subject == s }) {
		at.checks = append(at.checks, check{domain: at.t.domains.failing(s)})
	}
}

// blame finds the kind of subject that a verdict counts against, and how.
// KindUnknown: none of them.
func (at *attempt) blame(v provider.Verdict) (health.Kind, health.Outcome) {
	o := health.Outcome{Kind: health.OutcomeFailure, Until: v.Until, Reason: v.Message}
	switch v.Class {
	case provider.ClassOK, provider.ClassUnknown, provider.ClassCanceled, provider.ClassInvalidRequest,
		provider.ClassContextTooLong, provider.ClassTooLarge, provider.ClassContentPolicy:
		return health.KindUnknown, o
	case provider.ClassRateLimited:
		o.Kind = health.OutcomeRest
	case provider.ClassCapacity:
		rest(&o, capacityRest)
	case provider.ClassPermission, provider.ClassModelNotFound:
		if at.model == "" { // about a file, say, or a field we cannot read: it tells nothing of the account
			return health.KindUnknown, o
		}
		if v.Class == provider.ClassModelNotFound || v.Permanent {
			rest(&o, missingRest)
		} // else it may be about this request: one that every account refuses must not put them all out of use
	case provider.ClassQuotaExhausted:
		rest(&o, quotaRest)
		if v.Until.IsZero() {
			o.Kind, o.Permanent = health.OutcomeExhausted, v.Permanent
		}
	case provider.ClassAuthInvalid:
		o.Kind, o.Permanent = health.OutcomeDisable, v.Permanent
	default:
		if !v.Until.IsZero() { // it says when to come back; other accounts it did not tell
			o.Kind = health.OutcomeRest
			if v.Scope == provider.ScopeProviderModel {
				v.Scope = provider.ScopeAccountModel
			}
		}
	}
	return at.blamedKind(v), o
}

// blamedKind is the kind of subject that a verdict's scope means here.
func (at *attempt) blamedKind(v provider.Verdict) health.Kind {
	hasModel := at.model != ""
	switch v.Scope {
	case provider.ScopeAccount:
		return health.KindAccount
	case provider.ScopeAccountModel:
		if hasModel {
			return health.KindAccountModel
		}
		return health.KindAccount
	case provider.ScopeProviderModel:
		if hasModel {
			return health.KindProviderModel
		}
		return health.KindProvider
	case provider.ScopeRoute:
		return at.blamedWay()
	default:
		return health.KindUnknown
	}
}

// blamedWay tells a proxy that does not work from one that does not reach this
// origin.
func (at *attempt) blamedWay() health.Kind {
	viaProxy := at.record.Proxy != "" && at.record.Proxy != proxyDirect
	switch {
	case viaProxy && at.proxy != "" && at.record.Phase != nil && *at.record.Phase != transport.PhaseTargetTLS && *at.record.Phase != transport.PhaseProxyConnect:
		return health.KindProxy
	default:
		return health.KindRoute
	}
}

// rest makes an outcome a rest of at least that long.
func rest(o *health.Outcome, d time.Duration) {
	o.Kind = health.OutcomeRest
	if o.Until.IsZero() {
		o.Until = time.Now().Add(d)
	}
}
