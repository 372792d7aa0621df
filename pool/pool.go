package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// ErrClosed is returned by Acquire after Close or Shutdown, and to those who wait
// in Acquire when the pool is closed.
var ErrClosed = errors.New("pool: closed")

// Config sets up a [Pool]. The zero value is ready for use; a negative duration
// means none.
type Config struct {
	MaxAgents int           // 0 or less: 100
	TTL       time.Duration // since last use, Acquire or Release, for an agent that nobody uses; 0: 5 minutes
	MaxAge    time.Duration // since creation, after which an agent takes no new requests; 0: 30 minutes
	Sweep     time.Duration // between sweeps while there are agents; 0: 30 seconds. An agent found expired by Acquire goes without one
	Logger    *slog.Logger  // statistics at Debug when a sweep changed anything, a full pool at Warn; nil: silent
}

func (c Config) withDefaults() Config {
	if c.MaxAgents <= 0 {
		c.MaxAgents = 100
	}
	c.TTL = cmp.Or(c.TTL, 5*time.Minute)
	c.MaxAge = cmp.Or(c.MaxAge, 30*time.Minute)
	c.Sweep = cmp.Or(c.Sweep, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Pool keeps agents by key. It is safe for concurrent use. Agents belong to the
// pool: it creates them through its users and closes them.
type Pool struct {
	cfg  Config
	ctx  context.Context // ends with Close: for creations, and those who wait for one
	kill context.CancelFunc

	born time.Time // when the pool's clock began

	mu       sync.Mutex
	index    *index
	order    *simplelru.LRU[*entry, struct{}] // the pooled ones, by last Release; by pointer, which hashes faster than a Key
	live     map[*entry]struct{}              // every entry whose close has not returned, pooled or not
	creating int                              // flights under way, also those that nobody can join
	timer    *time.Timer                      // of the sweep; nil: never needed yet
	armed    bool                             // the timer runs
	closed   bool                             // by Shutdown or Close: takes no new work
	killed   bool                             // by Close
	drained  chan struct{}

	hits, misses, evictions, temporary uint64
}

// index is what is found by key. It is a struct behind a pointer so that a printed
// Pool does not show the keys' routes.
type index struct {
	agents  map[Key]*entry  // the pooled ones
	flights map[Key]*flight // creations that callers can join, unless they are stale
}

// New makes an empty pool. Close it.
func New(cfg Config) *Pool {
	cfg = cfg.withDefaults()
	// The pool evicts by itself, before it adds, so the list never overflows.
	order, err := simplelru.NewLRU[*entry, struct{}](cfg.MaxAgents, nil)
	if err != nil {
		panic("pool: " + err.Error()) // only for a size below 1, which withDefaults excludes
	}
	p := &Pool{
		cfg: cfg, born: time.Now(), order: order, live: make(map[*entry]struct{}),
		index:   &index{agents: make(map[Key]*entry), flights: make(map[Key]*flight)},
		drained: make(chan struct{}),
	}
	p.ctx, p.kill = context.WithCancel(context.Background())
	return p
}

// Format prints how many agents there are, for every verb. By its fields a Pool in
// use could not be printed safely, and would show the keys' routes.
func (p *Pool) Format(s fmt.State, _ rune) {
	p.mu.Lock()
	pooled, draining := len(p.index.agents), len(p.live)-len(p.index.agents)
	p.mu.Unlock()
	_, _ = fmt.Fprintf(s, "agent pool (agents: %d, draining: %d)", pooled, draining)
}

// Acquire returns a lease on the agent for the key, and makes one by create if
// there is none. Callers that ask for the same missing key at once share one call
// of create and get its agent or its error, which is not remembered.
//
// create runs in a goroutine of its own, as it may outlive its callers. Its context
// has the values of the first caller's but not its end, so that one who gives up
// fails nobody else; it ends when create has returned, or the pool is closed.
// What is made when all callers have given up is kept for the next.
//
// If the pool is full, the least recently used idle agent makes room; if all are
// busy, the new one is temporary: it serves those who asked and is closed after
// them.
//
// The error is create's, the context's, or [ErrClosed].
func (p *Pool) Acquire(ctx context.Context, k Key, create func(context.Context) (Agent, error)) (Lease, error) {
	if err := ctx.Err(); err != nil {
		return Lease{}, err
	}
	now := p.now()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return Lease{}, ErrClosed
	}
	e, expired := p.lookupLocked(k, now)
	if e != nil {
		p.hits++
		l := e.leaseLocked()
		p.mu.Unlock()
		return l, nil
	}
	p.misses++
	f := p.joinLocked(ctx, k, create)
	p.mu.Unlock()
	p.finish(expired)
	return p.await(ctx, f)
}

// TryAcquire returns a lease on the agent for the key if there is one that may be
// used. It creates nothing and never waits: it is Acquire's quick way, for callers
// who would rather not make a create func for nothing. A miss is not counted, since
// Acquire is expected to follow.
func (p *Pool) TryAcquire(k Key) (Lease, bool) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.index.agents[k]
	if p.closed || e == nil || e.expired(now, &p.cfg) {
		return Lease{}, false
	}
	e.users++
	p.hits++
	return e.leaseLocked(), true
}

