package balancer

import (
	"context"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
)

// Snapshot is a picture of the accounts and of what they need, at one moment, for
// pages and metrics. It holds no secret.
type Snapshot struct {
	Accounts []AccountSnapshot `json:"accounts"` // in the order of the configuration

	Proxies   []DomainSnapshot `json:"proxies"`   // those of the accounts
	Routes    []DomainSnapshot `json:"routes"`    // their ways: a proxy, or "direct", and an origin
	Providers []DomainSnapshot `json:"providers"` // and where those lead to
	Models    []DomainSnapshot `json:"models"`    // of those providers: only those that are out of use for all accounts, what a person disabled first; at most 1000

	Waiting int             `json:"waiting"` // requests that wait in line for an account
	Queues  []QueueSnapshot `json:"queues"`  // where they wait; only those with somebody in them

	Held     int64     `json:"held"`     // bytes of answers that are held back, see Hold
	Sessions []Session `json:"sessions"` // live ones and their accounts, the last used first, at most 1000
}

// AccountSnapshot is the part of a [Snapshot] that belongs to one account.
type AccountSnapshot struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	Proxy    string `json:"proxy,omitempty"` // redacted; "": none, or it depends
	Disabled bool   `json:"disabled"`        // by configuration

	// Ready tells whether a request could be given to the account now, unless its
	// model rests; NotReady why not, whatever the reason (full, off duty, its proxy
	// rests), and ReadyAt when that ends, if it is known.
	Ready    bool      `json:"ready"`
	NotReady string    `json:"notReady,omitempty"`
	ReadyAt  time.Time `json:"readyAt,omitzero"`

	HealthSnapshot

	InFlight    int           `json:"inFlight"`              // requests of this process
	MaxInFlight int64         `json:"maxInFlight,omitempty"` // as its Limits say, of all processes; 0: no limit
	Served      int64         `json:"served"`                // requests that this process gave it, those in flight included
	Failed      int64         `json:"failed"`                // of those, attempts that failed and not by the caller's fault, since ResetErrors
	FirstByte   time.Duration `json:"-"`                     // how long answers take to begin: an average that rises at once and falls to a third in ten seconds; 0: nothing was measured in the last 30 s
	FirstByteMs float64       `json:"firstByteMs"`           // FirstByte in milliseconds

	LastErrors []AttemptError   `json:"lastErrors,omitempty"` // of this process, the newest first; at most five
	LastCheck  *CheckResult     `json:"lastCheck,omitempty"`  // the last active check by this process; nil: there was none
	Models     []DomainSnapshot `json:"models,omitempty"`     // of the account, that are out of use, what a person disabled first; at most 100

	// RateLimits are those that the last answer with such headers told of, good or
	// not; nil: none did. They are as the provider saw them then.
	RateLimits []provider.RateLimit `json:"rateLimits,omitempty"`

	// Limits are how far Account.Limits are used; filled in by SnapshotWithLimits
	// alone.
	Limits []LimitSnapshot `json:"limits,omitempty"`
}

// HealthSnapshot is what is known of the health of an account, a model, a proxy, a
// route or a provider.
type HealthSnapshot struct {
	State     string    `json:"state"`              // closed (in use), open (rests), half-open (to be tried by one request), disabled
	Cause     string    `json:"cause,omitempty"`    // why it is not in use: failure, limit (until a time: a rate limit, or a model that is not there), refused, exhausted, person
	Reason    string    `json:"reason,omitempty"`   // of the last outcome that counted against it, or what the person said
	Until     time.Time `json:"until,omitzero"`     // when its rest ends
	Since     time.Time `json:"since,omitzero"`     // when it last began to rest, recovered, or was disabled or enabled
	CheckedAt time.Time `json:"checkedAt,omitzero"` // when an active check of it last began, by whatever process
	Failures  int       `json:"failures"`           // in a row
	Refusals  int       `json:"refusals"`           // in a row, of the credential or for want of money
	Rests     int       `json:"rests"`              // in a row, each longer than the one before
}

