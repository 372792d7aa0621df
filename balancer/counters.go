package balancer

import (
	"math"
	"net/url"
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
	resort   atomic.Bool              // it is being tried although it rests
	speed    peak
	url      atomic.Pointer[shownURL]    // of the last attempt
	recent   recent                      // attempts that failed
	checked  atomic.Pointer[CheckResult] // the last active check

	parked atomic.Int32 // the length of spots
	mu     sync.Mutex
	spots  []spot // where the account is to be made ready when something has changed
}

// fullness is that a limit of the account is used up.
type fullness struct {
	until  int64
	reason string
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

// told notes what an answer's headers say of rate limits, if they say anything.
func (c *counters) told(limits []provider.RateLimit) {
	if limits == nil {
		return
	}
	kept := limits // so that nothing is kept where there is nothing
	c.limits.Store(&kept)
}

// release gives a slot back, and lets those know who wait for one.
func (c *counters) release() {
	c.inFlight.Add(-1)
	c.wake()
}

// list notes a tier in which the account is not ready.
func (c *counters) list(s spot) {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	c.spots = nil
	c.parked.Store(0)
	c.mu.Unlock()
	for _, s := range spots {
		s.tier.wake(s.place)
	}
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
