package balancer

import (
	"math"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// counters outlive a change of accounts: the account of the same name goes on with
// them.
type counters struct {
	inFlight atomic.Int64
	served   atomic.Int64
	limits   atomic.Pointer[[]provider.RateLimit]
	full     atomic.Pointer[fullness] // a limit was found used up
	refunds  atomic.Uint64            // how often something that was reserved was given back
	resort   atomic.Bool              // it is being tried although it rests
	speed    peak
	url      atomic.Pointer[shownURL]    // of the last attempt
	recent   recent                      // attempts that failed
	checked  atomic.Pointer[CheckResult] // the last active check

	parked atomic.Int32 // the length of spots
	mu     sync.Mutex
	spots  []spot // where the account is to be made ready when something has changed
	tidy   int    // at that length of spots those in crowds that are given up are dropped
}

// fullness is that a limit of the account is used up.
type fullness struct {
	until    int64     // when the store is asked again
	retryAt  time.Time // when there is room, if nobody does anything about it; zero: nobody knows
	reason   string
	inFlight bool // it is that of what is in flight, here and elsewhere
}

// shownURL is a URL as it may be shown.
type shownURL struct{ scheme, host, path, rawPath, text string }

// shown is a URL without what may be secret in it: as a rule the one of the last
// request, so that is kept.
func (c *counters) shown(u *url.URL) string {
	last := c.url.Load()
	if last == nil || last.scheme != u.Scheme || last.host != u.Host || last.path != u.Path || last.rawPath != u.RawPath {
		last = &shownURL{u.Scheme, u.Host, u.Path, u.RawPath, shown(u)}
		c.url.Store(last)
	}
	return last.text
}

// why is what a limit that is used up means: whether it is worth to wait for.
func (f *fullness) why() unready {
	if f.inFlight || !f.retryAt.IsZero() {
		return busyNow
	}
	return spentNow
}

// told notes what an answer's headers say of rate limits, if they say anything.
func (c *counters) told(limits []provider.RateLimit) {
	if limits == nil {
		return
	}
	kept := limits // so that nothing is kept where there is nothing
	c.limits.Store(&kept)
}

// acquire takes a slot, unless most of them are taken; 0: there is no limit.
func (c *counters) acquire(most int64) bool {
	if most <= 0 {
		c.inFlight.Add(1)
		return true
	}
	for {
		n := c.inFlight.Load()
		if n >= most {
			return false
		}
		if c.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives a slot back, and lets those know who wait for one.
func (c *counters) release() {
	c.inFlight.Add(-1)
	if f := c.full.Load(); f != nil && f.inFlight {
		c.full.CompareAndSwap(f, nil) // others may still hold too many: the store knows
	}
	c.wake()
}

// refuse gives a slot back that was not used, since a limit was found used up; nil: for
// another reason. What was given back since is not forgotten.
func (c *counters) refuse(f *fullness, refunds uint64) {
	c.release()
	if f != nil && c.refunds.Load() == refunds {
		c.full.Store(f)
		if c.refunds.Load() != refunds {
			c.full.CompareAndSwap(f, nil)
		}
	}
}

// refunded notes that something that was reserved is there again.
func (c *counters) refunded() {
	c.refunds.Add(1)
	c.full.Store(nil)
}

// list notes a tier in which the account is not ready.
func (c *counters) list(s spot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spots) >= c.tidy {
		c.drop()
		c.tidy = max(2, 2*len(c.spots))
	}
	c.spots = append(c.spots, s)
	c.parked.Store(int32(len(c.spots))) //nolint:gosec // tiers
}

// wake makes the account ready in all tiers, as far as is known: they look at it
// again.
func (c *counters) wake() {
	if c.parked.Load() == 0 {
		return
	}
	c.mu.Lock()
	spots := c.spots
	c.spots, c.tidy = nil, 0
	c.parked.Store(0)
	c.mu.Unlock()
	for _, s := range spots {
		s.tier.wake(s.place)
	}
}

// prune forgets the places in crowds that are given up, and with them the crowds.
func (c *counters) prune() {
	if c.parked.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	c.parked.Store(int32(len(c.spots))) //nolint:gosec // tiers
}

// drop is prune under the lock, and possibly under that of a tier. Who is still in such a
// crowd finds all accounts ready there.
func (c *counters) drop() {
	c.spots = slices.DeleteFunc(c.spots, func(s spot) bool { return s.tier.crowd.dead.Load() })
}

// peak is a moving average of how long answers take to begin, which rises at once and
// falls slowly: one that has become slow is found out by its first slow answer. When
// nothing has been measured for a while it is forgotten, so that a slow one is tried
// again. (Were it to fall slowly, those that are seldom asked would look fast.)
type peak struct {
	mu    sync.Mutex
	value float64 // nanoseconds
	at    time.Time
	bits  atomic.Uint64 // value, for who reads it without the lock
	when  atomic.Int64  // at
}

const (
	peakDecay = 10 * time.Second // in which the average falls to a third, when answers are faster
	peakLife  = 30 * time.Second // after the last answer
)

// add notes a measurement.
func (p *peak) add(d time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := float64(d)
	if p.value > v {
		old := math.Exp(-float64(now.Sub(p.at)) / float64(peakDecay))
		v = p.value*old + v*(1-old)
	}
	p.value, p.at = v, now
	p.bits.Store(math.Float64bits(v))
	p.when.Store(now.UnixNano())
}

// get is the average; 0: nothing was measured lately.
func (p *peak) get(now int64) time.Duration {
	if now-p.when.Load() > int64(peakLife) {
		return 0
	}
	return time.Duration(math.Float64frombits(p.bits.Load()))
}

func (m *member) candidate() Candidate {
	return m.candidateAt(time.Now().UnixNano())
}

// candidateAt is what a Picker may know of the account.
func (m *member) candidateAt(now int64) Candidate {
	return Candidate{
		Name: m.Name, Weight: max(m.Weight, 1), InFlight: int(m.counters.inFlight.Load()),
		Served: m.counters.served.Load(), FirstByte: m.counters.speed.get(now), Price: -1,
	}
}
