package balancer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
)

// Snapshot is a picture of the accounts at one moment, for pages and metrics. It
// holds no secret.
type Snapshot struct {
	Accounts []AccountSnapshot `json:"accounts"`

	// Ways are the proxies, the routes, the providers and their models that are not
	// just well: they rest, were disabled, or have failed since they last were.
	Ways []SubjectSnapshot `json:"ways,omitempty"`

	Waiting  int       `json:"waiting"`  // requests in line for busy accounts
	Sessions []Session `json:"sessions"` // live ones and their accounts, the last used first, at most 1000
	Held     int64     `json:"held"`     // bytes of answers that are held, see Hold
}

// AccountSnapshot is the part of a [Snapshot] that belongs to one account.
type AccountSnapshot struct {
	Name     string   `json:"name"`
	Provider string   `json:"provider"`
	Proxy    string   `json:"proxy,omitempty"` // redacted; "": none, or it depends
	Disabled bool     `json:"disabled"`        // by configuration
	Priority int      `json:"priority"`
	Weight   int      `json:"weight"` // at least 1
	Groups   []string `json:"groups,omitempty"`

	HealthSnapshot

	Usable    bool          `json:"usable"`           // a request could have it now, as far as is known: it is enabled, on duty and not full, and neither it nor its way rests
	Why       string        `json:"why,omitempty"`    // it is not usable
	Models    []ModelHealth `json:"models,omitempty"` // of its models, those that are not just well, by name
	InFlight  int           `json:"inFlight"`         // requests of this process
	Served    int64         `json:"served"`           // requests that this process gave it, those in flight included
	Failed    int64         `json:"failed"`           // attempts of this process that failed, whoever was to blame; see ResetErrors
	FirstByte time.Duration `json:"firstByte"`        // how long answers take to begin: an average that rises at once and falls to a third in ten seconds; 0: nothing was measured in the last 30 s

	// RateLimits are those that the last answer with such headers told of, good or
	// not; nil: none did. They are as the provider saw them then.
	RateLimits []provider.RateLimit `json:"rateLimits,omitempty"`

	LastErrors []LastError `json:"lastErrors,omitempty"` // of this process, the last first, at most 5
	LastCheck  *LastCheck  `json:"lastCheck,omitempty"`  // of this process; nil: HealthChecks has made none
}

// HealthSnapshot is what health knows of somebody.
type HealthSnapshot struct {
	State       string    `json:"state"`           // closed: in use; open: resting; half-open: one request may try; disabled
	Cause       string    `json:"cause,omitempty"` // of a rest or of being disabled: failure, limit, refused, exhausted, person
	Reason      string    `json:"reason,omitempty"`
	Until       time.Time `json:"until,omitzero"` // when its rest ends
	Errors      int       `json:"errors"`         // failures in a row
	LastFailure time.Time `json:"lastFailure,omitzero"`
	Share       float64   `json:"share"` // of its usual load, that it is given: below 1 after a recovery
}

// SubjectSnapshot is what health knows of a proxy, a route, a provider, or a model at
// one.
type SubjectSnapshot struct {
	Subject health.Subject `json:"subject"` // for ClearWay
	Name    string         `json:"name"`    // for people
	HealthSnapshot
}

// ModelHealth is what health knows of one model of an account, by the name under which
// it is sent.
type ModelHealth struct {
	Model string `json:"model"`
	HealthSnapshot
}

// LastError is an attempt of an account that failed.
type LastError struct {
	At     time.Time      `json:"at"`
	Model  string         `json:"model,omitempty"`
	Class  provider.Class `json:"class"`
	Status int            `json:"status,omitempty"` // 0: no answer
	Code   string         `json:"code,omitempty"`
	Reason string         `json:"reason,omitempty"`
}

// maxSessionsShown bounds Snapshot.Sessions.
const maxSessionsShown = 1000

