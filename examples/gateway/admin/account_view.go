package admin

import (
	"context"
	"log/slog"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/health"
)

// accountView is an account as it is told.
type accountView struct {
	resource.Account
	HasSecret bool                      `json:"has_secret"`
	Warnings  []string                  `json:"warnings,omitempty"` // what of it looks like a mistake
	Broken    string                    `json:"broken,omitempty"`   // why the gateway leaves it out
	State     *balancer.AccountSnapshot `json:"state"`              // null: the gateway does not have it
}

// picture is what the gateway knows of its accounts.
type picture struct {
	accounts map[string]*balancer.AccountSnapshot
	broken   map[string]error
	missing  string // why there are no limits
}

const limitsMissing = "The levels of limits are not known at the moment: the quota store does not tell."

// snapshot asks the balancer, with the levels of limits if they are wanted and can be had.
func (a *api) snapshot(ctx context.Context, c *call, limits bool) (s balancer.Snapshot, missing string, err error) {
	b := a.Gateway.Balancer()
	if !limits {
		s, err = b.Snapshot(ctx)
		inWords(&s)
		return s, "", err
	}
	s, err = b.SnapshotWithLimits(ctx)
	inWords(&s)
	if err != nil && s.Accounts != nil {
		c.log().LogAttrs(ctx, slog.LevelWarn, "Levels of limits not told", slog.Any("error", err))
		return s, limitsMissing, nil
	}
	return s, "", err
}

// inWords has accounts that are disabled say how that ends here: the balancer says how it
// ends in Go.
func inWords(s *balancer.Snapshot) {
	for i := range s.Accounts {
		if one := &s.Accounts[i]; one.State == health.PhaseDisabled.String() {
			one.NotReady = "disabled"
			if one.Reason != "" {
				one.NotReady += ": " + one.Reason
			}
			one.NotReady += " (POST " + prefix + "/accounts/{id}/enable ends that)"
		}
	}
}

func (a *api) picture(c *call) (*picture, error) {
	limits, err := c.flag("limits", true)
	if err != nil {
		return nil, err
	}
	s, missing, err := a.snapshot(c.r.Context(), c, limits)
	if err != nil {
		return nil, err
	}
	p := &picture{accounts: make(map[string]*balancer.AccountSnapshot, len(s.Accounts)), broken: a.Gateway.Broken(), missing: missing}
	for i := range s.Accounts {
		p.accounts[s.Accounts[i].Name] = &s.Accounts[i]
	}
	return p, nil
}

// view is an account with its state and without its secrets.
func (p *picture) view(acc resource.Account) accountView {
	v := accountView{Account: acc, HasSecret: !acc.Secret.IsZero() || acc.OAuth != nil, Warnings: warnings(&acc), State: p.accounts[acc.Name]}
	if err := p.broken[acc.Name]; err != nil {
		v.Broken = err.Error()
	}
	enabled := acc.Enabled == nil || *acc.Enabled
	v.Enabled = &enabled
	v.Proxy = shownProxy(acc.Proxy)
	v.Header = shownHeader(acc.Header)
	if acc.OAuth != nil {
		o := *acc.OAuth
		o.Header = shownHeader(o.Header)
		v.OAuth = &o
	}
	return v
}

// shownHeader is headers without their values, which may be secrets.
func shownHeader(h map[string]string) map[string]string {
	if h == nil {
		return nil
	}
	shown := make(map[string]string, len(h))
	for name := range h {
		shown[name] = hidden
	}
	return shown
}

// one is the answer about one account.
func (a *api) one(c *call, acc resource.Account) (any, error) {
	p, err := a.picture(c)
	if err != nil {
		return nil, err
	}
	return p.view(acc), nil
}

// warnings are what of an account is right and looks like a mistake all the same.
func warnings(acc *resource.Account) (texts []string) {
	for _, w := range acc.Warnings() {
		texts = append(texts, w.Error())
	}
	return texts
}
