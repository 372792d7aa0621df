package quota

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Settle implements [Store]. Where the store is broken it is kept for later, which is no error; ErrUnavailable is that too
// much is kept.
func (g *Guard) Settle(ctx context.Context, r Reservation, used Amount) error {
	if err := CheckSettle(r, used); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if done, err := g.settleLocal(ctx, r, used); done {
		return err
	}
	err := g.call(ctx, func(ctx context.Context) error { return g.store.Settle(ctx, r, used) })
	if errors.Is(err, ErrUnavailable) {
		return g.keep(ctx, settlement{r, used}, err)
	}
	if err == nil {
		g.flush(ctx)
	}
	return err
}

// settleLocal settles what the store has no part in.
func (g *Guard) settleLocal(ctx context.Context, r Reservation, used Amount) (done bool, err error) {
	local := g.unmark(r)
	switch {
	case local == nil:
		return g.later.knows(r), nil // the first call counts
	case g.local == nil:
		return true, nil
	default:
		return true, g.local.Settle(ctx, *local, used)
	}
}

// SettleAll implements [Charger], for any store.
func (g *Guard) SettleAll(ctx context.Context, rs []Reservation, used Amount) error {
	charger, ok := g.store.(Charger)
	if !ok {
		return SettleAll(ctx, struct{ Store }{g}, rs, used)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var errs []error
	var theirs []Reservation
	for _, r := range rs {
		if err := CheckSettle(r, used); err != nil {
			return err
		}
		if done, err := g.settleLocal(ctx, r, used); done {
			errs = append(errs, err)
			continue
		}
		theirs = append(theirs, r)
	}
	if len(theirs) == 0 {
		return errors.Join(errs...)
	}
	err := g.call(ctx, func(ctx context.Context) error { return charger.SettleAll(ctx, theirs, used) })
	switch {
	case errors.Is(err, ErrUnavailable):
		for _, r := range theirs {
			errs = append(errs, g.keep(ctx, settlement{r, used}, err))
		}
	case err != nil:
		errs = append(errs, err)
	default:
		g.flush(ctx)
	}
	return errors.Join(errs...)
}

// keep has it settled later.
func (g *Guard) keep(ctx context.Context, s settlement, why error) error {
	tell, err := g.cfg.Hooks.Kept, error(nil)
	if !g.later.keep(s) {
		tell = g.cfg.Hooks.Lost
		err = fmt.Errorf("quota: one more reservation would wait to be settled than GuardConfig.MaxUnsettled allows (%d): %w", max(0, g.later.most), why)
		g.tellLosing(ctx, err)
	}
	if tell != nil {
		tell(s.r, s.used, why)
	}
	return err
}

// flush settles some of what was kept. Its caller's call succeeded, and may go on though its caller goes.
func (g *Guard) flush(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for range flushAtOnce {
		if more, err := g.flushOne(ctx); !more || err != nil {
			return
		}
	}
}

// flushOne settles the oldest of what was kept. The error is that it could not, and kept it.
func (g *Guard) flushOne(ctx context.Context) (more bool, err error) {
	s, ok := g.later.take()
	if !ok {
		return false, nil
	}
	err = g.call(ctx, func(ctx context.Context) error { return g.store.Settle(ctx, s.r, s.used) })
	if err != nil && (errors.Is(err, ErrUnavailable) || ctx.Err() != nil) {
		g.later.putBack(s)
		return true, err
	}
	g.later.done(s)
	if err != nil && g.cfg.Hooks.Lost != nil {
		g.cfg.Hooks.Lost(s.r, s.used, err)
	}
	return true, nil
}

// Unsettled is how many reservations wait to be settled.
func (g *Guard) Unsettled() int { return g.later.len() }

// Flush settles all that waits for the store, before a program ends. Its error is that some are left, and why; they stay,
// and can be flushed again. It does not wait for a store that is broken, nor for other calls that are settling some.
func (g *Guard) Flush(ctx context.Context) error {
	for {
		more, err := g.flushOne(ctx)
		if err != nil {
			return fmt.Errorf("quota: %s not settled: %w", reservationsAre(g.Unsettled()), err)
		}
		if n := g.Unsettled(); !more && n > 0 {
			return fmt.Errorf("quota: %s being settled by other calls: flush again", reservationsAre(n))
		}
		if !more {
			return nil
		}
	}
}

func reservationsAre(n int) string {
	if n == 1 {
		return "1 reservation is"
	}
	return fmt.Sprintf("%d reservations are", n)
}

// Renew implements [Renewer].
func (g *Guard) Renew(ctx context.Context, r Reservation, ttl time.Duration) (renewed Reservation, err error) {
	if err := CheckRenew(r, ttl); err != nil {
		return r, err
	}
	if local := g.unmark(r); local != nil {
		if g.local == nil {
			return r, ErrExpired
		}
		renewed, err = g.local.Renew(ctx, *local, ttl)
		return g.mark(renewed, err), err
	}
	renewer, ok := g.store.(Renewer)
	if !ok {
		return r, lacks("Renewer")
	}
	err = g.call(ctx, func(ctx context.Context) (err error) {
		renewed, err = renewer.Renew(ctx, r, ttl)
		return err
	})
	if err == nil {
		g.flush(ctx)
	}
	return renewed, err
}

func lacks(what string) error {
	return fmt.Errorf("quota: the guarded store is no %s: %w", what, errors.ErrUnsupported)
}

// Levels implements [Inspector]: what the store has counted.
func (g *Guard) Levels(ctx context.Context, key string, limits []Limit) (levels []Level, err error) {
	inspector, ok := g.store.(Inspector)
	if !ok {
		return nil, lacks("Inspector")
	}
	err = g.call(ctx, func(ctx context.Context) (err error) {
		levels, err = inspector.Levels(ctx, key, limits)
		return err
	})
	return levels, err
}

// Reset implements [Inspector]. What was counted here while the store was broken is forgotten too, whether or not the
// store can be reached.
func (g *Guard) Reset(ctx context.Context, key string) error {
	inspector, ok := g.store.(Inspector)
	if !ok {
		return lacks("Inspector")
	}
	if g.local != nil {
		if err := g.local.Reset(ctx, key); err != nil {
			return err
		}
	}
	return g.call(ctx, func(ctx context.Context) error { return inspector.Reset(ctx, key) })
}

// Grant implements [Granter], in the store.
func (g *Guard) Grant(ctx context.Context, key string, limits []Limit, a Amount) error {
	granter, ok := g.store.(Granter)
	if !ok {
		return lacks("Granter")
	}
	return g.call(ctx, func(ctx context.Context) error { return granter.Grant(ctx, key, limits, a) })
}
