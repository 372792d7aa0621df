package balancer

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// crowd are the accounts that may serve one sort of requests, by priority, and those
// who wait for one of them.
type crowd struct {
	model string // "": of whatever model; else a part kept apart while it has trouble
	tiers []*tier
	size  int // accounts in all tiers
	queue queue

	moves atomic.Uint64 // how often somebody made an account ready
	dead  atomic.Bool   // given up: no request is sent here any more, but some may be here for a moment
}

// waited tells whether somebody waits for an account of the crowd.
func (c *crowd) waited() bool { return c.queue.waiting.Load() > 0 }

// errand says what of a request decides who may serve it at all.
type errand struct {
	kind       provider.OperationKind
	model      string
	group      string
	chargeable bool
}

// place is what a route knows of an errand.
type place struct {
	crowd *crowd                // shared by the sorts that the same accounts serve
	apart atomic.Pointer[crowd] // the same accounts for this model alone, while it has trouble
	asked atomic.Int64          // when a request came for it last, to a second; in nanoseconds since 1970
	split sync.Mutex            // one makes apart
}

// waited tells whether somebody waits for one of the accounts that are kept apart.
func (p *place) waited() bool {
	apart := p.apart.Load()
	return apart != nil && apart.waited()
}

// What is remembered is bounded, since callers make up names of models: the errands,
// the accounts in all crowds that a route shares together, and those in all apart. Where
// somebody waits nothing is forgotten: there may be more for that.
const (
	maxSorts   = 4096
	maxCrowded = 1 << 20
)

// askedStep is how exactly place.asked is kept, so that most requests only read it.
const askedStep = time.Second

// crowds finds the accounts for requests on a route. It asks each sort of account
// about each sort of request once.
type crowds struct {
	members []*member // by priority
	kinds   [][]*member

	mu     sync.RWMutex
	sorts  map[errand]*place
	shared map[string]*crowd
	size   int          // accounts in shared
	parted pile[*place] // those that have a crowd apart, or are about to
	apart  int          // accounts in those

	keptSorts, keptSize int // of sorts and size: what was left when the others were forgotten
}

func newCrowds(members []*member) *crowds {
	c := &crowds{members: members, sorts: make(map[errand]*place), shared: make(map[string]*crowd)}
	at := make(map[string]int)
	for _, m := range members {
		i, ok := at[m.likeness]
		if !ok {
			i = len(c.kinds)
			at[m.likeness] = i
			c.kinds = append(c.kinds, nil)
		}
		c.kinds[i] = append(c.kinds[i], m)
	}
	return c
}

// of finds the crowd for a request.
func (c *crowds) of(t *Transport, r *Request, now int64) *crowd {
	s := errand{kind: r.Operation.Kind, model: r.Operation.Model, group: r.Hint.Group, chargeable: chargeable(r)}
	c.mu.RLock()
	p := c.sorts[s]
	c.mu.RUnlock()
	if p == nil {
		p = c.learn(t, r, s)
	}
	if now-p.asked.Load() >= int64(askedStep) {
		p.asked.Store(now)
	}
	if t.domains.inTrouble(s.model, now) {
		return c.split(t, p, s.model, now)
	}
	if p.apart.Load() != nil {
		c.rejoin(p)
	}
	return p.crowd
}

// split keeps the accounts apart for a model that has trouble, so that those which
// cannot serve it are not asked again and again.
func (c *crowds) split(t *Transport, p *place, model string, now int64) *crowd {
	if apart := p.apart.Load(); apart != nil {
		return apart
	}
	p.split.Lock()
	defer p.split.Unlock()
	if apart := p.apart.Load(); apart != nil {
		return apart
	}
	if !c.admit(p, now) { // it is slower, and as right
		return p.crowd
	}
	apart := p.crowd.split(t, model)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.parted.has(p) { // its room was given away, or all were forgotten
		return p.crowd
	}
	p.apart.Store(apart)
	return apart
}

// admit makes room to keep a place apart, in place of those that nobody has asked for
// lately, nor waits in. It may fail.
func (c *crowds) admit(p *place, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.apart+p.crowd.size > maxCrowded {
		if c.parted.len() == 0 {
			return false
		}
		idle, l := c.parted.dispensable(func(p *place) loss {
			l := loss{seen: p.asked.Load()}
			if p.waited() {
				l.kind = 1
			}
			return l
		})
		if l.kind > 0 || now-l.seen < 2*int64(askedStep) { // it would be back at once
			return false
		}
		c.part(idle)
	}
	c.parted.add(p)
	c.apart += p.crowd.size
	return true
}

// rejoin gives up the crowd of a model whose trouble is over.
func (c *crowds) rejoin(p *place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part(p)
}

// part gives up what is kept apart of a place. The lock is held.
func (c *crowds) part(p *place) {
	if c.parted.has(p) {
		c.parted.remove(p)
		c.apart -= p.crowd.size
	}
	if apart := p.apart.Swap(nil); apart != nil {
		apart.dead.Store(true)
		apart.queue.notify() // who waits there goes elsewhere
	}
}

