package balancer

import (
	"context"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/health"
)

// Enable puts an account into use again, after somebody has mended what was wrong: it
// ends its rest, or its being disabled by its health or by Disable. Account.Disabled is
// for SetAccounts to change. The error is that of a name that no account has, or the
// health store's.
func (t *Transport) Enable(ctx context.Context, account string) error {
	m, err := t.named("Enable", account)
	if err != nil {
		return err
	}
	return t.enable(ctx, m)
}

func (t *Transport) enable(ctx context.Context, m *member) error {
	return t.update(ctx, m.domains[0], func(s health.State) health.State { return m.policy.Enable(s, time.Now()) })
}

// Disable takes an account out of use until somebody enables it: no success and no
// health check does. Requests under way go on. The reason is for people, and is shown in
// errors and in Snapshot; it must not hold a secret. The errors are those of Enable.
func (t *Transport) Disable(ctx context.Context, account, reason string) error {
	m, err := t.named("Disable", account)
	if err != nil {
		return err
	}
	return t.update(ctx, m.domains[0], func(s health.State) health.State { return m.policy.Disable(s, reason, time.Now()) })
}

// ClearRest ends the rests of an account and of its models, whatever they are for, but
// enables nothing that is disabled. The errors are those of Enable.
func (t *Transport) ClearRest(ctx context.Context, account string) error {
	m, err := t.named("ClearRest", account)
	if err != nil {
		return err
	}
	own := func(d *domain) bool {
		return d.subject.Name == m.Name && (d.subject.Kind == health.KindAccount || d.subject.Kind == health.KindAccountModel)
	}
	return t.clear(ctx, m.policy, own)
}

// ClearWay ends the rest of what Snapshot.Ways names: a proxy, a route, a provider, or
// a model at a provider. The error is that of a subject that none of the accounts has,
// or the health store's.
func (t *Transport) ClearWay(ctx context.Context, s health.Subject) error {
	found := false
	err := t.clear(ctx, t.cfg.Policy, func(d *domain) bool {
		found = found || d.subject == s
		return d.subject == s
	})
	if err == nil && !found {
		err = fmt.Errorf("balancer: ClearWay: no account has to do with %s", s)
	}
	return err
}

// clear ends the rests of domains, and returns the first error.
func (t *Transport) clear(ctx context.Context, policy health.Policy, which func(*domain) bool) (first error) {
	for _, d := range t.domains.all() {
		if !which(d) {
			continue
		}
		err := t.update(ctx, d, func(s health.State) health.State {
			if s.Disabled {
				return s
			}
			return policy.Enable(s, time.Now())
		})
		if first == nil {
			first = err
		}
	}
	return first
}

// ResetErrors sets the error counts of accounts to zero, and nothing else: a rest goes
// on, and what is disabled stays so. With enable they are put into use as well, as by
// Enable. Without a name it does so for all accounts. The errors are those of Enable;
// the accounts before have been reset then.
func (t *Transport) ResetErrors(ctx context.Context, enable bool, accounts ...string) error {
	var members []*member
	for _, name := range accounts {
		m, err := t.named("ResetErrors", name)
		if err != nil {
			return err
		}
		members = append(members, m)
	}
	if len(accounts) == 0 {
		members = t.fleet.Load().members
	}
	for _, m := range members {
		err := t.update(ctx, m.domains[0], func(s health.State) health.State {
			if enable {
				return m.policy.Enable(s, time.Now())
			}
			return m.policy.ResetCounts(s, time.Now())
		})
		if err != nil {
			return err
		}
		m.counters.failed.Store(0)
	}
	return nil
}

// named is the account of a name.
func (t *Transport) named(what, account string) (*member, error) {
	m, ok := t.fleet.Load().byName[account]
	if !ok {
		return nil, fmt.Errorf("balancer: %s: no account is named %q", what, account)
	}
	return m, nil
}
