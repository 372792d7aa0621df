package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Charge is a key that a call is charged to, and under which limits: one of several, such as the tenant, the user and the
// account.
type Charge struct {
	Key    string
	Limits []Limit
}

// rollbackTimeout is for how long ReserveAll tries to give back what it reserved for the charges before one that has no
// room.
const rollbackTimeout = 5 * time.Second

// ReserveAll reserves the amount for each of the charges or for none. The reservations are settled together by
// [SettleAll], and live and expire each by itself. If there is no room, the error is an *ExceededError about the first
// charge that has none, so the order of the charges is that in which reasons are told. Charges of one key are made one, of
// all their limits, where the first of them stands.
//
// A store that is a [Charger] does it in one act. With any other, across the slots of a Redis Cluster for example, the
// charges are reserved one after the other, and given back if one has no room. That overspends nothing either, but
// meanwhile others may be refused for what is then given back. If giving back fails or the process dies in the middle,
// what was reserved expires, and its estimate stands; the error then tells of both.
func ReserveAll(ctx context.Context, s Store, charges []Charge, a Amount, ttl time.Duration) ([]Reservation, error) {
	charges = merged(charges)
	if err := CheckReserveAll(charges, a, ttl); err != nil {
		return nil, err
	}
	if len(charges) == 0 {
		return nil, ctx.Err()
	}
	if c, ok := s.(Charger); ok && len(charges) > 1 {
		return c.ReserveAll(ctx, charges, a, ttl)
	}
	rs := make([]Reservation, 0, len(charges))
	for _, c := range charges {
		r, err := s.Reserve(ctx, c.Key, c.Limits, a, ttl)
		if err != nil {
			return nil, rollBack(ctx, s, rs, err)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// rollBack gives back what was reserved, though the caller may have gone.
func rollBack(ctx context.Context, s Store, rs []Reservation, why error) error {
	if len(rs) == 0 {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if err := SettleAll(ctx, s, rs, Amount{}); err != nil {
		return errors.Join(why, fmt.Errorf("%w: %w", ErrNotGivenBack, err))
	}
	return why
}

// SettleAll settles each of the reservations as [Store] promises of Settle. Where one fails, the others are settled all
// the same, and the error tells of all that failed; calling it again settles those. Without reservations it does nothing.
func SettleAll(ctx context.Context, s Store, rs []Reservation, used Amount) error {
	if c, ok := s.(Charger); ok && len(rs) > 1 {
		return c.SettleAll(ctx, rs, used)
	}
	var errs []error
	for _, r := range rs {
		if err := s.Settle(ctx, r, used); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// RenewAll renews each of the reservations, and puts them into the slice as they are then. The error is
// errors.ErrUnsupported for a store that is no [Renewer]. Where one fails, the others are renewed all the same, and the error tells of
// all that failed.
func RenewAll(ctx context.Context, s Store, rs []Reservation, ttl time.Duration) error {
	renewer, ok := s.(Renewer)
	if !ok {
		return fmt.Errorf("quota: the store is no Renewer: %w", errors.ErrUnsupported)
	}
	var errs []error
	for i, r := range rs {
		renewed, err := renewer.Renew(ctx, r, ttl)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rs[i] = renewed
	}
	return errors.Join(errs...)
}

// merged makes the charges of one key one. It leaves the caller's alone.
func merged(charges []Charge) []Charge {
	own := false
	for i := 1; i < len(charges); i++ {
		first := slices.IndexFunc(charges[:i], func(c Charge) bool { return c.Key == charges[i].Key })
		if first < 0 {
			continue
		}
		if !own {
			charges, own = slices.Clone(charges), true
		}
		charges[first].Limits = slices.Concat(charges[first].Limits, charges[i].Limits)
		charges = slices.Delete(charges, i, i+1)
		i--
	}
	return charges
}