// learn asks the accounts about an errand.
func (c *crowds) learn(t *Transport, r *Request, s errand) *place {
	var (
		members []*member
		kinds   []uint32
	)
	for i, alike := range c.kinds {
		if alike[0].suits(r) == "" {
			members, kinds = append(members, alike...), append(kinds, uint32(i))
		}
	}
	c.mu.Lock()
	p, forgot := c.add(t, s, crowdKey(t, kinds, s.model), members)
	c.mu.Unlock()
	if forgot {
		for _, m := range c.members { // they may live on for long
			m.counters.prune()
		}
	}
	return p
}

// crowdKey is equal for errands that share a crowd: for the same kinds of accounts and,
// where each has its own prices, the same model. How many kinds there are comes first: a
// caller may make up a name that reads like some.
func crowdKey(t *Transport, kinds []uint32, model string) string {
	key := binary.AppendUvarint(nil, uint64(len(kinds)))
	for _, kind := range kinds {
		key = binary.LittleEndian.AppendUint32(key, kind)
	}
	if _, cheapest := t.cfg.Picker.(Cheapest); cheapest {
		key = append(key, model...)
	}
	return string(key)
}

// add notes who serves an errand, and tells whether it had to forget all others for that.
// The lock is held.
func (c *crowds) add(t *Transport, s errand, key string, members []*member) (_ *place, forgot bool) {
	if p := c.sorts[s]; p != nil {
		return p, false
	}
	if forgot = len(c.sorts) >= max(maxSorts, 2*c.keptSorts) || c.size > max(maxCrowded, 2*c.keptSize); forgot {
		c.forget()
	}
	shared := c.shared[key]
	if shared == nil {
		c.size += len(members)
		shared = newCrowd(t, members, s.model)
		c.shared[key] = shared
	}
	p := &place{crowd: shared}
	c.sorts[s] = p
	return p, forgot
}

// forget gives up all crowds in which nobody waits. (Those who wait would be overtaken, and
// remembered again at once: with many of them, again and again.) The lock is held.
func (c *crowds) forget() {
	for _, p := range slices.Clone(c.parted.list) {
		if !p.waited() {
			c.part(p)
		}
	}
	needed := make(map[*crowd]bool)
	maps.DeleteFunc(c.sorts, func(_ errand, p *place) bool {
		apart := p.apart.Load() != nil
		needed[p.crowd] = needed[p.crowd] || apart
		return !apart
	})
	maps.DeleteFunc(c.shared, func(_ string, shared *crowd) bool {
		if needed[shared] || shared.waited() {
			return false
		}
		c.size -= shared.size
		shared.dead.Store(true)
		return true
	})
	c.keptSorts, c.keptSize = len(c.sorts), c.size
}

// newCrowd sorts accounts into tiers.
func newCrowd(t *Transport, members []*member, model string) *crowd {
	c := &crowd{size: len(members)}
	if _, cheapest := t.cfg.Picker.(Cheapest); cheapest {
		c.tiers = c.byPrice(members, model)
		return c
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.place, b.place))
	})
	for len(members) > 0 {
		n := slices.IndexFunc(members, func(m *member) bool { return m.Priority != members[0].Priority })
		if n < 0 {
			n = len(members)
		}
		c.tiers = append(c.tiers, newTier(c, members[:n:n], orderOf(t.cfg.Picker, members[:n:n])))
		members = members[n:]
	}
	return c
}

// split is the same accounts for one model.
func (c *crowd) split(of *Transport, model string) *crowd {
	apart := &crowd{model: model, size: c.size}
	for _, t := range c.tiers {
		apart.tiers = append(apart.tiers, newTier(apart, t.members, orderOf(of.cfg.Picker, t.members)))
	}
	return apart
}

// byPrice makes a tier of each price of each priority; those whose price is not known
// come last.
func (c *crowd) byPrice(members []*member, model string) (tiers []*tier) {
	type offer struct {
		m    *member
		cost int64
	}
	offers := make([]offer, len(members))
	for i, m := range members {
		offers[i] = offer{m, m.price(model)}
		if offers[i].cost < 0 {
			offers[i].cost = noEnd
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.m.Priority, b.m.Priority), cmp.Compare(a.cost, b.cost), cmp.Compare(a.m.place, b.m.place))
	})
	for len(offers) > 0 {
		same := make([]*member, 0, 1)
		for len(same) < len(offers) && offers[len(same)].cost == offers[0].cost && offers[len(same)].m.Priority == offers[0].m.Priority {
			same = append(same, offers[len(same)].m)
		}
		tiers = append(tiers, newTier(c, same, orderOf(LeastLoaded{}, same)))
		offers = offers[len(same):]
	}
	return tiers
}

// orderOf is the order in which a Picker goes through accounts.
func orderOf(picker Picker, members []*member) order {
	weights := make([]int64, len(members))
	for i, m := range members {
		weights[i] = int64(max(m.Weight, 1))
	}
	switch picker.(type) {
	case InOrder:
		return newFirst(len(members))
	case RoundRobin:
		return newTurns(weights)
	case Random:
		return newWeighted(weights)
	case LeastLoaded, Cheapest:
		return &paired{newWeighted(weights), func(i, j int) bool { return lighter(members[i].candidate(), members[j].candidate()) }}
	default:
		return newDense(len(members))
	}
}
