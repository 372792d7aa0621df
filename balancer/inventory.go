package balancer

import (
	"context"
	"errors"
	"fmt"

	"github.com/aitransport/aitransport/provider"
)

const (
	maxModelPages = 50
	maxModelBody  = 8 << 20 // bytes of a page
)

// ListModels asks an account's provider for the models it has for the account, all
// pages of them, in the provider's order and under the provider's names; what
// Account.Models says is not applied. It asks as Check does, so it changes nothing,
// and each page is given ten seconds; at most 50 pages of 8 MiB and 10,000 models
// are read, and what goes beyond that is an error.
//
// The error is a [*ProbeError] for a page that could not be had,
// errors.ErrUnsupported for a provider whose list is not known.
func (t *Transport) ListModels(ctx context.Context, account string) ([]provider.Model, error) {
	m, ctx, end, err := t.begin(ctx, "ListModels", account)
	if err != nil {
		return nil, err
	}
	defer end()
	var models []provider.Model
	page := ""
	for range maxModelPages {
		p, ok := provider.ModelListProbe(m.Provider, page)
		if !ok {
			return nil, fmt.Errorf("balancer: ListModels: account %q: no list of models is known for the provider %q: %w", m.Name, m.Provider.Name, errors.ErrUnsupported)
		}
		f := m.ask(ctx, &p, maxModelBody)
		if f.verdict.Class != provider.ClassOK {
			return nil, m.failed(&p, f)
		}
		got, next, err := provider.ParseModels(provider.ModelListAPI(m.Provider), f.body)
		models = append(models, got...)
		switch {
		case len(models) > provider.MaxModels:
			err = fmt.Errorf("there are more than %d models", provider.MaxModels)
		case err == nil && next == page && next != "":
			err = errors.New("the next page is the one that was read")
		}
		if err != nil {
			f.err = err
			return nil, m.failed(&p, f)
		}
		if next == "" {
			return models, nil
		}
		page = next
	}
	return nil, fmt.Errorf("balancer: ListModels: account %q: the list has more than %d pages", m.Name, maxModelPages)
}

// Balance asks an account's provider what the account can still spend: one Balance
// for each currency. It asks as Check does, so it changes nothing.
//
// The error is a [*ProbeError] for a balance that could not be had,
// errors.ErrUnsupported for a provider that is not known to tell.
func (t *Transport) Balance(ctx context.Context, account string) ([]provider.Balance, error) {
	m, ctx, end, err := t.begin(ctx, "Balance", account)
	if err != nil {
		return nil, err
	}
	defer end()
	p, ok := provider.BalanceProbe(m.Provider)
	if !ok {
		return nil, fmt.Errorf("balancer: Balance: account %q: the provider %q is not known to tell: %w", m.Name, m.Provider.Name, errors.ErrUnsupported)
	}
	f := m.ask(ctx, &p, maxCheckBody)
	if f.status != 200 || f.err != nil { // an account without money has a balance too
		return nil, m.failed(&p, f)
	}
	balances, err := provider.ParseBalance(m.Provider, f.body, f.at)
	if err != nil {
		f.err = err
		return nil, m.failed(&p, f)
	}
	return balances, nil
}

// failed is a finding as an error.
func (m *member) failed(p *provider.Probe, f finding) error {
	return &ProbeError{Account: m.Name, Probe: p.Name, Status: f.status, Verdict: f.verdict, Err: f.err}
}
