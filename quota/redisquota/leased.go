package redisquota

import (
	"context"
	"strings"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/byid"
)

// find is the number of the reservation, and the shard that it says. mine is false: it is the store's. A nil shard: it is
// another program's.
func (l *Leased) find(r quota.Reservation) (sh *leaseShard, id uint64, mine bool) {
	text, ok := strings.CutPrefix(r.ID, l.own)
	if !ok {
		return nil, 0, strings.HasPrefix(r.ID, leaseID)
	}
	if id, ok = byid.Parse(text); !ok {
		return nil, 0, true
	}
	return &l.shards[id%leaseShards], id, true
}

// held is the hold of a key and that number; nil: there is none. The caller holds the lock.
func (sh *leaseShard) held(id uint64, key string) *hold {
	if h := sh.holds.Get(id); h != nil && h.key.key == key {
		return h
	}
	return nil
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
	switch {
	case !mine:
		return l.store.Settle(ctx, r, used)
	case sh == nil:
		return nil
	}
	k, debt := l.settle(sh, id, r.Key, used)
	switch {
	case k == nil:
		return nil
	case l.closed.Load():
		_, err := l.giveBack(ctx, k)
		return err
	case debt:
		select {
		case l.wake <- k:
		default: // the next sweep does it
		}
	}
	return nil
}

// settle replaces the estimate of a reservation by what was used, and returns its key, nil if nothing is known of it. debt
// reports whether the server is to hear of it.
func (l *Leased) settle(sh *leaseShard, id uint64, key string, used quota.Amount) (k *leasedKey, debt bool) {
	now := l.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.held(id, key)
	if h == nil {
		return nil, false
	}
	if now-h.due >= h.ttl {
		used = h.estimate
	}
	h.slice.settle(h.estimate, used)
	k, debt = h.key, h.slice.debt()
	sh.holds.Delete(id)
	return k, debt
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
	switch {
	case !mine:
		return l.store.Renew(ctx, r, ttl)
	case sh == nil:
		return quota.Reservation{}, quota.ErrExpired
	}
	now := l.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.held(id, r.Key)
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
