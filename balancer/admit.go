package balancer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aitransport/aitransport/quota"
)

// bill is what a request is charged to beside its accounts: a tenant, a user. It is
// reserved before the first attempt and settled, once, when the request and all of its
// attempts are over. The nil bill charges nobody.
type bill struct {
	t *Transport

	mu       sync.Mutex
	reserved []quota.Reservation
	spent    quota.Amount
	open     int // the request, and its attempts under way
}

// admit asks Config.Admit whom the request is charged to, and reserves the estimate there.
func (s *serving) admit() error {
	cfg := s.t.cfg
	s.estimate = quota.Amount{Requests: 1}
	if cfg.Estimate != nil {
		s.estimate = cfg.Estimate(s.ctx, &s.Request)
	}
	if err := s.estimate.Validate(); err != nil {
		return &Error{Err: fmt.Errorf("Config.Estimate: %w", err)}
	}
	s.estimate.Requests = max(s.estimate.Requests, 1)
	if cfg.Admit == nil {
		return nil
	}
	charges, err := cfg.Admit(s.ctx, &s.Request)
	if err != nil {
		return &Error{Err: err}
	}
	if len(charges) == 0 {
		return nil
	}
	if s.priced = limitsCost(charges) && chargeable(&s.Request); s.priced && cfg.Prices == nil {
		return &Error{Err: errors.New("Config.Admit limits the cost, and there is no Config.Prices, so the limit would never be reached: set them, to provider.StarterPrices() to begin with, or limit requests or tokens")}
	}
	ctx, cancel := s.t.books(s.ctx, s.t.quotaInMemory) // a caller who goes meanwhile must not leave it half done
	defer cancel()
	reserved, err := quota.ReserveAll(ctx, cfg.Quota, charges, s.estimate, cfg.ttl())
	var over *quota.ExceededError
	broken := errors.Is(err, quota.ErrNotGivenBack) || err != nil && !errors.As(err, &over) && !errors.Is(err, quota.ErrInvalid)
	if broken {
		s.t.storeError(ctx, "quota", err)
	}
	switch {
	case errors.As(err, &over):
		return &Error{Err: err, RetryAt: over.RetryAt}
	case errors.Is(err, quota.ErrInvalid): // the store has nothing to do with it
		return &Error{Err: fmt.Errorf("Config.Admit returned a charge that makes no sense: %w", err)}
	case err != nil:
		return &Error{Err: fmt.Errorf("the limits that the request is charged to cannot be asked: %w", err), RetryAt: retryOf(err)}
	}
	s.bill = &bill{t: s.t, reserved: reserved, open: 1}
	return nil
}

// limitsCost tells whether one of the limits is of cost.
func limitsCost(charges []quota.Charge) bool {
	return slices.ContainsFunc(charges, func(c quota.Charge) bool {
		return slices.ContainsFunc(c.Limits, func(l quota.Limit) bool { return l.Unit == quota.Cost })
	})
}

// unpriced tells whether the request is charged by its cost, and nobody knows what it
// costs at an account.
func (c *chooser) unpriced(m *member) bool {
	if !c.r.priced {
		return false
	}
	model, _ := m.models.serves(c.r.Operation.Model)
	return !m.pricing.prices.Knows(m.pricing.whose(m.Provider, model), model)
}

// enter opens the bill for one more attempt.
func (b *bill) enter() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.open++
	b.mu.Unlock()
}

// leave adds what an attempt has used, and settles the bill if nobody else is on it. The
// context outlives the caller, if it is one that he ends.
func (b *bill) leave(ctx context.Context, used quota.Amount) {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.spent = quota.Amount{
		Requests:     max(b.spent.Requests, min(used.Requests, 1)), // however many attempts it took
		InputTokens:  b.spent.InputTokens + used.InputTokens,
		OutputTokens: b.spent.OutputTokens + used.OutputTokens,
		Cost:         b.spent.Cost + used.Cost,
	}
	b.open--
	over, spent := b.open == 0, b.spent
	b.mu.Unlock()
	if !over {
		return
	}
	ctx, cancel := b.t.books(ctx, b.t.quotaInMemory)
	defer cancel()
	if err := quota.SettleAll(ctx, b.t.cfg.Quota, b.reserved, spent); err != nil {
		b.t.storeError(ctx, "quota", err)
	}
}

// renew keeps what was reserved alive, while the answer is long. The context outlives the
// caller, if it is one that he ends.
func (b *bill) renew(ctx context.Context) {
	if b == nil {
		return
	}
	b.mu.Lock()
	reserved := b.reserved
	b.mu.Unlock()
	renewer, ok := b.t.cfg.Quota.(quota.Renewer)
	if !ok {
		return
	}
	ctx, cancel := b.t.books(ctx, b.t.quotaInMemory)
	defer cancel()
	var errs []error
	for _, r := range reserved { // known by their IDs, which renewing does not change
		if _, err := renewer.Renew(ctx, r, b.t.cfg.ttl()); err != nil && !errors.Is(err, quota.ErrExpired) && !errors.Is(err, errors.ErrUnsupported) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		b.t.storeError(ctx, "quota", err)
	}
}
