package redisquota

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// find is the reservation's hold. nil: it is the store's (mine is false), or not known any more.
func (l *Leased) find(r quota.Reservation) (sh *leaseShard, id uint64, mine bool) {
	if !strings.HasPrefix(r.ID, leaseID) {
		return nil, 0, false
	}
	text, ok := strings.CutPrefix(r.ID, l.own)
	id, err := strconv.ParseUint(text, idBase, 64)
	if !ok || err != nil {
		id = 0 // another program's
	}
	return l.shard(r.Key), id, true
}

// Settle implements [quota.Store]. What is more than was estimated is told to the server at once, but nobody waits for it;
// the rest when its slice is given back. After Close the server is told all of it, and the error is that it could not be.
func (l *Leased) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := quota.CheckSettle(r, used); err != nil {
		return err
	}
	sh, id, mine := l.find(r)
	if !mine {
		return l.store.Settle(ctx, r, used)
	}
	sh.mu.Lock()
	h := sh.holds[id]
	if h == nil {
		sh.mu.Unlock()
		return nil
	}
	delete(sh.holds, id)
	if now, _ := l.moment(); now-h.due >= h.ttl {
		used = h.estimate
	}
	h.slice.settle(h.estimate, used)
	debt := h.slice.debt()
	sh.mu.Unlock()
	switch {
	case l.closed.Load():
		_, err := l.giveBack(ctx, h.key)
		return err
	case debt:
		select {
		case l.wake <- h.key:
		default: // the next sweep does it
		}
	}
	return nil
}

// Renew implements [quota.Renewer].
func (l *Leased) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (quota.Reservation, error) {
	if err := ctx.Err(); err != nil {
		return quota.Reservation{}, err
	}
	if err := quota.CheckRenew(r, ttl); err != nil {
		return quota.Reservation{}, err
	}
	sh, id, mine := l.find(r)
	if !mine {
		return l.store.Renew(ctx, r, ttl)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.holds[id]
	now, _ := l.moment()
	if h == nil || now >= h.due {
		return quota.Reservation{}, quota.ErrExpired
	}
	ttl = min(ttl, maxTTL)
	h.ttl, h.due = int64(ttl), now+int64(ttl)
	r.Expires = l.start.Add(time.Duration(h.due))
	return r, nil
}

// Levels implements [quota.Inspector]. What this program has in hand goes back first; what others have counts as used.
func (l *Leased) Levels(ctx context.Context, key string, limits []quota.Limit) ([]quota.Level, error) {
	if err := quota.CheckLevels(key, limits); err != nil {
		return nil, err
	}
	if k := l.known(key); k != nil {
		if _, err := l.giveBack(ctx, k); err != nil {
			return nil, err
		}
	}
	return l.store.Levels(ctx, key, limits)
}

// Reset implements [quota.Inspector].
func (l *Leased) Reset(ctx context.Context, key string) error {
	if err := quota.CheckKey(key); err != nil {
		return err
	}
	if k := l.known(key); k != nil {
		done, err := k.take(ctx)
		if err != nil {
			return l.store.failed("reset", key, err)
		}
		defer done() // no slice is taken between the two
		if _, err := l.giveBackNow(ctx, k); err != nil {
			return err
		}
	}
	return l.store.Reset(ctx, key)
}

// Grant implements [quota.Granter].
func (l *Leased) Grant(ctx context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	return l.store.Grant(ctx, key, limits, a)
}

// known is what is known of the key; nil: nothing.
func (l *Leased) known(key string) *leasedKey {
	sh := l.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.keys[key]
}
