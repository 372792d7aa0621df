package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// CheckResult is what the last active check of an account by this program found. It
// holds no secret.
type CheckResult struct {
	At     time.Time      `json:"at"`               // when it began
	Health string         `json:"health"`           // ok: an answer was good, and none held against it; failed; or unknown: the answers say nothing about the account
	Probe  string         `json:"probe"`            // the last that was asked
	Class  provider.Class `json:"class"`            // what its answer means
	Status int            `json:"status,omitempty"` // 0: no answer
	Code   string         `json:"code,omitempty"`
	Reason string         `json:"reason,omitempty"`
	Proxy  string         `json:"proxy,omitempty"` // by which it left, redacted; "direct"; "": it did not leave, or it is not known

	Duration   time.Duration `json:"-"`
	DurationMs int64         `json:"durationMs"` // Duration in whole milliseconds
}

// What CheckResult.Health can say.
const (
	healthOK      = "ok"
	healthFailed  = "failed"
	healthUnknown = "unknown"
)

// examination is one active check of an account.
type examination struct {
	*checker
	m       *member
	held    []claimed // the probes it took
	started time.Time // when it had them

	last     finding
	probe    *provider.Probe // the last that was asked
	proved   []provider.Proof
	reached  bool        // an answer came by the account's way
	served   bool        // a good one did
	well     bool        // one of the answers was good, wherever it came from
	blamed   health.Kind // KindUnknown: nothing is
	outcome  health.Outcome
	judgedBy *attempt
}

// ask asks one question and draws the conclusion, as from an attempt.
func (x *examination) ask(ctx context.Context, p *provider.Probe) {
	left, first := x.Timeout-time.Since(x.started), x.probe == nil
	x.probe = p
	if err := p.Validate(); err != nil {
		x.last = finding{err: err, verdict: provider.Verdict{Class: provider.ClassInvalidRequest, Scope: provider.ScopeNone, Message: err.Error()}}
	} else {
		x.last = x.m.ask(ctx, p, maxCheckBody)
	}
	x.reached = x.reached || x.last.status != 0 && p.URL == "" // elsewhere is another way
	if x.last.verdict.Class == provider.ClassOK {
		x.well, x.served = true, x.served || p.URL == ""
		x.proved = append(x.proved, p.Proves...)
		return
	}
	cut := x.last.err != nil && x.last.status < http.StatusBadRequest && ctx.Err() != nil
	if cut && !first && left < askTimeout { // the questions before it took its time
		return
	}
	at := &attempt{member: x.m, t: x.t, model: p.Model}
	at.record.Status, at.record.Proxy = x.last.status, x.last.proxy
	if failure := (*transport.Error)(nil); errors.As(x.last.err, &failure) {
		at.record.Phase = &failure.Phase
	}
	x.judgedBy = at
	x.blamed, x.outcome = at.blame(x.last.verdict)
	if p.URL != "" && !x.ofItself() {
		x.blamed = health.KindUnknown
	}
}

// ofItself tells whether the last answer, which came from elsewhere, tells of the
// account's credential or money: all else is about that place and the way to it.
func (x *examination) ofItself() bool {
	c := x.last.verdict.Class
	return (c == provider.ClassAuthInvalid || c == provider.ClassQuotaExhausted) &&
		(x.blamed == health.KindAccount || x.blamed == health.KindAccountModel)
}

// over tells whether there is no use in asking more.
func (x *examination) over() bool {
	return x.blamed != health.KindUnknown || x.last.verdict.Class == provider.ClassCanceled
}

// conclude tells health.
func (x *examination) conclude(ctx context.Context) {
	good := health.Outcome{Kind: health.OutcomeSuccess, Free: !slices.Contains(x.proved, provider.ProvesMoney)}
	for _, d := range x.m.domains {
		switch kind := d.subject.Kind; {
		case kind == x.blamed:
			x.report(ctx, d, x.outcome)
		case x.shows(kind):
			x.report(ctx, d, good)
		default:
			x.report(ctx, d, health.Outcome{Kind: health.OutcomeNeutral})
		}
	}
	switch x.blamed {
	case health.KindAccountModel:
		x.report(ctx, x.t.domains.failing(x.m.accountModel(x.judgedBy.model)), x.outcome)
	case health.KindProviderModel:
		x.report(ctx, x.t.domains.failing(x.m.providerModel(x.judgedBy.model)), x.outcome)
	}
}

// shows tells whether the answers show that what is of this kind is well.
func (x *examination) shows(kind health.Kind) bool {
	switch {
	case kind == health.KindProxy || kind == health.KindRoute:
		return x.reached
	case x.over():
		return false
	case kind == health.KindProvider:
		return x.served
	default:
		return x.well
	}
}

