package quota

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/quota/internal/byid"
	"github.com/aitransport/aitransport/quota/internal/tally"
)

const (
	memoryShards = 64 // a power of two
	sweepEvery   = int64(time.Minute)
	sweepFull    = int64(time.Second) // how often a full store looks for room
)

// MemoryConfig says how large a Memory may grow.
type MemoryConfig struct {
	// MaxKeys bounds how many keys are remembered; 0: 1,000,000; negative: no bound. A key is remembered while anything
	// counts in one of its windows, and for ever if that is WindowTotal. When so many are, a new one is refused: to
	// forget what another has used would be to let it overspend.
	MaxKeys int
}

// Memory is a Store for one process; it is a Renewer, an Inspector, a Granter and a Charger too. All limits of a key are
// checked and charged under one lock, and those of several keys under all of theirs. It has no goroutine and needs no
// Close: what is over is dropped when its key, or now and then another, is used. Its methods may be called by any number
// of goroutines.
//
// The clock being set does not disturb it: what a rolling window holds and when a reservation expires goes by a clock that
// is not set. Daily, weekly and monthly windows go by the clock on the wall; put back by less than a window, it finds none
// again that it has left.
type Memory struct {
	seed    maphash.Seed
	start   time.Time // all times are counted from here, on the monotonic clock
	maxKeys int64
	keys    atomic.Int64
	looked  atomic.Int64 // when a full store last looked for room
	shards  [memoryShards]shard
}

var _ interface {
	Store
	Renewer
	Inspector
	Granter
	Charger
} = (*Memory)(nil)

type shard struct {
	mu      sync.Mutex
	ledgers map[string]*ledger
	records byid.Map[record]
	lastID  uint64
	swept   int64 // when it was last searched for keys to forget
}

// NewMemory is an empty Memory: nothing is used.
func NewMemory(c MemoryConfig) *Memory {
	m := &Memory{seed: maphash.MakeSeed(), start: time.Now(), maxKeys: int64(c.MaxKeys)}
	if c.MaxKeys == 0 {
		m.maxKeys = 1_000_000
	}
	m.looked.Store(-sweepFull)
	for i := range m.shards {
		m.shards[i].ledgers = make(map[string]*ledger)
	}
	return m
}

// Reserve implements [Store].
func (m *Memory) Reserve(ctx context.Context, key string, limits []Limit, a Amount, ttl time.Duration) (Reservation, error) {
	if err := ctx.Err(); err != nil {
		return Reservation{}, err
	}
	if err := CheckReserve(key, limits, a, ttl); err != nil {
		return Reservation{}, err
	}
	now := m.moment(anyZoned(limits))
	m.makeRoom(now)
	n := m.shardOf(key)
	sh := &m.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	m.sweep(sh, now, sweepEvery)
	l, err := m.open(sh, key)
	if err != nil {
		return Reservation{}, err
	}
	now = l.now(now)
	l.expire(now.At, sh.forget)
	var few [fewCounters]*counter
	counters, ok := l.fit(few[:0], limits, a, now)
	if !ok {
		err := l.exceeded(key, limits, a, now)
		m.close(sh, key, l)
		return Reservation{}, err
	}
	return m.charge(n, key, l, l.open(counters, limits), a, ttl, now), nil
}

// charge makes the reservation, for which there is room. The caller holds the lock of the shard of that number.
func (m *Memory) charge(n uint64, key string, l *ledger, counters []*counter, a Amount, ttl time.Duration, now tally.Moment) Reservation {
	sh := &m.shards[n]
	sh.lastID++
	id := sh.lastID*memoryShards + n
	r := sh.records.Add(id)
	r.id, r.ledger, r.resets, r.estimate = id, l, l.resets, a
	r.at, r.ttl, r.due = now.At, int64(ttl), tally.Plus(now.At, int64(ttl))
	r.counters = append(r.few[:0], counters...)
	l.charge(r, now)
	return Reservation{ID: idText(id), Key: key, Expires: m.time(r.due)}
}

// Settle implements [Store].
func (m *Memory) Settle(ctx context.Context, r Reservation, used Amount) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckSettle(r, used); err != nil {
		return err
	}
	now := m.now()
	sh, id := m.find(r)
	if sh == nil {
		return nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	rec, now := sh.known(id, r.Key, now)
	if rec == nil {
		return nil
	}
	rec.ledger.settle(rec, used, now)
	sh.forget(rec)
	return nil
}

// Renew implements [Renewer].
func (m *Memory) Renew(ctx context.Context, r Reservation, ttl time.Duration) (Reservation, error) {
	if err := ctx.Err(); err != nil {
		return Reservation{}, err
	}
	if err := CheckRenew(r, ttl); err != nil {
		return Reservation{}, err
	}
	now := m.now()
	sh, id := m.find(r)
	if sh == nil {
		return Reservation{}, ErrExpired
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	rec, now := sh.known(id, r.Key, now)
	if rec == nil || rec.expired {
		return Reservation{}, ErrExpired
	}
	rec.ttl, rec.due = int64(ttl), tally.Plus(now.At, int64(ttl))
	rec.ledger.records.fix(rec)
	r.Expires = m.time(rec.due)
	return r, nil
}

// exceeded is the error about the limit that will have room last.
func (l *ledger) exceeded(key string, limits []Limit, a Amount, now tally.Moment) error {
	standings := make([]Standing, len(limits))
	for i := range limits {
		standings[i] = l.standing(&limits[i], a.Of(limits[i].Unit), now)
	}
	return NewExceededError(key, limits, a, standings)
}

// now is the time. On the store's clock it is counted from when the store was made, and goes forward only.
func (m *Memory) now() tally.Moment { return tally.Moment{At: int64(time.Since(m.start))} }

// moment is now for limits: on the wall too if any of them goes by that, so that it is one time for all of them. Looking
// at both clocks at once costs less than looking at each, and much more than looking at one.
func (m *Memory) moment(zoned bool) tally.Moment {
	if !zoned {
		return m.now()
	}
	wall := time.Now()
	return tally.Moment{At: int64(wall.Sub(m.start)), Wall: wall}
}

func anyZoned(limits []Limit) bool {
	for i := range limits {
		if limits[i].Window.zoned() {
			return true
		}
	}
	return false
}

// time is the wall time of one of the store's times.
func (m *Memory) time(at int64) time.Time { return m.start.Add(time.Duration(at)) }

func (m *Memory) shardOf(key string) uint64 { return maphash.String(m.seed, key) % memoryShards }
