package redisquota

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// newsAtOnce is of how many slices the server hears in one call.
const newsAtOnce = 64

// take waits for its turn to call the server about the key.
func (k *leasedKey) take(ctx context.Context) (done func(), err error) {
	select {
	case k.turn <- struct{}{}:
		return func() { <-k.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refill takes a slice in which there is enough, and reserves from it.
func (l *Leased) refill(ctx context.Context, sh *leaseShard, k *leasedKey, p *purse, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if err := check(ctx, k.key, p.limits); err != nil {
		return quota.Reservation{}, err
	}
	began := l.now()
	done, err := k.take(ctx)
	if err != nil {
		return quota.Reservation{}, l.store.failed("reserve", k.key, err)
	}
	defer done()
	if l.closed.Load() {
		return l.store.Reserve(ctx, k.key, p.limits, a, ttl)
	}
	sh.mu.Lock()
	if sh.keys[k.key] != k || !slices.Contains(k.purses, p) { // forgotten meanwhile, as idle
		sh.mu.Unlock()
		return l.store.Reserve(ctx, k.key, p.limits, a, ttl)
	}
	if r, ok := l.admit(sh, k, p, a, ttl); ok { // somebody else was here before
		sh.mu.Unlock()
		return r, nil
	}
	if k.refused.covers(p, a, began) {
		sh.mu.Unlock()
		return quota.Reservation{}, k.refused.of(a)
	}
	now, wall := l.moment()
	k.used = now
	k.end(p)
	k.endSpent(now, wall)
	all := l.news(k)
	sh.mu.Unlock()
	r, err := l.cut(ctx, sh, k, p, a, ttl, all)
	if !errors.Is(err, quota.ErrExceeded) {
		return r, err
	}
	sh.mu.Lock()
	k.endAll()
	all = l.news(k)
	sh.mu.Unlock()
	if len(all) > 0 {
		now = l.now()
		r, err = l.cut(ctx, sh, k, p, a, ttl, all) // with what was in hand under other limits
	}
	var full *quota.ExceededError
	if errors.As(err, &full) {
		k.refused = refusal{p, a, now, *full}
	}
	return r, err
}

// refusal is one by the server, and when it was asked. Whoever waited for his turn then, with as much to ask for or more, is
// refused with it and need not ask again: a crowd would wait for as many calls as it has heads, and its time limits take
// the server for broken.
type refusal struct {
	purse *purse // nil: there was none
	asked quota.Amount
	at    int64
	full  quota.ExceededError
}

// covers reports whether one who has waited since began is refused with it.
func (r *refusal) covers(p *purse, a quota.Amount, began int64) bool {
	return r.purse == p && began < r.at && !slices.ContainsFunc(p.limits, func(limit quota.Limit) bool {
		n := a.Of(limit.Unit)
		return n < r.asked.Of(limit.Unit) || n > limit.Max // which never has room: the server says so
	})
}

// of is the error for who asks for so much. There may be room for it later than the error says, as there was for less.
func (r *refusal) of(a quota.Amount) error {
	full := r.full
	full.Asked = a.Of(full.Limit.Unit)
	return &full
}

// cut tells the server the news, takes a slice and reserves from it. The caller has the key's turn.
func (l *Leased) cut(ctx context.Context, sh *leaseShard, k *leasedKey, p *purse, a quota.Amount, ttl time.Duration, all []news) (quota.Reservation, error) {
	s := &slice{id: rand.Text(), units: p.units}
	args := append(l.newsArgs(all), s.id, micros(l.cfg.TTL), micros(p.life), strconv.Itoa(l.cfg.Parts))
	now, wall := l.moment()
	answer, err := l.store.callWithLimits(ctx, leaseScript, l.store.names(k.key), args, p.limits, a)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.heardAt = now
	if err != nil {
		if len(k.spent) < newsAtOnce {
			k.spent = append(k.spent, s) // it may have been taken all the same, and goes back
		}
		return quota.Reservation{}, l.store.failed("reserve", k.key, err)
	}
	switch answer.word {
	case "full":
		k.heard(all, now)
		return quota.Reservation{}, l.store.exceeded(k.key, p.limits, a, answer)
	case "ok":
	default:
		return quota.Reservation{}, l.store.failed("reserve", k.key, errWord(answer.word))
	}
	if len(answer.numbers) != 1+int(quota.Cost) {
		return quota.Reservation{}, l.store.failed("reserve", k.key, errReply("a list of "+strconv.Itoa(2+len(answer.numbers)), "a slice"))
	}
	k.heard(all, now)
	life := int64(p.life)
	if till := answer.numbers[0]; till > 0 {
		life = min(life, int64(time.UnixMicro(till).Sub(answer.now)))
	}
	for _, u := range s.units {
		s.granted[u] = answer.numbers[u]
	}
	s.heard, s.until, s.untilWall = s.granted, now+life, wall+life
	r := l.hold(sh, k, s, a, ttl, now)
	p.slice = s
	return r, nil
}

// newsArgs are the arguments of lease.lua that tell the news.
func (l *Leased) newsArgs(all []news) []any {
	args := make([]any, 0, 1+7*len(all)+4)
	args = append(args, strconv.Itoa(len(all)))
	for _, n := range all {
		ttl := micros(l.cfg.TTL)
		if n.ended {
			ttl = "0"
		}
		args = append(args, n.slice.id, ttl)
		for _, used := range n.used[quota.Requests:] {
			args = append(args, strconv.FormatInt(used, 10))
		}
	}
	return args
}

// tell tells the server the news of a key. The caller has its turn.
func (l *Leased) tell(ctx context.Context, k *leasedKey) error {
	sh := &l.shards[k.shard]
	for {
		sh.mu.Lock()
		all := l.news(k)
		sh.mu.Unlock()
		if len(all) == 0 {
			return nil
		}
		now, _ := l.moment()
		if err := l.store.do(ctx, leaseScript, l.store.names(k.key), l.newsArgs(all)...); err != nil {
			return l.store.failed("give back what was leased", k.key, err)
		}
		sh.mu.Lock()
		k.heard(all, now)
		sh.mu.Unlock()
	}
}

// giveBack has nothing of a key in hand, and reports whether there was something of which the server had not heard.
func (l *Leased) giveBack(ctx context.Context, k *leasedKey) (gave bool, err error) {
	done, err := k.take(ctx)
	if err != nil {
		return false, l.store.failed("give back what was leased", k.key, err)
	}
	defer done()
	return l.giveBackNow(ctx, k)
}

// giveBackNow is giveBack for a caller that has the key's turn.
func (l *Leased) giveBackNow(ctx context.Context, k *leasedKey) (gave bool, err error) {
	sh := &l.shards[k.shard]
	sh.mu.Lock()
	k.endAll()
	gave = len(l.news(k)) > 0
	sh.mu.Unlock()
	return gave, l.tell(ctx, k)
}
