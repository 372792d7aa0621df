package balancer

import (
	"context"
	"log/slog"
	"time"

	"github.com/aitransport/aitransport/health"
)

// read asks the store for the states of domains, and tells whether it answered. A broken
// one rests nobody: a request that fails is found out anyway, one that is never made is
// not.
func (t *Transport) read(ctx context.Context, list []*domain) (ok bool) {
	for len(list) > 0 {
		part := list[:min(len(list), readBatch)]
		list = list[len(part):]
		subjects := make([]health.Subject, len(part))
		for i, d := range part {
			subjects[i] = d.subject
		}
		asOf := time.Now()
		states, ok := t.load(ctx, subjects)
		if !ok {
			return false
		}
		now := time.Now()
		for i, d := range part {
			t.noticed(d, states[i], asOf, now)
		}
	}
	return true
}

// load is the store's Load, within bounds. An error has been told to the hook.
func (t *Transport) load(ctx context.Context, subjects []health.Subject) (states []health.State, ok bool) {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	states, err := t.cfg.Health.Load(bounded, subjects)
	if err != nil {
		t.storeError(ctx, "health", err)
		return nil, false
	}
	return states, true
}

// noticed takes in a state that the store had at a time: what another program changed is
// told at Debug.
func (t *Transport) noticed(d *domain, s health.State, asOf, now time.Time) {
	old := d.known()
	t.takeIn(d, s, asOf, now)
	t.tell(context.Background(), slog.LevelDebug, d.subject, old, d.known(), now)
}

// update changes a domain in the store. An error has been told to the hook.
func (t *Transport) update(ctx context.Context, d *domain, f func(health.State) health.State) error {
	return t.updateAt(ctx, slog.LevelInfo, d, f)
}

// updateAt is update that tells of a turn at the level.
func (t *Transport) updateAt(ctx context.Context, level slog.Level, d *domain, f func(health.State) health.State) error {
	asOf, seen, old := time.Now(), d.state.Load(), d.known()
	var before health.State // of this change
	s, err := t.cfg.Health.Update(ctx, d.subject, func(s health.State) health.State {
		before = s
		return f(s)
	})
	if err != nil {
		t.storeError(ctx, "health", err)
		return err
	}
	now := time.Now()
	if d.relearn(seen, s, now) {
		t.wake(d.subject)
	}
	t.takeIn(d, s, asOf, now)
	if !t.tell(ctx, level, d.subject, before, s, now) {
		t.tell(ctx, slog.LevelDebug, d.subject, old, d.known(), now)
	}
	return nil
}

// wake makes accounts ready again that waited for a domain.
func (t *Transport) wake(s health.Subject) {
	f := t.fleet.Load()
	if f == nil {
		return
	}
	if s.Kind == health.KindAccount || s.Kind == health.KindAccountModel {
		if m := f.byName[s.Name]; m != nil {
			m.counters.wake()
		}
		return
	}
	for _, m := range f.members {
		m.counters.wake()
	}
}
