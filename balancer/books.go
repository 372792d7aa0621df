package balancer

import (
	"errors"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// finish gives back what take took and tells who wants to know. It runs once.
func (at *attempt) finish(used *quota.Amount) {
	at.giveBack(*used)
	at.record.Duration = time.Since(at.started)
	ctx := at.r.in.Context()
	if trail := trailOf(ctx); trail != nil {
		trail.add(at.record)
	}
	if at.t.cfg.Hooks.Attempt != nil {
		at.t.cfg.Hooks.Attempt(ctx, at.record)
	}
}

// giveBack settles the quota and frees the slot, also when the store panics.
func (at *attempt) giveBack(used quota.Amount) {
	defer at.r.bill.leave(at.r.in.Context(), used)
	defer at.counters.release()
	if at.resort {
		defer at.counters.resort.Store(false)
	}
	if used == (quota.Amount{}) {
		defer at.counters.refunded()
	}
	at.settle(used)
}

// settle replaces the reservation by what was used.
func (at *attempt) settle(used quota.Amount) {
	if at.reservation.ID == "" {
		return
	}
	ctx, cancel := at.books(at.t.quotaInMemory)
	defer cancel()
	if err := at.t.cfg.Quota.Settle(ctx, at.reservation, used); err != nil {
		at.t.storeError(ctx, "quota", err)
	}
}

// renew keeps the reservations of a long answer alive: those of the bill and the account's
// own, each in a time of its own. A reservation is known by its ID, which renewing does not
// change.
func (at *attempt) renew() {
	at.r.bill.renew(at.r.in.Context())
	renewer, ok := at.t.cfg.Quota.(quota.Renewer)
	if !ok || at.reservation.ID == "" {
		return
	}
	ctx, cancel := at.books(at.t.quotaInMemory)
	defer cancel()
	if _, err := renewer.Renew(ctx, at.reservation, at.t.cfg.ttl()); err != nil && !errors.Is(err, quota.ErrExpired) && !errors.Is(err, errors.ErrUnsupported) {
		at.t.storeError(ctx, "quota", err)
	}
}