// report tells health about one domain, if that is news. What many accounts share is
// blamed by one of them in an interval.
func (x *examination) report(ctx context.Context, d *domain, o health.Outcome) {
	own := d.subject.Kind == health.KindAccount
	held := x.holds(d)
	o.Started, o.Seed = x.started, d.seed
	policy := x.m.policy
	if own && x.DisableAfter > 0 && (policy.DisableAfter <= 0 || policy.DisableAfter > x.DisableAfter) {
		policy.DisableAfter = x.DisableAfter
	}
	now := time.Now()
	checked := func(s health.State) health.State {
		o := o
		switch {
		case o.Kind == health.OutcomeSuccess && own && refused(s) && !slices.Contains(x.proved, provider.ProvesCredential):
			o.Kind = health.OutcomeNeutral // that the place is reached says nothing about the credential
		case o.Kind == health.OutcomeSuccess && own && !x.served && s.Cause != health.CauseRefused && s.Cause != health.CauseExhausted:
			o.Kind = health.OutcomeNeutral // what is elsewhere knows of the credential and the money alone
		case o.Kind != health.OutcomeSuccess && o.Kind != health.OutcomeNeutral && !own && !held:
			next, mine := policy.ClaimCheck(s, x.least(), now)
			if !mine || s.Phase(now) == health.PhaseHalfOpen {
				return s
			}
			s = next
		}
		s = policy.Checked(s, o, now)
		if held && !own && s.Phase(now) != health.PhaseHalfOpen { // of what is shared the probe alone was taken
			s, _ = policy.ClaimCheck(s, 0, x.started)
		}
		return s
	}
	if known := d.known(); checked(known) == known && !held {
		return
	}
	if o.Kind != health.OutcomeNeutral {
		o.Successes, o.SuccessesSince = d.successes(time.Now())
	}
	_ = x.t.outcome(ctx, d, checked) // told to the hook
}

// refused tells whether the last word about the credential, or about money, was no. The
// count alone does not say: somebody may have reset it.
func refused(s health.State) bool { return s.AuthFailures > 0 || s.Cause == health.CauseRefused }

// record keeps the result, and logs it.
func (x *examination) record(ctx context.Context) {
	v := x.last.verdict
	if v.Class == provider.ClassCanceled { // by Close
		return
	}
	r := &CheckResult{
		At: x.started, Health: healthUnknown, Probe: x.probe.Name, Class: v.Class, Status: x.last.status,
		Code: short(v.Code), Reason: short(v.Message), Proxy: x.last.proxy, Duration: time.Since(x.started),
	}
	r.DurationMs = r.Duration.Milliseconds()
	level := slog.LevelInfo
	switch {
	case x.blamed != health.KindUnknown:
		r.Health, level = healthFailed, slog.LevelWarn
	case x.well:
		r.Health = healthOK
	}
	x.m.counters.checked.Store(r)
	attrs := []any{"provider", x.m.Provider.Name, "key", x.m.Name, "health", r.Health}
	if r.Class != provider.ClassOK {
		attrs = append(attrs, "class", r.Class.String(), "status", statusOrNone(r.Status), "code", r.Code, "reason", r.Reason)
	}
	attrs = append(attrs, "probe", r.Probe, "proxyUrl", r.Proxy, "duration", r.Duration,
		"state", x.m.domains[0].known().Phase(time.Now()).String())
	x.t.cfg.Logger.Log(ctx, level, fmt.Sprintf("Health check for provider %s at %s", x.m.Provider.Name, x.m.Provider.BaseURL), attrs...)
}

// broken ends a check below which something panicked, with v, or ended its goroutine.
// That says nothing about the account.
func (x *examination) broken(ctx context.Context, v any, stack []byte) {
	defer func() { _ = recover() }() // the log or the store once more: there is nobody left to tell
	defer x.giveBack(ctx)
	r := &CheckResult{At: x.started, Health: healthUnknown, Reason: short(x.m.whatPanicked(v)), Duration: time.Since(x.started)}
	r.DurationMs = r.Duration.Milliseconds()
	if x.probe != nil {
		r.Probe = x.probe.Name
	}
	x.m.counters.checked.Store(r)
	x.t.cfg.Logger.ErrorContext(ctx, "Health check panicked", "provider", x.m.Provider.Name, "account", x.m.Name, "health", r.Health,
		"probe", r.Probe, "reason", r.Reason, "stack", string(stack))
}
