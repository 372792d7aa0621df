package quotatest

import (
	"errors"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota"
)

func (b *bench) sleep(d time.Duration) { time.Sleep(d) }

// checkRolling spends at both halves of a window, from two places half a window apart: a store that counts in fixed
// windows has an edge in one of them.
func checkRolling(b *bench) error {
	return together(2, func(i int) error {
		b.sleep(time.Duration(i) * window / 2)
		return b.rolls(fmt.Sprint("key ", i))
	})
}

// rolls spends 2 and, half a window later, 1 of 3 in a window, and looks at when they leave it.
func (b *bench) rolls(k string) error {
	limits := []quota.Limit{rolling(quota.Requests, 3)}
	spend := func(n int64) error {
		_, err := b.Reserve(b, k, limits, quota.Amount{Requests: n}, long)
		return err
	}
	steps := []struct {
		wait   time.Duration
		admits int64 // so many and not one more
	}{
		{0, 2},
		{window / 2, 1},
		{window/2 - slack, 0},               // nearly a window after the first
		{window/10 + 2*slack, 2},            // the first has left, the second has not
		{window/2 - window/10 - 2*slack, 0}, // nearly a window after the second
		{window/10 + 2*slack, 1},
	}
	begin := time.Now()
	for i, step := range steps {
		b.sleep(step.wait)
		left := step.admits
		if i == 0 {
			left = 3
		}
		if err := spend(left + 1); !errors.Is(err, quota.ErrExceeded) {
			return seen("%v after the first, one more than %d: %v", time.Since(begin), left, err)
		}
		if step.admits > 0 {
			if err := spend(step.admits); err != nil {
				return seen("%v after the first, %d: %w", time.Since(begin), step.admits, err)
			}
		}
	}
	return nil
}

func checkTotal(b *bench) error {
	limits := []quota.Limit{total(quota.Cost, 10)}
	if _, err := b.admit(limits, quota.Amount{Cost: 10}); err != nil {
		return err
	}
	for range 2 {
		e, err := b.refuse(limits, quota.Amount{Cost: 1})
		if err != nil {
			return err
		}
		if !e.RetryAt.IsZero() {
			return seen("the error promises room at %v", e.RetryAt)
		}
		b.sleep(window / 2)
	}
	return nil
}

func checkExpiry(b *bench) error {
	limits := []quota.Limit{inFlight(1), total(quota.Requests, 1000), total(quota.Tokens, 1000)}
	before := time.Now()
	r, err := b.admitFor(ttl, limits, quota.Amount{Requests: 1, InputTokens: 100})
	if err != nil {
		return err
	}
	if life := r.Expires.Sub(before); life < ttl-slack || life > ttl+slack {
		return seen("a reservation for %v expires after %v", ttl, life)
	}
	b.sleep(ttl - slack)
	if _, err := b.refuse(limits[:1], quota.Amount{}); err != nil {
		return seen("before it expires: %w", err)
	}
	b.sleep(2 * slack)
	r, err = b.admit(limits[:1], quota.Amount{})
	if err != nil {
		return seen("after it expired: %w", err)
	}
	return first(b.Settle(b, r, quota.Amount{}), b.used(limits[1], 1), b.used(limits[2], 100))
}

func checkLateTruth(b *bench) error {
	limits := []quota.Limit{inFlight(2), total(quota.Tokens, 1000)}
	less, err := b.admitFor(ttl, limits, quota.Amount{InputTokens: 100})
	if err != nil {
		return err
	}
	more, err := b.admitFor(ttl, limits, quota.Amount{InputTokens: 100})
	if err != nil {
		return err
	}
	b.sleep(ttl + slack)
	if _, err := b.admit(limits[:1], quota.Amount{}); err != nil {
		return seen("after both expired: %w", err)
	}
	for range 2 {
		err := first(b.Settle(b, less, quota.Amount{InputTokens: 10}), b.Settle(b, more, quota.Amount{InputTokens: 300}))
		if err = first(err, b.Settle(b, less, quota.Amount{})); err != nil {
			return err
		}
	}
	if _, err := b.admit(limits[:1], quota.Amount{}); err != nil {
		return err
	}
	if _, err := b.refuse(limits[:1], quota.Amount{}); err != nil {
		return seen("settling late gave a slot back twice: %w", err)
	}
	e, err := b.refuse([]quota.Limit{total(quota.Tokens, 310)}, quota.Amount{InputTokens: 1})
	if err != nil {
		return err
	}
	if e.Used != 310 {
		return seen("settled late as 10 and 300, %d are used", e.Used)
	}
	b.sleep(2 * ttl)
	return first(b.Settle(b, less, quota.Amount{}), b.Settle(b, more, quota.Amount{InputTokens: 1}))
}

func checkRenewal(b *bench) error {
	renewer, ok := b.Store.(quota.Renewer)
	if !ok {
		return fmt.Errorf("quota.Renewer: %w", errOptional)
	}
	limits := []quota.Limit{inFlight(1)}
	r, err := b.admitFor(ttl, limits, quota.Amount{})
	if err != nil {
		return err
	}
	for range 3 {
		b.sleep(ttl - 2*slack)
		renewed, err := renewer.Renew(b, r, ttl)
		if err != nil {
			return seen("Renew of a living reservation: %w", err)
		}
		if renewed.ID != r.ID || renewed.Key != r.Key || !renewed.Expires.After(r.Expires) {
			return seen("Renew of %+v returned %+v", r, renewed)
		}
		r = renewed
		if _, err := b.refuse(limits, quota.Amount{}); err != nil {
			return err
		}
	}
	if _, err := renewer.Renew(b, r, 0); err == nil || errors.Is(err, quota.ErrExpired) {
		return seen("Renew for a ttl of 0: %v", err)
	}
	b.sleep(ttl + slack)
	if _, err := renewer.Renew(b, r, ttl); !errors.Is(err, quota.ErrExpired) {
		return seen("Renew of an expired reservation: %v", err)
	}
	r, err = b.admit(limits, quota.Amount{})
	if err = first(err, b.Settle(b, r, quota.Amount{})); err != nil {
		return err
	}
	if _, err := renewer.Renew(b, r, ttl); !errors.Is(err, quota.ErrExpired) {
		return seen("Renew of a settled reservation: %v", err)
	}
	return nil
}
