package balancer

import (
	"context"
	"time"

	"github.com/aitransport/aitransport/health"
)

// follower follows the changes in a store that tells them, so that it need not be asked
// for every state again and again, and rests of models become known before anybody asks
// for these.
type follower struct {
	store  health.Changer
	cursor string
	fleet  *fleet // whose subjects were looked for until the cursor

	listed map[health.Subject]bool // of a list of everything that has begun; nil: none has
	asOf   time.Time               // when that began
}

// follower is one that knows what others found out before; nil: the store does not tell.
func (t *Transport) follower() *follower {
	store, ok := t.cfg.Health.(health.Changer)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.calls.ctx, storeTimeout)
	defer cancel()
	w := &follower{store: store}
	w.follow(ctx, t)
	return w
}

// follow takes in what has changed since the last time. An error has been told to the
// hook.
func (w *follower) follow(ctx context.Context, t *Transport) {
	if f := t.fleet.Load(); f != w.fleet { // what mattered to nobody before may matter now
		w.fleet, w.cursor, w.listed = f, "", nil
	}
	for ctx.Err() == nil {
		asOf := time.Now()
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		page, err := w.store.Changes(bounded, w.cursor)
		cancel()
		if err != nil {
			t.storeError(ctx, "health", err)
			return
		}
		w.take(t, page, asOf)
		if !page.More {
			return
		}
	}
}

// take takes in one page.
func (w *follower) take(t *Transport, page health.Changes, asOf time.Time) {
	if page.Anew {
		w.listed, w.asOf = make(map[health.Subject]bool), asOf
	}
	now := time.Now()
	for _, c := range page.States {
		if w.listed != nil {
			w.listed[c.Subject] = true
		}
		t.changed(w.fleet, c, asOf, now)
	}
	if w.cursor = page.Next; w.listed == nil || page.More {
		return
	}
	for _, d := range t.domains.all() { // what is not in the list is healthy
		if !w.listed[d.subject] {
			t.noticed(d, health.State{}, w.asOf, now)
		}
	}
	w.listed = nil
}

// changed takes in a state that somebody has changed, if it matters here.
func (t *Transport) changed(f *fleet, c health.Change, asOf, now time.Time) {
	d := t.domains.get(c.Subject)
	if d == nil {
		if c.State.Phase(now) == health.PhaseClosed || !f.mayAsk(c.Subject) {
			return
		}
		d = t.domains.failing(c.Subject)
	}
	t.noticed(d, c.State, asOf, now)
	if m := f.byName[c.Subject.Name]; m != nil && c.Subject.Kind == health.KindAccountModel {
		for asked := range m.Models { // by the names that requests know it by
			if model, _ := m.models.serves(asked); model == c.Subject.Model {
				t.domains.trouble(&c.State, asked, now)
			}
		}
	}
}

// mayAsk tells whether a model is one of ours: of an account, or of a provider.
func (f *fleet) mayAsk(s health.Subject) bool {
	switch s.Kind {
	case health.KindAccountModel:
		return f.byName[s.Name] != nil
	case health.KindProviderModel:
		_, ours := f.domains[health.Subject{Kind: health.KindProvider, Name: s.Name}]
		return ours
	default:
		return false
	}
}
