package balancer

import (
	"context"
	"time"

	"github.com/aitransport/aitransport/health"
)

const (
	// askedFor is how long a model is looked at in the store since a request asked for
	// it last.
	askedFor = 10 * time.Minute

	// maxAsked is how many accounts one refresh looks at for that, each for one model:
	// with their providers that is one batch more of the store.
	maxAsked = 500
)

// rounds go over the models that requests lately asked for, at the accounts that may
// serve them, a part of these in each refresh: other programs may have found out that
// they rest.
type rounds struct {
	fleet *fleet
	left  []asked // of this round
}

// asked is a model that accounts may serve, by the name that requests know it by.
type asked struct {
	model   string
	members []*member
}

// next are the subjects that come next, of those that are not known yet, and the names
// that requests know their models by.
func (r *rounds) next(f *fleet, known *domains, now time.Time) (subjects []health.Subject, names []string) {
	if r.fleet != f || len(r.left) == 0 {
		r.fleet, r.left = f, f.asked(now.Add(-askedFor).UnixNano())
	}
	seen := make(map[health.Subject]bool)
	for range maxAsked {
		if len(r.left) == 0 {
			break
		}
		a := &r.left[0]
		m := a.members[0]
		model, _ := m.models.serves(a.model) // it does: it is of the crowd
		for _, s := range [...]health.Subject{m.accountModel(model), m.providerModel(model)} {
			if !seen[s] && known.get(s) == nil {
				seen[s] = true
				subjects, names = append(subjects, s), append(names, a.model)
			}
		}
		if a.members = a.members[1:]; len(a.members) == 0 {
			r.left = r.left[1:]
		}
	}
	return subjects, names
}

// asked are the models that requests asked for since then.
func (f *fleet) asked(since int64) (list []asked) {
	for _, r := range f.routes {
		list = r.crowds.asked(list, since)
	}
	return list
}

func (c *crowds) asked(list []asked, since int64) []asked {
	type one struct {
		model string
		crowd *crowd
	}
	seen := make(map[one]bool)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for s, p := range c.sorts {
		if s.model == "" || p.asked.Load() < since || seen[one{s.model, p.crowd}] {
			continue
		}
		seen[one{s.model, p.crowd}] = true
		for _, t := range p.crowd.tiers {
			list = append(list, asked{s.model, t.members})
		}
	}
	return list
}

// learnModels asks the store about subjects with models, and keeps those that are out of
// use.
func (t *Transport) learnModels(ctx context.Context, subjects []health.Subject, names []string) {
	asOf := time.Now()
	states, ok := t.load(ctx, subjects)
	if !ok {
		return
	}
	now := time.Now()
	for i, s := range states {
		if s.Phase(now) == health.PhaseClosed {
			continue
		}
		t.noticed(t.domains.failing(subjects[i]), s, asOf, now)
		t.domains.trouble(&s, names[i], now)
	}
}
