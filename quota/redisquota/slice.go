package redisquota

import (
	"slices"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// amounts is so much of each unit.
type amounts [quota.Cost + 1]int64

// leasedKey is what is in hand of one key. What is in it is guarded by its shard's lock, but for what does not change.
type leasedKey struct {
	key    string
	shard  uint64
	turn   chan struct{} // holds one while somebody calls the server, so that it hears things in their order
	purses []*purse
	spent  []*slice // which serve no more, and of which the server is to hear
	used   int64    // when somebody last reserved what the purses do not have

	refused refusal // the last one; of whoever has the turn
}

// purse is what is in hand of one list of limits.
type purse struct {
	limits []quota.Limit
	units  []quota.Unit // of the limits, each once
	life   time.Duration
	slice  *slice // nil: none
}

// slice is an amount that the server has counted as used under a purse's limits, and that calls are admitted from.
type slice struct {
	id               string // on the server
	units            []quota.Unit
	until, untilWall int64   // when it serves no more, on both clocks
	granted          amounts // what it was
	settled, held    amounts // what calls used that are settled, and the estimates of those that are not
	calls            int     // that are not settled
	heard            amounts // what the server takes for used
	heardAt          int64
}

// over reports whether its time is.
func (s *slice) over(now, wall int64) bool { return now >= s.until || wall >= s.untilWall }

// left is what may still be admitted from it; below 0: debt.
func (s *slice) left(u quota.Unit) int64 { return s.granted[u] - s.settled[u] - s.held[u] }

// debt reports whether calls used more than the server knows of.
func (s *slice) debt() bool {
	return slices.ContainsFunc(s.units, func(u quota.Unit) bool { return s.settled[u]+s.held[u] > s.heard[u] })
}

// used is what the server is to take for used.
func (s *slice) used() (used amounts) {
	for _, u := range s.units {
		used[u] = min(s.settled[u]+s.held[u], MaxLimit+1)
	}
	return used
}

// settle replaces the estimate of a call by what it used.
func (s *slice) settle(estimate, used quota.Amount) {
	s.calls--
	for _, u := range s.units {
		s.held[u] -= estimate.Of(u)
		s.settled[u] = min(s.settled[u]+min(used.Of(u), MaxLimit+1), MaxLimit+1)
	}
}

// hold is a reservation from a slice.
type hold struct {
	key      *leasedKey
	slice    *slice
	estimate quota.Amount
	ttl, due int64
}

// newPurse is an empty one.
func (l *Leased) newPurse(limits []quota.Limit) *purse {
	p := &purse{limits: slices.Clone(limits), life: l.cfg.Slice}
	for _, limit := range limits {
		if !slices.Contains(p.units, limit.Unit) {
			p.units = append(p.units, limit.Unit)
		}
		if limit.Window.Kind() == quota.WindowRolling {
			p.life = min(p.life, limit.Window.Length()/lifeShare)
		}
	}
	return p
}

// find is what is in hand. The caller holds the lock.
func (sh *leaseShard) find(key string, limits []quota.Limit) (*leasedKey, *purse) {
	k := sh.keys[key]
	if k == nil {
		return nil, nil
	}
	for _, p := range k.purses {
		if slices.Equal(p.limits, limits) {
			return k, p
		}
	}
	return k, nil
}

// open makes a purse, unless there are too many. The caller holds the lock.
func (l *Leased) open(sh *leaseShard, key string, limits []quota.Limit) (*leasedKey, *purse) {
	k := sh.keys[key]
	if k == nil {
		if l.keys.Add(1) > int64(l.cfg.MaxKeys) {
			l.keys.Add(-1)
			return nil, nil
		}
		k = &leasedKey{key: key, shard: l.shardOf(key), turn: make(chan struct{}, 1)}
		sh.keys[key] = k
	}
	if len(k.purses) >= maxPurses && len(k.turn) == 0 {
		k.purses = slices.DeleteFunc(k.purses, func(p *purse) bool { return p.slice == nil })
	}
	if len(k.purses) >= maxPurses {
		return k, nil
	}
	p := l.newPurse(limits)
	k.purses = append(k.purses, p)
	k.used, _ = l.moment()
	return k, p
}

// end has a slice serve no more.
func (k *leasedKey) end(p *purse) {
	if p.slice != nil {
		k.spent = append(k.spent, p.slice)
		p.slice = nil
	}
}

// endSpent ends the slices whose time is over, and those in debt, so that the server hears of it.
func (k *leasedKey) endSpent(now, wall int64) {
	for _, p := range k.purses {
		if s := p.slice; s != nil && (s.over(now, wall) || s.debt()) {
			k.end(p)
		}
	}
}

// endAll has none serve any more.
func (k *leasedKey) endAll() {
	for _, p := range k.purses {
		k.end(p)
	}
}

// news is what the server is to hear of a slice.
type news struct {
	slice *slice
	used  amounts
	ended bool // nothing of it will change any more
}

// news is what the server has not heard, of so many slices as a call takes. The caller holds the lock.
func (l *Leased) news(k *leasedKey) (all []news) {
	now, _ := l.moment()
	for _, s := range k.spent {
		used := s.used()
		if s.calls == 0 || used != s.heard || now-s.heardAt > int64(l.cfg.TTL)/3 {
			all = append(all, news{s, used, s.calls == 0})
		}
		if len(all) == newsAtOnce {
			break
		}
	}
	return all
}

// heard is that the server has heard of it at that time. The caller holds the lock.
func (k *leasedKey) heard(all []news, at int64) {
	for _, n := range all {
		n.slice.heard, n.slice.heardAt = n.used, at
	}
	k.drop(func(s *slice) bool {
		return slices.ContainsFunc(all, func(n news) bool { return n.slice == s && n.ended })
	})
}

// drop forgets spent slices.
func (k *leasedKey) drop(over func(*slice) bool) { k.spent = slices.DeleteFunc(k.spent, over) }
