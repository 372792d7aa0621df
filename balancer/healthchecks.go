package balancer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// HealthChecks asks accounts how they are while no request does: those that rest, that
// their health has disabled, or that have served nothing for an Interval. Each is asked
// by its own way, proxy and all, with the free probes of its provider
// (provider.Probes). Where Config.Health is shared, one program does it at a time.
//
// A check that succeeds ends a rest for failures, and enables an account that its
// health has disabled; not one that a person has disabled, nor one without money if the
// probe does not show that there is some. A rate limit is kept. What a proxy did wrong
// counts against the proxy.
type HealthChecks struct {
	Enabled      bool
	Interval     time.Duration // between two checks of one account; 0: 5 min
	Concurrency  int           // checks at the same time; 0: 4
	DisableAfter int           // errors in a row, of checks and requests together, before the account is disabled, unless its Policy says; 0: 5; negative: never

	// Probes says what an account is asked. Nil: provider.Probes, of which none uses
	// tokens. None: the account is not checked. It may be called concurrently.
	Probes func(account string, p *provider.Provider) []provider.Probe
}

const (
	defaultCheckInterval    = 5 * time.Minute
	defaultCheckConcurrency = 4
	defaultCheckFailures    = 5
)

func (h HealthChecks) withDefaults() HealthChecks {
	if h.Interval == 0 {
		h.Interval = defaultCheckInterval
	}
	if h.Concurrency == 0 {
		h.Concurrency = defaultCheckConcurrency
	}
	if h.DisableAfter == 0 {
		h.DisableAfter = defaultCheckFailures
	}
	return h
}

func (h HealthChecks) check() error {
	if h.Interval < 0 || h.Concurrency < 0 {
		return errors.New("balancer: HealthChecks.Interval or Concurrency is negative: write 0 for the default, and Enabled: false for no checks")
	}
	return nil
}

// LastCheck is what the last check of an account found.
type LastCheck struct {
	At         time.Time      `json:"at"`
	Probe      string         `json:"probe"` // the one that decided
	Class      provider.Class `json:"class"`
	Status     int            `json:"status,omitempty"` // 0: no answer
	Reason     string         `json:"reason,omitempty"` // of one that failed, for people
	DurationMs int64          `json:"durationMs"`
}

// watch checks accounts until Close. Within each interval all have their turn, spread
// over it.
func (t *Transport) watch() {
	defer t.beside.Done()
	ctx, h := t.calls.ctx, t.cfg.HealthChecks
	var (
		running sync.WaitGroup
		slots   = make(chan struct{}, h.Concurrency)
	)
	defer running.Wait()
	for ctx.Err() == nil {
		members := t.fleet.Load().members
		begun, step := time.Now(), h.Interval/time.Duration(len(members))
		for i, k := range rand.Perm(len(members)) { //nolint:gosec // to spread, not to hide
			if !until(ctx, begun.Add(step*time.Duration(i)+rand.N(max(step, 1)))) { //nolint:gosec // so is this
				return
			}
			m := members[k]
			if !t.wantsCheck(m, time.Now()) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-slots }()
				t.checkHealth(ctx, m)
			})
		}
		if !until(ctx, begun.Add(h.Interval)) {
			return
		}
	}
}