// Snapshot looks at the accounts. It asks no store: what other programs that share
// Config.Health have found out may be as old as Config.HealthRefresh. The error is that
// of a context that is done.
func (t *Transport) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	f, now := t.fleet.Load(), time.Now()
	s := Snapshot{Accounts: make([]AccountSnapshot, len(f.members)), Held: t.held.spent.Load()}
	ways, models := t.notWell(now)
	s.Ways = ways
	for i, m := range f.members {
		s.Accounts[i] = t.accountSnapshot(m, now)
		s.Accounts[i].Models = models[m.Name]
	}
	for _, r := range f.routes {
		s.Waiting += r.crowds.waiting()
	}
	for _, m := range f.members {
		if alone := m.alone.Load(); alone != nil {
			s.Waiting += int(alone.queue.waiting.Load())
		}
	}
	s.Sessions = t.Sessions(maxSessionsShown)
	return s, nil
}

func (t *Transport) accountSnapshot(m *member, now time.Time) AccountSnapshot {
	c := m.candidateAt(now.UnixNano())
	a := AccountSnapshot{
		Name: m.Name, Provider: m.Provider.Name, Proxy: m.proxy, Disabled: m.Disabled,
		Priority: m.Priority, Weight: c.Weight, Groups: slices.Clone(m.Groups),
		HealthSnapshot: healthSnapshot(m.policy, m.domains[0].known(), now),
		InFlight:       c.InFlight, Served: c.Served, Failed: m.counters.failed.Load(), FirstByte: c.FirstByte,
		LastErrors: m.counters.lastErrors(), LastCheck: m.counters.check.Load(),
	}
	if limits := m.counters.limits.Load(); limits != nil {
		a.RateLimits = slices.Clone(*limits)
	}
	a.Why = m.objection(now).reason
	if m.Disabled {
		a.Why = "disabled by configuration"
	}
	a.Usable = a.Why == ""
	return a
}

// healthSnapshot is a state for people.
func healthSnapshot(p health.Policy, s health.State, now time.Time) HealthSnapshot {
	phase := s.Phase(now)
	h := HealthSnapshot{State: phase.String(), Reason: s.Reason, Errors: s.Failures, LastFailure: s.LastFailure, Share: p.Share(s, now)}
	if phase != health.PhaseClosed {
		h.Cause = s.Cause.String()
	}
	if s.RestUntil.After(now) {
		h.Until = s.RestUntil
	}
	return h
}

// notWell are the ways, and by account the models, of which something is to be told.
func (t *Transport) notWell(now time.Time) (ways []SubjectSnapshot, models map[string][]ModelHealth) {
	models = make(map[string][]ModelHealth)
	for _, d := range t.domains.all() {
		s := d.known()
		if d.subject.Kind == health.KindAccount || s.Phase(now) == health.PhaseClosed && s.Failures == 0 {
			continue
		}
		h := healthSnapshot(t.cfg.Policy, s, now)
		if d.subject.Kind == health.KindAccountModel {
			models[d.subject.Name] = append(models[d.subject.Name], ModelHealth{d.subject.Model, h})
			continue
		}
		ways = append(ways, SubjectSnapshot{d.subject, d.subject.String(), h})
	}
	slices.SortFunc(ways, func(a, b SubjectSnapshot) int { return cmp.Compare(a.Name, b.Name) })
	for _, list := range models {
		slices.SortFunc(list, func(a, b ModelHealth) int { return cmp.Compare(a.Model, b.Model) })
	}
	return ways, models
}

// waiting is how many requests are in line.
func (c *crowds) waiting() int {
	n := int64(0)
	c.mu.RLock()
	defer c.mu.RUnlock()
	seen := make(map[*crowd]bool, len(c.shared))
	for _, p := range c.sorts {
		for _, all := range [...]*crowd{p.crowd, p.apart.Load()} {
			if all != nil && !seen[all] {
				seen[all] = true
				n += all.queue.waiting.Load()
			}
		}
	}
	return int(n)
}
