package balancer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aitransport/aitransport/health"
)

// Enable ends an account's rest, or its being disabled by health or by a person, after
// somebody has mended what was wrong; it starts slowly. So it does with those of its
// models, which most rate limits are about, but not with a model that a person disabled.
// It does not change Account.Disabled. The error is that of a name that no account has,
// or the health store's.
func (t *Transport) Enable(ctx context.Context, account string) error {
	return t.enable(ctx, "Enable", health.Subject{Kind: health.KindAccount, Name: account})
}

// Disable takes an account out of use, for a reason that must hold no secret. Only
// Enable ends that: no success, no check, no new credential. Requests under way go on.
// Where Config.Health is shared it holds for all programs, and after a restart. The
// error is that of a name that no account has, or the health store's.
func (t *Transport) Disable(ctx context.Context, account, reason string) error {
	return t.decide(ctx, "Disable", health.Subject{Kind: health.KindAccount, Name: account}, disable(reason))
}

// EnableSubject is Enable for a proxy, a route, a provider or a model as well, by the
// Subject that the Snapshot shows.
func (t *Transport) EnableSubject(ctx context.Context, s health.Subject) error {
	return t.enable(ctx, "EnableSubject", s)
}

func (t *Transport) enable(ctx context.Context, what string, s health.Subject) error {
	if err := t.decide(ctx, what, s, health.Policy.Enable); err != nil {
		return err
	}
	return t.enableModels(ctx, s)
}

// DisableSubject is Disable for a proxy, a route, a provider or a model as well: the
// accounts that need it are passed over.
func (t *Transport) DisableSubject(ctx context.Context, s health.Subject, reason string) error {
	return t.decide(ctx, "DisableSubject", s, disable(reason))
}

// disable is what a person does who takes something out of use.
func disable(reason string) func(health.Policy, health.State, time.Time) health.State {
	return func(p health.Policy, s health.State, now time.Time) health.State { return p.Disable(s, reason, now) }
}

// ClearRest ends the rest of an account and of its models, of a model, a proxy, a route
// or a provider, also one that the provider asked for. What is disabled stays so. The
// error is that of a Subject that no account needs, or the health store's.
func (t *Transport) ClearRest(ctx context.Context, s health.Subject) error {
	if err := t.decide(ctx, "ClearRest", s, clearRest); err != nil {
		return err
	}
	return t.changeModels(ctx, s, clearRest)
}

func clearRest(p health.Policy, s health.State, now time.Time) health.State {
	switch s.Phase(now) {
	case health.PhaseOpen, health.PhaseHalfOpen:
		return p.Enable(s, now)
	default:
		return s
	}
}

// enableModels enables the models of an account, if the subject is one.
func (t *Transport) enableModels(ctx context.Context, s health.Subject) error {
	return t.changeModels(ctx, s, func(p health.Policy, s health.State, now time.Time) health.State {
		if byPerson(s) {
			return s
		}
		return p.Enable(s, now)
	})
}

// changeModels changes what is known of those models of an account that are out of use,
// if the subject is one.
func (t *Transport) changeModels(ctx context.Context, s health.Subject, f func(health.Policy, health.State, time.Time) health.State) error {
	m := t.fleet.Load().byName[s.Name]
	if s.Kind != health.KindAccount || m == nil {
		return nil
	}
	for _, d := range t.domains.unwell(time.Now()) {
		if d.subject.Kind != health.KindAccountModel || d.subject.Name != s.Name {
			continue
		}
		if err := t.update(ctx, d, func(s health.State) health.State { return f(m.policy, s, time.Now()) }); err != nil {
			return err
		}
	}
	return nil
}

// ResetErrors sets the error counts of the accounts named to zero, or of all if none
// is named: those of errors in a row, and AccountSnapshot.Failed of this process. A
// rest goes on, and so does being disabled, unless enable is given: then both end, also
// those of the account's models, but not what a person disabled. The error is that of a name that no account has (nothing
// has changed then), or of the health store: it names the accounts that are as they were,
// the first ten of them. With a context that is done it goes no further.
func (t *Transport) ResetErrors(ctx context.Context, enable bool, accounts ...string) error {
	f := t.fleet.Load()
	members := f.members
	if len(accounts) > 0 {
		members = nil
	}
	for _, name := range accounts {
		m, ok := f.byName[name]
		if !ok {
			return fmt.Errorf("balancer: ResetErrors: no account is named %q", name)
		}
		members = append(members, m)
	}
	var failed []error
	more := 0
	for _, m := range members {
		err := t.resetErrors(ctx, m, enable, len(accounts) > 0)
		switch {
		case err == nil:
			continue
		case len(failed) < maxResetErrors:
			failed = append(failed, fmt.Errorf("balancer: ResetErrors: account %q: %w", m.Name, err))
		default:
			more++
		}
		if ctx.Err() != nil {
			break
		}
	}
	if more > 0 {
		failed = append(failed, fmt.Errorf("balancer: ResetErrors: and %d other accounts", more))
	}
	return errors.Join(failed...)
}

