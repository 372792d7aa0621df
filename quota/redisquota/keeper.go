package redisquota

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	tellTimeout = 5 * time.Second // for a sweep's calls
	tellAtOnce  = 8               // keys
	keyIdle     = int64(time.Minute)
	sweepHolds  = int64(10 * time.Second)
)

// keep gives back in time what is in hand, until ctx is done.
func (l *Leased) keep(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(max(min(l.cfg.Slice/4, 250*time.Millisecond), 10*time.Millisecond))
	defer tick.Stop()
	var swept int64
	for {
		select {
		case <-ctx.Done():
			return
		case k := <-l.wake:
			l.tellAll(ctx, []*leasedKey{k})
		case <-tick.C:
			now, _ := l.moment()
			if now-swept > sweepHolds {
				swept = now
				l.sweepHolds(now)
			}
			l.tellAll(ctx, l.sweep())
		}
	}
}

// tellAll tells the news of keys, several at a time, and reports what fails. It takes no longer than a call may, though the
// server hangs: there is another sweep.
func (l *Leased) tellAll(ctx context.Context, keys []*leasedKey) {
	limited, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	err := each(keys, func(k *leasedKey) error { return l.tellTurn(limited, k) })
	if err != nil && ctx.Err() == nil && l.cfg.Failed != nil {
		l.cfg.Failed(err)
	}
}

// each calls do for every key, for several at a time. The error is the first, which says of how many it is one.
func each(keys []*leasedKey, do func(*leasedKey) error) error {
	var calls errgroup.Group
	calls.SetLimit(tellAtOnce)
	var failed atomic.Int64
	for _, k := range keys {
		calls.Go(func() error {
			err := do(k)
			if err != nil {
				failed.Add(1)
			}
			return err
		})
	}
	err := calls.Wait()
	if n := failed.Load(); n > 1 {
		return fmt.Errorf("%w (and %d keys more)", err, n-1)
	}
	return err
}

// tellTurn tells the news of a key when it is its turn.
func (l *Leased) tellTurn(ctx context.Context, k *leasedKey) error {
	done, err := k.take(ctx)
	if err != nil {
		return l.store.failed("give back what was leased", k.key, err)
	}
	defer done()
	sh := &l.shards[k.shard]
	sh.mu.Lock()
	k.endSpent(l.moment())
	sh.mu.Unlock()
	return l.tell(ctx, k)
}

// sweep ends what serves no more, and returns the keys of which the server is to hear something. It forgets the idle.
func (l *Leased) sweep() (keys []*leasedKey) {
	now, wall := l.moment()
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for name, k := range sh.keys {
			k.endSpent(now, wall)
			k.drop(func(s *slice) bool { return now-s.heardAt > 2*int64(l.cfg.TTL) }) // the server knows nothing of it
			if len(l.news(k)) > 0 {
				keys = append(keys, k)
			}
			if len(k.spent) == 0 && now-k.used > keyIdle && k.empty() {
				delete(sh.keys, name)
				l.keys.Add(-1)
			}
		}
		sh.mu.Unlock()
	}
	return keys
}

// empty reports whether nothing is in hand, and nobody is about to change that.
func (k *leasedKey) empty() bool {
	for _, p := range k.purses {
		if p.slice != nil {
			return false
		}
	}
	return len(k.turn) == 0
}

// sweepHolds forgets reservations whose owners have been dead for long: their estimates stand.
func (l *Leased) sweepHolds(now int64) {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		sh.holds.DeleteFunc(func(h *hold) bool {
			over := now-h.due >= h.ttl
			if over {
				h.slice.settle(h.estimate, h.estimate)
			}
			return over
		})
		sh.mu.Unlock()
	}
}

// Close gives back what is in hand and ends the goroutine; the store is the caller's. What is still reserved can be
// settled afterwards, within [LeaseConfig.TTL], each by one call of the store, and Reserve is a call of the store from then on. The error is that
// something could not be given back: it stands as used, unless Close is called again. Close may be called more than once.
func (l *Leased) Close(ctx context.Context) error {
	l.closed.Store(true)
	l.stop()
	select {
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	var keys []*leasedKey
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for _, k := range sh.keys {
			keys = append(keys, k)
		}
		sh.mu.Unlock()
	}
	return each(keys, func(k *leasedKey) error {
		_, err := l.giveBack(ctx, k)
		return err
	})
}
