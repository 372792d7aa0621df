package server

import (
	"context"
	"errors"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// withTTL is a quota store whose reservations live for a time of the gateway's choosing.
type withTTL struct {
	quota.Store
	ttl time.Duration
}

func (w *withTTL) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, _ time.Duration) (quota.Reservation, error) {
	return w.Store.Reserve(ctx, key, limits, a, w.ttl)
}

// ReserveAll implements quota.Charger, for any store.
func (w *withTTL) ReserveAll(ctx context.Context, charges []quota.Charge, a quota.Amount, _ time.Duration) ([]quota.Reservation, error) {
	return quota.ReserveAll(ctx, w.Store, charges, a, w.ttl)
}

// SettleAll implements quota.Charger, for any store.
func (w *withTTL) SettleAll(ctx context.Context, rs []quota.Reservation, used quota.Amount) error {
	return quota.SettleAll(ctx, w.Store, rs, used)
}

// Renew implements quota.Renewer, as far as the store does.
func (w *withTTL) Renew(ctx context.Context, r quota.Reservation, _ time.Duration) (quota.Reservation, error) {
	if s, ok := w.Store.(quota.Renewer); ok {
		return s.Renew(ctx, r, w.ttl)
	}
	return r, errors.ErrUnsupported
}

// Levels implements quota.Inspector, as far as the store does.
func (w *withTTL) Levels(ctx context.Context, key string, limits []quota.Limit) ([]quota.Level, error) {
	if s, ok := w.Store.(quota.Inspector); ok {
		return s.Levels(ctx, key, limits)
	}
	return nil, errors.ErrUnsupported
}

// Reset implements quota.Inspector, as far as the store does.
func (w *withTTL) Reset(ctx context.Context, key string) error {
	if s, ok := w.Store.(quota.Inspector); ok {
		return s.Reset(ctx, key)
	}
	return errors.ErrUnsupported
}

// Grant implements quota.Granter, as far as the store does.
func (w *withTTL) Grant(ctx context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	if s, ok := w.Store.(quota.Granter); ok {
		return s.Grant(ctx, key, limits, a)
	}
	return errors.ErrUnsupported
}