// maxResetErrors bounds how many accounts an error of ResetErrors names.
const maxResetErrors = 10

// resetErrors is ResetErrors for one account. The store is told if the account is named,
// or there is something to reset as far as is known here.
func (t *Transport) resetErrors(ctx context.Context, m *member, enable, named bool) error {
	reset := func(s health.State) health.State {
		now := time.Now()
		if enable && !byPerson(s) && (s.Phase(now) != health.PhaseClosed) {
			return m.policy.Enable(s, now)
		}
		return m.policy.ResetCounts(s, now)
	}
	if known := m.domains[0].known(); named || reset(known) != known { // most are well
		if err := t.update(ctx, m.domains[0], reset); err != nil {
			return err
		}
	}
	if enable {
		if err := t.enableModels(ctx, m.domains[0].subject); err != nil {
			return err
		}
	}
	m.counters.recent.count.Store(0)
	return nil
}

// byPerson tells whether a person disabled it.
func byPerson(s health.State) bool { return s.Disabled && s.Cause == health.CausePerson }

// decide changes what is known of a subject as a person wants it.
func (t *Transport) decide(ctx context.Context, what string, s health.Subject, f func(health.Policy, health.State, time.Time) health.State) error {
	d, policy, err := t.known(what, s)
	if err != nil {
		return err
	}
	return t.update(ctx, d, func(s health.State) health.State { return f(policy, s, time.Now()) })
}

// known finds the domain of a subject that some account needs, and the policy for it.
func (t *Transport) known(what string, s health.Subject) (*domain, health.Policy, error) {
	f := t.fleet.Load()
	owner := s
	switch s.Kind {
	case health.KindAccount, health.KindAccountModel:
		owner = health.Subject{Kind: health.KindAccount, Name: s.Name}
		if f.byName[s.Name] == nil {
			return nil, health.Policy{}, fmt.Errorf("balancer: %s: no account is named %q", what, s.Name)
		}
	case health.KindProviderModel:
		owner = health.Subject{Kind: health.KindProvider, Name: s.Name}
	}
	hasModel := s.Kind == health.KindAccountModel || s.Kind == health.KindProviderModel
	d := f.domains[owner]
	switch {
	case hasModel != (s.Model != ""):
		return nil, health.Policy{}, fmt.Errorf("balancer: %s: %v: a Model belongs to the kinds of models, and to those only", what, s)
	case d == nil:
		return nil, health.Policy{}, fmt.Errorf("balancer: %s: no account needs the %v: Snapshot names those that there are", what, s)
	}
	policy := t.cfg.Policy
	if m := f.byName[s.Name]; m != nil && (s.Kind == health.KindAccount || s.Kind == health.KindAccountModel) {
		policy = m.policy
	}
	if hasModel {
		if d = t.domains.ofModel(s); d == nil { // it never failed here
			d = t.domains.failing(s)
		}
	}
	return d, policy, nil
}

// replacedAtOnce bounds how many accounts the health store is told of at the same time.
const replacedAtOnce = 8

// enableReplaced enables accounts whose credential is another than it was, as far as the
// health store answers in time.
func (t *Transport) enableReplaced(list []*member) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(replacedAtOnce)
	var panicked atomic.Pointer[any] // with what a store did, for whoever changes the accounts
	for _, m := range list {
		group.Go(func() error {
			defer func() {
				if v := recover(); v != nil {
					panicked.CompareAndSwap(nil, &v)
				}
			}()
			if ctx.Err() == nil { // else those before it have told that the store is mute
				_ = t.replaced(ctx, m) // told to the hook; the account stays as it was
			}
			return nil
		})
	}
	_ = group.Wait() // nil
	if v := panicked.Load(); v != nil {
		panic(*v)
	}
}

// replaced enables an account whose credential is another than it was, unless a person
// disabled it, or its credential is another once more: what disabled it may be that.
func (t *Transport) replaced(ctx context.Context, m *member) error {
	return t.update(ctx, m.domains[0], func(s health.State) health.State {
		now := t.fleet.Load().byName[m.Name]
		if byPerson(s) || now == nil || now.identity != m.identity {
			return s
		}
		return m.policy.Enable(s, time.Now())
	})
}