// lookupLocked finds a pooled agent that may still be used, and counts the caller
// as its user. expired is one that may not, for the caller to finish; it may be nil.
func (p *Pool) lookupLocked(k Key, now time.Duration) (e, expired *entry) {
	e = p.index.agents[k]
	if e == nil {
		return nil, nil
	}
	if e.expired(now, &p.cfg) {
		return nil, p.dropLocked(e)
	}
	e.users++
	return e, nil
}

// now is the time since the pool was made: it costs half of time.Now.
func (p *Pool) now() time.Duration { return time.Since(p.born) }

// dropLocked takes an entry out of the pool. It returns the entry if nobody uses
// it, for the caller to finish once the mutex is free.
func (p *Pool) dropLocked(e *entry) *entry {
	if e.pooled {
		e.pooled = false
		delete(p.index.agents, *e.key)
		p.order.Remove(e)
		p.evictions++
		p.tendTimerLocked()
	}
	return p.endLocked(e)
}

// dropAllLocked drops the chosen pooled entries and returns those to finish.
func (p *Pool) dropAllLocked(choose func(*entry) bool) []*entry {
	var over []*entry
	for _, e := range p.index.agents {
		if choose(e) {
			if unused := p.dropLocked(e); unused != nil {
				over = append(over, unused)
			}
		}
	}
	return over
}

// endLocked claims the closing of an entry that is not in the pool, if nobody uses
// it. One caller gets the entry, and must finish it.
func (p *Pool) endLocked(e *entry) *entry {
	if e.users > 0 || e.closed {
		return nil
	}
	e.closed = true
	return e
}

// finish closes entries whose closing the caller has claimed. nil ones are skipped.
func (p *Pool) finish(over ...*entry) {
	for _, e := range over {
		if e == nil {
			continue
		}
		e.close()
		p.mu.Lock()
		delete(p.live, e)
		p.drainedLocked()
		p.mu.Unlock()
	}
}

// release ends a lease, if it is out.
func (p *Pool) release(l Lease) {
	p.mu.Lock()
	if !l.entry.places.vacate(l.place, l.turn) {
		p.mu.Unlock()
		return
	}
	p.unuseAndUnlock(l.entry)
}

// unuseAndUnlock ends one use of an entry. It unlocks the mutex, as it may have to
// close the agent.
func (p *Pool) unuseAndUnlock(e *entry) {
	var over *entry
	e.users--
	if e.users == 0 {
		e.idleSince = p.now()
	}
	if e.pooled {
		p.order.Get(e) // now the most recently used
	} else {
		over = p.endLocked(e)
	}
	late := over == nil && e.closed && e.users == 0
	p.mu.Unlock()
	if late {
		e.closeLate()
	}
	p.finish(over)
}

// retire takes an entry out of the pool at a user's word.
func (p *Pool) retire(e *entry) {
	p.mu.Lock()
	over := p.dropLocked(e)
	p.mu.Unlock()
	p.finish(over)
}
