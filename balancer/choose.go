package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

// candidate is an account that may serve a request, as far as is known without
// taking anything.
type candidate struct {
	*member
	model  string // as it is sent
	checks []check
	claim  bool // one of the checks wants its probe claimed
}

// check is what health knew about a subject when the account was chosen.
type check struct {
	subject health.Subject
	state   health.State
	claim   bool
}

// tier are candidates of one priority; it is what a Picker sees.
type tier []*candidate

func (t tier) Len() int           { return len(t) }
func (t tier) At(i int) Candidate { return t[i].candidate() }

// choose finds an account for one attempt and takes what it needs: the quota, and
// the probe of what was resting. Nothing is taken from those it passes over.
func (t *Transport) choose(ctx context.Context, s *serving) (*attempt, error) {
	var passed passedOver
	r := s.Request
	candidates := t.candidates(ctx, r, s.tried, &passed)
	// What shares a proxy, a route or a model with what has failed for this request
	// already comes last, whatever its priority.
	slices.SortStableFunc(candidates, func(a, b *candidate) int { return cmp.Compare(a.met(s.failed), b.met(s.failed)) })
	for len(candidates) > 0 {
		first := candidates[0]
		n := slices.IndexFunc(candidates, func(c *candidate) bool {
			return c.Priority != first.Priority || c.met(s.failed) != first.met(s.failed)
		})
		if n < 0 {
			n = len(candidates)
		}
		if at := t.pick(ctx, r, candidates[:n:n], &passed); at != nil {
			return at, nil
		}
		candidates = candidates[n:]
	}
	if ctx.Err() != nil {
		return nil, &Error{Err: context.Cause(ctx)}
	}
	if len(r.route.members) == 0 {
		passed.add("all accounts at "+r.route.base, "disabled by configuration", time.Time{})
	}
	return nil, &Error{RetryAt: passed.retryAt, Err: passed.err()}
}

// met counts the subjects that matter for a candidate and have failed.
func (c *candidate) met(failed map[health.Subject]bool) int {
	n := 0
	for i := range c.checks {
		if failed[c.checks[i].subject] {
			n++
		}
	}
	return n
}

// candidates are the accounts that serve the request and do not rest, by priority.
func (t *Transport) candidates(ctx context.Context, r *Request, tried []*member, passed *passedOver) []*candidate {
	var (
		found    []*candidate
		subjects []health.Subject
	)
	for _, m := range r.route.members {
		model, reason := m.suits(r)
		if slices.Contains(tried, m) {
			reason = "already tried"
		}
		if reason != "" {
			passed.add(m.Name, reason, time.Time{})
			continue
		}
		c := &candidate{member: m, model: model}
		for _, s := range m.subjects(model) {
			c.checks = append(c.checks, check{subject: s})
			subjects = append(subjects, s)
		}
		found = append(found, c)
	}
	states := t.load(ctx, subjects)
	now := time.Now()
	return slices.DeleteFunc(found, func(c *candidate) bool {
		for i := range c.checks {
			c.checks[i].state, states = states[0], states[1:]
		}
		return !c.allowed(now, passed)
	})
}

// suits tells why an account cannot serve a request, whatever its health, or under
// which name it serves the model.
func (m *member) suits(r *Request) (model, reason string) {
	model, ok := m.models.serves(r.Operation.Model)
	switch {
	case r.Hint.Account != "" && r.Hint.Account != m.Name:
		return "", "not the account asked for"
	case r.Hint.Group != "" && !slices.Contains(m.Groups, r.Hint.Group):
		return "", "not in the group asked for"
	case !m.serves(r.Operation.Kind):
		return "", m.refuses(r.Operation.Kind)
	case !ok:
		return "", fmt.Sprintf("does not serve the model %.100q", r.Operation.Model)
	case !m.pricing.admits(m.Provider, model, r):
		return "", fmt.Sprintf("has a limit of cost, and Config.Prices does not know the price of %.100q at %q", model, m.Provider.Name)
	default:
		return model, ""
	}
}

var errStates = errors.New("the health store returned another number of states than asked for")