// until waits for a time, and tells whether it has come before the context ended.
func until(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// wantsCheck tells whether nobody else finds out how an account is.
func (t *Transport) wantsCheck(m *member, now time.Time) bool {
	if m.Disabled {
		return false
	}
	s := m.domains[0].known()
	if s.Disabled {
		return s.Cause != health.CausePerson
	}
	return s.Phase(now) != health.PhaseClosed || now.UnixNano()-m.counters.used.Load() >= int64(t.cfg.HealthChecks.Interval)
}

// checkHealth asks one account how it is, if no other program does.
func (t *Transport) checkHealth(ctx context.Context, m *member) {
	probes := t.probesOf(m)
	if len(probes) == 0 {
		return
	}
	policy, account := m.checkPolicy(t.cfg.HealthChecks), m.domains[0]
	mine := false
	interval := t.cfg.HealthChecks.Interval * 9 / 10 // turns are spread: the next may come a little early
	err := t.update(ctx, account, func(s health.State) health.State {
		s, mine = policy.ClaimCheck(s, interval, time.Now())
		return s
	})
	if err != nil || !mine {
		return
	}
	started := time.Now()
	f, p := m.askAll(ctx, probes)
	t.noteCheck(ctx, m, p, f)
	o := f.outcome()
	o.Started, o.Seed, o.Free = started, account.seed, !proves(probes, provider.ProvesMoney)
	now := time.Now()
	if f.verdict.Scope == provider.ScopeRoute {
		t.blameWay(ctx, m, f, o, now)
		o.Kind = health.OutcomeNeutral
	}
	books, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	_ = t.update(books, account, func(s health.State) health.State { return policy.Checked(s, o, now) }) // told to the hook
}

// probesOf is what an account is asked.
func (t *Transport) probesOf(m *member) []provider.Probe {
	if of := t.cfg.HealthChecks.Probes; of != nil {
		return of(m.Name, m.Provider)
	}
	return provider.Probes(m.Provider)
}

func (m *member) checkPolicy(h HealthChecks) health.Policy {
	policy := m.policy
	if policy.DisableAfter == 0 && h.DisableAfter > 0 {
		policy.DisableAfter = h.DisableAfter
	}
	return policy
}

// askAll asks until a probe finds fault, and returns what that found, or the last.
func (m *member) askAll(ctx context.Context, probes []provider.Probe) (f finding, p *provider.Probe) {
	for i := range probes {
		p = &probes[i]
		if f = m.ask(ctx, p, maxCheckBody); f.verdict.Class != provider.ClassOK {
			break
		}
	}
	return f, p
}

func proves(probes []provider.Probe, what provider.Proof) bool {
	for i := range probes {
		for _, p := range probes[i].Proves {
			if p == what {
				return true
			}
		}
	}
	return false
}

// outcome is what a check's finding says about the account.
func (f *finding) outcome() health.Outcome {
	v := f.verdict
	o := health.Outcome{Kind: health.OutcomeFailure, Until: v.Until, Reason: v.Message, Permanent: v.Permanent}
	switch v.Class {
	case provider.ClassOK:
		o.Kind = health.OutcomeSuccess
	case provider.ClassRateLimited, provider.ClassCapacity:
		o.Kind = health.OutcomeRest
	case provider.ClassAuthInvalid:
		o.Kind = health.OutcomeDisable
	case provider.ClassQuotaExhausted:
		o.Kind = health.OutcomeExhausted
		if !v.Until.IsZero() {
			o.Kind = health.OutcomeRest
		}
	case provider.ClassCanceled, provider.ClassInvalidRequest, provider.ClassModelNotFound, provider.ClassPermission, provider.ClassUnknown:
		o.Kind = health.OutcomeNeutral // the probe may be wrong, or may not be asked with this key
	}
	return o
}

// blameWay holds a failure on the way against the account's proxy, or its route.
func (t *Transport) blameWay(ctx context.Context, m *member, f finding, o health.Outcome, now time.Time) {
	kind := health.KindRoute
	if way := (*transport.Error)(nil); m.proxy != "" && errors.As(f.err, &way) && way.Phase != transport.PhaseTargetTLS && way.Phase != transport.PhaseProxyConnect {
		kind = health.KindProxy
	}
	for _, d := range m.domains {
		if d.subject.Kind == kind {
			o.Seed = d.seed
			_ = t.update(ctx, d, func(s health.State) health.State { return m.policy.Checked(s, o, now) }) // told to the hook
		}
	}
}

// noteCheck records and logs what a check found.
func (t *Transport) noteCheck(ctx context.Context, m *member, p *provider.Probe, f finding) {
	c := &LastCheck{
		At: time.Now(), Probe: p.Name, Class: f.verdict.Class, Status: f.status, DurationMs: f.took.Milliseconds(),
	}
	if c.Class != provider.ClassOK {
		c.Reason = f.verdict.Message
	}
	m.counters.check.Store(c)
	url := m.Provider.BaseURL
	if req, err := p.Request(ctx, m.Provider); err == nil {
		url = shown(req.URL)
	}
	args := []any{"provider", m.Provider.Name, "key", m.Name, "health", c.Class.String(), "durationMs", c.DurationMs}
	message := fmt.Sprintf("Health check for provider %s at %s", m.Provider.Name, url)
	if c.Class == provider.ClassOK {
		t.cfg.Logger.InfoContext(ctx, message, args...)
		return
	}
	t.cfg.Logger.WarnContext(ctx, message, append(args, "status", c.Status, "reason", c.Reason)...)
}