// DomainSnapshot is something that is not an account and fails on its own.
type DomainSnapshot struct {
	Subject health.Subject `json:"-"`               // for ClearRest, EnableSubject and DisableSubject
	Name    string         `json:"name"`            // of the proxy (redacted), route, provider or account
	Model   string         `json:"model,omitempty"` // where it is a model of that
	HealthSnapshot
}

// QueueSnapshot is where requests wait in line.
type QueueSnapshot struct {
	At      string `json:"at"`              // the base that their URLs stand below, or the API's name
	Model   string `json:"model,omitempty"` // for which they wait, where its accounts are kept apart from the others
	Waiting int    `json:"waiting"`
}

// maxSessionsShown is how many sessions a Snapshot names.
const maxSessionsShown = 1000

// maxModels is how many models of an account a Snapshot names, and maxProviderModels
// how many of providers: callers may make up names.
const (
	maxModels         = 100
	maxProviderModels = 1000
)

// Snapshot looks at the accounts, as they are known here: no store is asked. What
// other programs found out is known within Config.HealthRefresh. Attempts that are under
// way at accounts which SetAccounts took out are not shown. The error is that of a context
// that is done.
func (t *Transport) Snapshot(ctx context.Context) (Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	f := t.fleet.Load()
	now := time.Now()
	s := Snapshot{
		Accounts: make([]AccountSnapshot, len(f.members)), Held: t.held.spent.Load(), Sessions: append([]Session{}, t.Sessions(maxSessionsShown)...),
		Proxies: []DomainSnapshot{}, Routes: make([]DomainSnapshot, 0, len(f.ways)), Providers: []DomainSnapshot{}, Models: []DomainSnapshot{},
	}
	for i, m := range f.members {
		s.Accounts[i] = m.snapshot(now)
	}
	for _, d := range f.ways {
		switch d.subject.Kind {
		case health.KindProxy:
			s.Proxies = append(s.Proxies, d.snapshot(now))
		case health.KindRoute:
			s.Routes = append(s.Routes, d.snapshot(now))
		default:
			s.Providers = append(s.Providers, d.snapshot(now))
		}
	}
	s.addModels(f, t.domains.unwell(now), now)
	s.Queues = f.queues()
	for _, q := range s.Queues {
		s.Waiting += q.Waiting
	}
	return s, nil
}

// snapshot is a picture of the account.
func (m *member) snapshot(now time.Time) AccountSnapshot {
	c := m.candidateAt(now.UnixNano())
	a := AccountSnapshot{
		Name: m.Name, Provider: m.Provider.Name, Proxy: m.proxy, Disabled: m.Disabled,
		HealthSnapshot: m.domains[0].health(now),
		InFlight:       c.InFlight, MaxInFlight: m.maxInFlight, Served: c.Served, Failed: m.counters.recent.count.Load(),
		FirstByte: c.FirstByte, FirstByteMs: milliseconds(c.FirstByte),
		LastErrors: m.counters.recent.list(),
	}
	o := objection{reason: disabledByConfiguration}
	if !m.Disabled {
		o = m.objection(now)
	}
	a.Ready, a.NotReady, a.ReadyAt = o.reason == "", o.reason, o.until
	if limits := m.counters.limits.Load(); limits != nil {
		a.RateLimits = slices.Clone(*limits)
	}
	if last := m.counters.checked.Load(); last != nil {
		last := *last
		a.LastCheck = &last
	}
	return a
}

const disabledByConfiguration = "disabled by configuration"

// addModels puts the models that are out of use where they belong. Those of what is gone
// belong nowhere.
func (s *Snapshot) addModels(f *fleet, unwell []*domain, now time.Time) {
	for _, d := range unwell {
		if d.subject.Kind == health.KindProviderModel {
			owner := health.Subject{Kind: health.KindProvider, Name: d.subject.Name}
			if f.domains[owner] != nil && len(s.Models) < maxProviderModels {
				s.Models = append(s.Models, d.snapshot(now))
			}
			continue
		}
		if m := f.byName[d.subject.Name]; m != nil && len(s.Accounts[m.place].Models) < maxModels {
			s.Accounts[m.place].Models = append(s.Accounts[m.place].Models, d.snapshot(now))
		}
	}
}
