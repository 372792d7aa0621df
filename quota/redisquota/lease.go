package redisquota

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/byid"
)

//go:embed lease.lua
var leaseText string

var leaseScript = library + leaseText

// LeaseConfig says how large slices are and how long they serve.
type LeaseConfig struct {
	// Slice is for how long a slice serves at most; 0: 5 s. It serves a twentieth of the shortest rolling window where
	// that is less, and not beyond the end of a day, week or month.
	Slice time.Duration

	// Parts says how large a slice is: one in so many parts of what is left of its limits; 0: 16. So slices shrink as the
	// limits are used up, in the end to what a single call asks for.
	Parts int

	// TTL is for how long the server remembers a slice without hearing of it; 0: one minute, and at least 4 Slices. Of a
	// program that cannot reach the server for longer, estimates stand as what was used.
	TTL time.Duration

	// Total leases total limits too. What a program that died had in hand then stands as used until Reset or Grant.
	Total bool

	MaxKeys int // of which slices are in hand at a time; 0: 10,000. Others are reserved in the store

	// Failed is told that the server could not be told what was used of slices, which is tried again. One goroutine calls
	// it, and waits; no lock is held. nil: not told.
	Failed func(err error)
}

const (
	leaseID     = "lease~" // how the IDs of all reservations from slices begin
	leaseShards = 64       // a power of two
	lifeShare   = 20       // of a rolling window, in which a slice serves
	minRolling  = 2 * time.Second
	maxPurses   = 16 // lists of limits of one key
)

// Leased is a Store in front of a [Store] that takes slices of limits from it first, so that most calls of Reserve and
// Settle need no network: all that is in hand counts as used on the server, and so nothing is overspent, however many
// programs have slices or use the Store itself. What was not used goes back after [LeaseConfig.Slice] at the latest, when
// this program would otherwise be refused, and at Close. It is a Renewer, an Inspector and a Granter too. Its methods may
// be called by any number of goroutines. It has one goroutine, which ends at Close.
//
// Rolling windows of 2 s and more and daily, weekly and monthly windows are leased, total ones if the config says so. A
// Reserve with another limit, such as InFlight, or with none is one call of the Store, with all its limits. InFlight
// counts only those: what is reserved from a slice is not in flight on the server.
//
// The price: a rolling window holds a spend up to a fifteenth too long, since a slice counts from the end of its time on
// (spends of the Store itself, too, while others lease). A program may be refused what others have in hand, for the time
// of a slice. Of a program that dies, what it had in hand stands as used until the windows have passed, as of any
// reservation that expires. A reservation from a slice is known to the Leased that made it alone: another program settles
// and renews nothing with it. What others have in hand at a Reset can be spent on top of what is allowed from then on.
type Leased struct {
	store *Store
	cfg   LeaseConfig
	own   string // how the IDs of its reservations begin
	seed  maphash.Seed
	start time.Time
	keys  atomic.Int64

	closed atomic.Bool
	wake   chan *leasedKey // has something to tell now
	stop   context.CancelFunc
	done   chan struct{}

	shards [leaseShards]leaseShard
}

var _ interface {
	quota.Store
	quota.Renewer
	quota.Inspector
	quota.Granter
} = (*Leased)(nil)

type leaseShard struct {
	mu     sync.Mutex
	keys   map[string]*leasedKey
	holds  byid.Map[hold]
	lastID uint64
}

// NewLeased is a Leased in front of a store. It is to be closed.
func NewLeased(store *Store, c LeaseConfig) (*Leased, error) {
	switch {
	case store == nil:
		return nil, errors.New("redisquota: NewLeased without a store")
	case c.Slice < 0 || c.Parts < 0 || c.TTL < 0 || c.MaxKeys < 0:
		return nil, fmt.Errorf("redisquota: LeaseConfig with a negative number: Slice %v, Parts %d, TTL %v, MaxKeys %d", c.Slice, c.Parts, c.TTL, c.MaxKeys)
	}
	if c.Slice == 0 {
		c.Slice = 5 * time.Second
	}
	if c.Parts == 0 {
		c.Parts = 16
	}
	if c.TTL == 0 {
		c.TTL = time.Minute
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = 10_000
	}
	c.TTL = max(c.TTL, 4*c.Slice)
	ctx, stop := context.WithCancel(context.Background())
	l := &Leased{
		store: store, cfg: c, own: leaseID + rand.Text()[:16] + "~", seed: maphash.MakeSeed(), start: time.Now(),
		wake: make(chan *leasedKey, 256), stop: stop, done: make(chan struct{}),
	}
	for i := range l.shards {
		l.shards[i].keys = make(map[string]*leasedKey)
	}
	go l.keep(ctx)
	return l, nil
}

