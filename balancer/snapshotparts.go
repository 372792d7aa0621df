package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

// snapshot is a picture of the domain.
func (d *domain) snapshot(now time.Time) DomainSnapshot {
	return DomainSnapshot{Subject: d.subject, Name: d.subject.Name, Model: d.subject.Model, HealthSnapshot: d.health(now)}
}

// health is what is known of it, for pages.
func (d *domain) health(now time.Time) HealthSnapshot {
	s := d.state.Load()
	if s == nil {
		return HealthSnapshot{State: health.PhaseClosed.String()}
	}
	phase := s.Phase(now)
	h := HealthSnapshot{
		State: phase.String(), Reason: s.Reason, Since: s.Since, CheckedAt: s.LastCheck,
		Failures: s.Failures, Refusals: s.AuthFailures, Rests: s.Rests,
	}
	if phase != health.PhaseClosed {
		h.Cause = s.Cause.String()
	}
	if s.RestUntil.After(now) {
		h.Until = s.RestUntil
	}
	return h
}

// waysOf are the domains of accounts that are no account, each once.
func waysOf(members []*member) (ways []*domain) {
	seen := make(map[*domain]bool)
	for _, m := range members {
		for _, d := range m.domains {
			if d.subject.Kind != health.KindAccount && !seen[d] {
				seen[d] = true
				ways = append(ways, d)
			}
		}
	}
	return ways
}

// unwell are the models that are out of use: those that a person disabled, by name, and
// then the others.
func (ds *domains) unwell(now time.Time) []*domain {
	if ds.count.Load() == 0 {
		return nil
	}
	var persons, others []*domain
	ds.mu.RLock()
	for _, d := range ds.models {
		switch s := d.known(); {
		case byPerson(s):
			persons = append(persons, d)
		case s.Phase(now) != health.PhaseClosed:
			others = append(others, d)
		}
	}
	ds.mu.RUnlock()
	byName := func(a, b *domain) int {
		return cmp.Or(cmp.Compare(a.subject.Name, b.subject.Name), cmp.Compare(a.subject.Model, b.subject.Model))
	}
	slices.SortFunc(persons, byName)
	slices.SortFunc(others, byName)
	return append(persons, others...)
}

// queues are the lines in which somebody waits.
func (f *fleet) queues() []QueueSnapshot {
	list := []QueueSnapshot{}
	for _, r := range f.routes {
		at := cmp.Or(r.base, r.api.Name)
		for c := range r.crowds.all() {
			n := int(c.queue.waiting.Load())
			if n == 0 {
				continue
			}
			if i := slices.IndexFunc(list, func(q QueueSnapshot) bool { return q.At == at && q.Model == c.model }); i >= 0 {
				list[i].Waiting += n
				continue
			}
			list = append(list, QueueSnapshot{At: at, Model: c.model, Waiting: n})
		}
	}
	slices.SortFunc(list, func(a, b QueueSnapshot) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Model, b.Model)) })
	return list
}

// all are the crowds that requests are sent to now.
func (c *crowds) all() map[*crowd]bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make(map[*crowd]bool, len(c.shared))
	for _, shared := range c.shared {
		all[shared] = true
	}
	for _, p := range c.sorts {
		if apart := p.apart.Load(); apart != nil {
			all[apart] = true
		}
	}
	for _, m := range c.members {
		if alone := m.alone.Load(); alone != nil {
			all[alone] = true
		}
	}
	return all
}

// LimitSnapshot is how far a limit of an account is used, by all processes that share
// Config.Quota.
type LimitSnapshot struct {
	Limit   string    `json:"limit"`            // in words: "100 requests per 1m"
	Unit    string    `json:"unit"`             // "requests", "tokens", …
	Max     int64     `json:"max"`              // of cost in nano-USD, as the others
	Used    int64     `json:"used"`             // above Max: debt
	Left    int64     `json:"left"`             // at least 0
	EmptyAt time.Time `json:"emptyAt,omitzero"` // when all that is used now will have left the window; zero: nothing is used, or it never will by itself
}

// levelsAtOnce bounds how many accounts the quota store is asked about at the same
// time.
const levelsAtOnce = 8

// SnapshotWithLimits is Snapshot with how far each account's Limits are used. That
// asks the quota store once for each account that has any, eight at a time; the
// context bounds it. The error is the store's, or errors.ErrUnsupported for one that
// is no [quota.Inspector]; the Snapshot is good all the same, but for the Limits that
// are missing.
func (t *Transport) SnapshotWithLimits(ctx context.Context) (Snapshot, error) {
	f := t.fleet.Load()
	s, err := t.Snapshot(ctx)
	if err != nil {
		return s, err
	}
	var group errgroup.Group
	group.SetLimit(levelsAtOnce)
	for i := range s.Accounts {
		a := &s.Accounts[i]
		m := f.byName[a.Name]
		if m == nil || len(m.Limits) == 0 { // the accounts were changed just now
			continue
		}
		group.Go(func() error {
			var err error
			a.Limits, err = t.levels(ctx, m)
			return err
		})
	}
	return s, group.Wait()
}

// levels asks the quota store about one account.
func (t *Transport) levels(ctx context.Context, m *member) ([]LimitSnapshot, error) {
	inspector, ok := t.cfg.Quota.(quota.Inspector)
	if !ok {
		return nil, fmt.Errorf("balancer: the quota store is no Inspector: %w", errors.ErrUnsupported)
	}
	levels, err := inspector.Levels(ctx, m.quotaKey, m.Limits)
	if err != nil {
		return nil, fmt.Errorf("balancer: account %q: its limits: %w", m.Name, err)
	}
	list := make([]LimitSnapshot, len(levels))
	for i, l := range levels {
		list[i] = LimitSnapshot{Limit: l.Limit.String(), Unit: l.Limit.Unit.String(), Max: l.Limit.Max, Used: l.Used, Left: l.Left, EmptyAt: l.EmptyAt}
	}
	return list, nil
}
