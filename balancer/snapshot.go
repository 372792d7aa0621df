package balancer

import (
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
}

// AccountSnapshot is the part of a [Snapshot] that belongs to one account.
type AccountSnapshot struct {
	Name      string        `json:"name"`
	Provider  string        `json:"provider"`
	Proxy     string        `json:"proxy,omitempty"` // redacted; "": none, or it depends
	Disabled  bool          `json:"disabled"`        // by configuration
	State     string        `json:"state"`           // of the account in health: closed, open, half-open, disabled
	Reason    string        `json:"reason,omitempty"`
	Until     time.Time     `json:"until,omitzero"` // when its rest ends
	InFlight  int           `json:"inFlight"`       // requests of this process
	Served    int64         `json:"served"`         // requests that this process gave it, those in flight included
	FirstByte time.Duration `json:"firstByte"`      // how long answers take to begin: an average that rises at once and falls to a third in ten seconds; 0: nothing was measured in the last 30 s

	// RateLimits are those that the last answer with such headers told of, good or
	// not; nil: none did. They are as the provider saw them then.
	RateLimits []provider.RateLimit `json:"rateLimits,omitempty"`
}

// Snapshot looks at the accounts. The error is the health store's.
func (t *Transport) Snapshot(ctx context.Context) (Snapshot, error) {
	f := t.fleet.Load()
	subjects := make([]health.Subject, len(f.members))
	for i, m := range f.members {
		subjects[i] = health.Subject{Kind: health.KindAccount, Name: m.Name}
	}
	states, err := t.cfg.Health.Load(ctx, subjects)
	if err == nil && len(states) != len(subjects) {
		err = errStates
	}
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Accounts: make([]AccountSnapshot, len(f.members))}
	now := time.Now()
	for i, m := range f.members {
		c := m.candidate()
		s.Accounts[i] = AccountSnapshot{
			Name: m.Name, Provider: m.Provider.Name, Proxy: m.proxy, Disabled: m.Disabled,
			State: states[i].Phase(now).String(), Reason: states[i].Reason,
			InFlight: c.InFlight, Served: c.Served, FirstByte: c.FirstByte,
		}
		if limits := m.counters.limits.Load(); limits != nil {
			s.Accounts[i].RateLimits = slices.Clone(*limits)
		}
		if until := states[i].RestUntil; until.After(now) {
			s.Accounts[i].Until = until
		}
	}
	return s, nil
}
