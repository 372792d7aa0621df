package admin

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/transport"
)

// switchAccount enables or disables an account. Enabling ends, too, what its failures and
// its rests have come to.
func (a *api) switchAccount(c *call, on bool) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if _, err := a.change(c, func(acc *resource.Account) error { acc.Enabled = &on; return nil }); err != nil {
		return nil, err
	}
	acc, err := a.ours(ctx, c.subject)
	if err != nil {
		return nil, err
	}
	served, err := a.serves(ctx, acc.Name)
	if err == nil && served && on {
		err = a.Gateway.Balancer().Enable(ctx, acc.Name)
	}
	if err != nil {
		return nil, err
	}
	return a.one(c, acc)
}

// serves tells whether the gateway has an account of that name.
func (a *api) serves(ctx context.Context, name string) (bool, error) {
	s, err := a.Gateway.Balancer().Snapshot(ctx)
	return slices.ContainsFunc(s.Accounts, func(s balancer.AccountSnapshot) bool { return s.Name == name }), err
}

// served is the account of the request's id, which the gateway has.
func (a *api) served(c *call) (resource.Account, error) {
	acc, err := a.account(c.r.Context(), c.subject)
	if err != nil {
		return acc, err
	}
	served, err := a.serves(c.r.Context(), acc.Name)
	if err == nil && !served {
		err = conflict(codeNotServing, "The gateway leaves the account %q out: see why under broken, and change that first.", acc.Name)
	}
	return acc, err
}

// resetAccount ends an account's rest, and what its failures have come to.
func (a *api) resetAccount(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	acc, err := a.served(c)
	if err != nil {
		return nil, err
	}
	ctx, b := c.r.Context(), a.Gateway.Balancer()
	if err := b.ResetErrors(ctx, true, acc.Name); err != nil {
		return nil, err
	}
	if err := b.ClearRest(ctx, health.Subject{Kind: health.KindAccount, Name: acc.Name}); err != nil {
		return nil, err
	}
	return a.one(c, acc)
}

func (a *api) resetAccounts(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	return nil, a.Gateway.Balancer().ResetErrors(c.r.Context(), true)
}

// probeAnswer is what a probe has found.
type probeAnswer struct {
	OK    bool                 `json:"ok"` // every question got the answer of an account that is well
	Check balancer.CheckReport `json:"check"`
	Route *transport.Report    `json:"route"` // the way to the provider, without the credential; null: not looked at

	Warnings []string `json:"warnings,omitempty"` // what of the account looks like a mistake
}

// probeAccount asks how a stored account is. With a body, it asks how it would be if that
// were changed.
func (a *api) probeAccount(c *call) (any, error) {
	acc, err := a.account(c.r.Context(), c.subject)
	if err != nil {
		return nil, err
	}
	var in accountInput
	if err := c.input(&in, true); err != nil {
		return nil, err
	}
	before := acc
	if err := in.apply(&acc); err != nil {
		return nil, err
	}
	served, err := a.serves(c.r.Context(), before.Name)
	if err != nil {
		return nil, err
	}
	if served && reflect.ValueOf(in).IsZero() { // as it is in use, with the token that it has
		return a.probe(c, before, func(ctx context.Context) (balancer.CheckReport, error) {
			return a.Gateway.Balancer().Check(ctx, acc.Name)
		})
	}
	return a.probeUnsavedAccount(c, acc)
}

func (a *api) probeUnsaved(c *call) (any, error) {
	var in accountInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	var acc resource.Account
	if err := in.apply(&acc); err != nil {
		return nil, err
	}
	if acc.Name == "" {
		acc.Name = "probe"
	}
	c.subject = acc.Name
	return a.probeUnsavedAccount(c, acc)
}

func (a *api) probeUnsavedAccount(c *call, acc resource.Account) (any, error) {
	if err := a.valid(&acc); err != nil {
		return nil, err
	}
	return a.probe(c, acc, func(ctx context.Context) (balancer.CheckReport, error) { return a.Gateway.CheckAccount(ctx, acc) })
}

// probe asks, when there is a place among those who ask.
func (a *api) probe(c *call, acc resource.Account, check func(context.Context) (balancer.CheckReport, error)) (any, error) {
	ctx := c.r.Context()
	select {
	case a.probes <- struct{}{}:
		defer func() { <-a.probes }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	report, err := check(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, balancer.ErrClosed), errors.As(err, new(*FieldError)):
		return nil, err
	case err != nil:
		p := invalid("", "The account cannot be probed: %s", err.Error())
		p.cause = err
		return nil, p
	}
	answer := probeAnswer{OK: report.OK(), Check: report, Warnings: warnings(&acc)}
	if prober, ok := a.Gateway.(RouteProber); ok && ctx.Err() == nil {
		route, err := prober.ProbeRoute(ctx, acc)
		if err != nil {
			return nil, err
		}
		answer.Route = &route
	}
	return answer, nil
}