// Reserve implements [quota.Store].
func (l *Leased) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if err := ctx.Err(); err != nil {
		return quota.Reservation{}, err
	}
	if err := quota.CheckReserve(key, limits, a, ttl); err != nil {
		return quota.Reservation{}, err
	}
	sh := l.shard(key)
	sh.mu.Lock()
	k, p := sh.find(key, limits)
	if p != nil {
		if r, ok := l.admit(sh, k, p, a, ttl); ok {
			sh.mu.Unlock()
			return r, nil
		}
	} else if l.leases(limits) {
		k, p = l.open(sh, key, limits)
	}
	sh.mu.Unlock()
	if p == nil {
		return l.pass(ctx, k, key, limits, a, ttl)
	}
	return l.refill(ctx, sh, k, p, a, ttl)
}

// leases reports whether slices may be taken of all of the limits.
func (l *Leased) leases(limits []quota.Limit) bool {
	return len(limits) > 0 && !slices.ContainsFunc(limits, func(limit quota.Limit) bool {
		switch limit.Window.Kind() {
		case quota.WindowNone:
			return true
		case quota.WindowTotal:
			return !l.cfg.Total
		default:
			return limit.Window.Kind() == quota.WindowRolling && limit.Window.Length() < minRolling
		}
	})
}

// pass reserves in the store. What is in hand here goes back before the caller is refused.
func (l *Leased) pass(ctx context.Context, k *leasedKey, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	r, err := l.store.Reserve(ctx, key, limits, a, ttl)
	if k == nil || !errors.Is(err, quota.ErrExceeded) {
		return r, err
	}
	gave, failure := l.giveBack(ctx, k)
	if failure != nil || !gave {
		return r, errors.Join(err, failure)
	}
	return l.store.Reserve(ctx, key, limits, a, ttl)
}

// shard is the one of a key.
func (l *Leased) shard(key string) *leaseShard {
	return &l.shards[l.shardOf(key)]
}

func (l *Leased) shardOf(key string) uint64 { return maphash.String(l.seed, key) % leaseShards }

// now is the time on a clock that is not set.
func (l *Leased) now() int64 { return int64(time.Since(l.start)) }

// moment is now: on a clock that is not set, and on the wall. A machine that slept has not counted its sleep on the first.
func (l *Leased) moment() (now, wall int64) {
	t := time.Now()
	return int64(t.Sub(l.start)), t.UnixNano()
}

// admit reserves from the slice in hand, if there is enough of it. The caller holds the shard's lock.
func (l *Leased) admit(sh *leaseShard, k *leasedKey, p *purse, a quota.Amount, ttl time.Duration) (quota.Reservation, bool) {
	s := p.slice
	if s == nil {
		return quota.Reservation{}, false
	}
	now, wall := l.moment()
	if s.over(now, wall) {
		return quota.Reservation{}, false
	}
	for _, u := range p.units {
		if a.Of(u) > s.left(u) {
			return quota.Reservation{}, false
		}
	}
	return l.hold(sh, k, s, a, ttl, now), true
}

// hold makes a reservation from a slice. The caller holds the shard's lock.
func (l *Leased) hold(sh *leaseShard, k *leasedKey, s *slice, a quota.Amount, ttl time.Duration, now int64) quota.Reservation {
	s.calls++
	for _, u := range s.units {
		s.held[u] += a.Of(u)
	}
	sh.lastID++
	id := sh.lastID*leaseShards + k.shard
	ttl = min(ttl, maxTTL)
	*sh.holds.Add(id) = hold{key: k, slice: s, estimate: a, ttl: int64(ttl), due: now + int64(ttl)}
	var text [64]byte
	return quota.Reservation{
		ID:      string(byid.AppendText(append(text[:0], l.own...), id)),
		Key:     k.key,
		Expires: l.start.Add(time.Duration(now) + ttl),
	}
}