// load asks the health store. A broken one rests nobody: a request that fails is
// found out anyway, one that is never made is not.
func (t *Transport) load(ctx context.Context, subjects []health.Subject) []health.State {
	if len(subjects) == 0 {
		return nil
	}
	states, err := t.cfg.Health.Load(ctx, subjects)
	if err == nil && len(states) != len(subjects) {
		err = errStates
	}
	if err != nil {
		t.storeError(ctx, "health", err)
		return make([]health.State, len(subjects))
	}
	return states
}

// allowed tells whether all that matters for the candidate may be used.
func (c *candidate) allowed(now time.Time, passed *passedOver) bool {
	for i := range c.checks {
		k := &c.checks[i]
		verdict := c.policy.Allow(k.state, now)
		switch verdict.Decision {
		case health.DecisionYes:
		case health.DecisionClaim:
			k.claim, c.claim = true, true
		default:
			reason := k.subject.String() + " rests"
			if k.state.Disabled {
				reason = k.subject.String() + " is disabled"
			}
			if k.state.Reason != "" {
				reason += ": " + k.state.Reason
			}
			passed.add(c.Name, reason, verdict.Until)
			return false
		}
	}
	return true
}

// pick asks the Picker until an account is found that can be taken.
func (t *Transport) pick(ctx context.Context, r *Request, from tier, passed *passedOver) *attempt {
	from = slices.Clone(from)
	for len(from) > 0 && ctx.Err() == nil {
		i := t.cfg.Picker.Pick(ctx, r, from)
		if i < 0 || i >= len(from) {
			for _, c := range from {
				passed.add(c.Name, "the Picker wanted none", time.Time{})
			}
			return nil
		}
		if at := t.take(ctx, r, from[i], passed); at != nil {
			return at
		}
		from = slices.Delete(from, i, i+1)
	}
	return nil
}

// take reserves an account's quota and claims the probes it needs, or gives all of
// it back.
func (t *Transport) take(ctx context.Context, r *Request, c *candidate, passed *passedOver) *attempt {
	at := &attempt{t: t, r: r, candidate: c}
	if len(c.Limits) > 0 {
		res, err := t.cfg.Quota.Reserve(ctx, quotaKey(c.Name), c.Limits, quota.Amount{Requests: 1}, t.cfg.ttl())
		var full *quota.ExceededError
		switch {
		case errors.As(err, &full):
			passed.add(c.Name, full.Error(), full.RetryAt)
			return nil
		case err != nil:
			t.storeError(ctx, "quota", err)
			passed.add(c.Name, "its quota cannot be asked", time.Time{})
			return nil
		}
		at.reservation = &res
	}
	if c.claim && !at.claimProbes(ctx, passed) {
		at.settle(quota.Amount{})
		return nil
	}
	c.counters.inFlight.Add(1)
	return at
}

// quotaKey is the account's key in the quota store.
func quotaKey(account string) string { return "account/" + account }

// claimProbes takes the probes of what was resting: one request at a time may try.
func (at *attempt) claimProbes(ctx context.Context, passed *passedOver) bool {
	for i := range at.checks {
		k := &at.checks[i]
		if !k.claim {
			continue
		}
		mine := false
		state, err := at.t.cfg.Health.Update(ctx, k.subject, func(s health.State) health.State {
			s, mine = at.policy.Claim(s, time.Now())
			return s
		})
		if err != nil { // as in load, a broken store rests nobody; a caller who has gone is noticed soon
			at.t.storeError(ctx, "health", err)
			mine, state = ctx.Err() == nil, k.state
		}
		if !mine {
			passed.add(at.Name, k.subject.String()+" is being tried by another request", state.ProbeUntil)
			at.unclaim(i)
			return false
		}
		k.state = state
	}
	return true
}

// unclaim gives back the first n checks' probes.
func (at *attempt) unclaim(n int) {
	for i := range n {
		if at.checks[i].claim {
			at.report(&at.checks[i], health.Outcome{Kind: health.OutcomeNeutral})
		}
	}
}

// storeError says that a store failed; a caller who has gone is no failure.
func (t *Transport) storeError(ctx context.Context, store string, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	t.cfg.Logger.ErrorContext(ctx, "Store failed", "store", store, "error", err)
	if t.cfg.Hooks.StoreError != nil {
		t.cfg.Hooks.StoreError(ctx, store, err)
	}
}
