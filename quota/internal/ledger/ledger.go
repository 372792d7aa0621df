// Package ledger is everything that a shared store knows of one key, as bytes: what was spent in each window, and the
// reservations that can still be settled. A store that can lock a key reads its bytes, opens them, lets one thing happen,
// and writes the new bytes, all under the lock; the arithmetic is that of quota.Memory.
//
//	state ──► Open(state, the server's time) ──► Fit, Charge │ Settle │ Renew │ Reset │ Grant ──► State ──► state
//
// The bytes say in which format they are, and are the same for every program that shares the store.
package ledger

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/tally"
)

// backlash is by how much the server's clock may be put back for the ledger's to wait until it is there again. By more,
// and the ledger's goes on from where it was. It is longer than two calls can be out of order, and short enough to wait.
const backlash = time.Minute

const idBase = 32 // of Reservation.ID

// Ledger is open for one thing to happen. It is not safe for use by several goroutines.
type Ledger struct {
	counters []*counter // one for each unit and window that anything counts in
	records  []*record  // reservations that can still be settled
	resets   int64      // how often the counters were cleared
	clock    int64      // the ledger's own, which does not go back
	offset   int64      // by which it is ahead of the server's
	now      tally.Moment
	stepped  bool
}

// counter is the tally of one unit in one window.
type counter struct {
	unit   quota.Unit
	window quota.Window
	tally  tally.Tally
}

// record is what is known of a reservation.
type record struct {
	id       uint64
	estimate quota.Amount
	counters []*counter // what it is charged to
	at       int64      // when it was charged
	ttl      int64
	due      int64 // when it expires; if it has: when it is forgotten
	expired  bool
	resets   int64 // of the ledger, when it was charged
}

// Open reads a ledger's state as it is at a time of the server's clock. The empty state is a key of which nothing is
// known.
func Open(state []byte, now time.Time) (*Ledger, error) {
	l := &Ledger{}
	if len(state) > 0 {
		if err := l.load(state); err != nil {
			return nil, err
		}
	}
	l.advance(now)
	l.expire()
	return l, nil
}

// advance moves the ledger's clock on to a time of the server's.
func (l *Ledger) advance(wall time.Time) {
	at := wall.UnixNano() + l.offset
	switch behind := l.clock - at; {
	case behind <= 0:
		l.clock = at
	case behind > int64(backlash):
		l.offset += behind
		l.stepped = true
	}
	l.now = tally.Moment{At: l.clock, Wall: wall}
}

// Stepped reports whether the server's clock was put back. The new state is then to be kept even if a refusal is all that
// happens: time would not go on otherwise.
func (l *Ledger) Stepped() bool { return l.stepped }

// expire ends what is due, and forgets what has been over for a ttl.
func (l *Ledger) expire() {
	l.records = slices.DeleteFunc(l.records, func(r *record) bool {
		if !r.expired && r.due <= l.clock {
			r.expired, r.due = true, tally.Plus(r.due, r.ttl)
		}
		return r.expired && r.due <= l.clock
	})
}

// Reservations is how many can still be settled.
func (l *Ledger) Reservations() int { return len(l.records) }

func (l *Ledger) inFlight() (n int64) {
	for _, r := range l.records {
		if !r.expired {
			n++
		}
	}
	return n
}

// lookup finds the counter of a limit; nil: there is none.
func (l *Ledger) lookup(limit quota.Limit) *counter {
	for _, c := range l.counters {
		if c.unit == limit.Unit && c.window == limit.Window {
			return c
		}
	}
	return nil
}

// open finds the counters of the limits, each once, and makes those that are missing.
func (l *Ledger) open(limits []quota.Limit) (found []*counter) {
	for _, limit := range limits {
		if limit.Unit == quota.InFlight {
			continue
		}
		c := l.lookup(limit)
		if c == nil {
			c = newCounter(limit.Unit, limit.Window)
			l.counters = append(l.counters, c)
			remember(limit.Window)
		}
		if !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	return found
}

func newCounter(u quota.Unit, w quota.Window) *counter {
	c := &counter{unit: u, window: w}
	switch w.Kind() {
	case quota.WindowRolling:
		c.tally = tally.NewRolling(int64(w.Length()))
	case quota.WindowTotal:
		c.tally = new(tally.Total)
	default:
		c.tally = tally.NewZoned(w.Bounds)
	}
	return c
}

// used is what is used of a limit.
func (l *Ledger) used(limit quota.Limit) int64 {
	if limit.Unit == quota.InFlight {
		return l.inFlight()
	}
	if c := l.lookup(limit); c != nil {
		return c.tally.Used(l.now)
	}
	return 0
}

// left is how much of a limit is left: below 0 in debt, above Max after a grant.
func left(limit quota.Limit, used int64) int64 { return tally.Plus(limit.Max, -used) }

// standing is what the ledger knows of the limit, for one who asks for so much of it.
func (l *Ledger) standing(limit quota.Limit, asked int64) quota.Standing {
	s := quota.Standing{Used: l.used(limit)}
	if limit.Unit == quota.InFlight {
		return s
	}
	if over := tally.Plus(asked, -left(limit, s.Used)); over > 0 {
		if c := l.lookup(limit); c != nil {
			s.RoomAt, _ = c.tally.RoomAt(l.now, over)
		}
	}
	return s
}

// Fit returns nil if every limit of the key has room for the amount; otherwise an *ExceededError, and nothing changes.
func (l *Ledger) Fit(key string, limits []quota.Limit, a quota.Amount) error {
	full := slices.ContainsFunc(limits, func(limit quota.Limit) bool { return a.Of(limit.Unit) > left(limit, l.used(limit)) })
	if !full {
		return nil
	}
	standings := make([]quota.Standing, len(limits))
	for i, limit := range limits {
		standings[i] = l.standing(limit, a.Of(limit.Unit))
	}
	return quota.NewExceededError(key, limits, a, standings)
}

// Charge reserves the amount, for which Fit found room.
func (l *Ledger) Charge(key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) quota.Reservation {
	r := &record{
		id: newID(), estimate: a, counters: l.open(limits), resets: l.resets,
		at: l.clock, ttl: int64(ttl), due: tally.Plus(l.clock, int64(ttl)),
	}
	for _, c := range r.counters {
		c.tally.Add(l.now, a.Of(c.unit))
	}
	l.records = append(l.records, r)
	return quota.Reservation{ID: strconv.FormatUint(r.id, idBase), Key: key, Expires: l.wall(r.due)}
}

// newID is a number that no reservation had before it, also where the ledger was dropped or is an old copy.
func newID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // which never fails
	return binary.NativeEndian.Uint64(b[:])
}

// wall is the server's time of one of the ledger's.
func (l *Ledger) wall(at int64) time.Time { return l.now.Wall.Add(time.Duration(at - l.clock)) }

// find is where the record of a reservation is; -1: it is not known.
func (l *Ledger) find(r quota.Reservation) int {
	id, err := strconv.ParseUint(r.ID, idBase, 64)
	if err != nil {
		return -1
	}
	return slices.IndexFunc(l.records, func(r *record) bool { return r.id == id })
}

// Settle replaces the estimate by what was used, and forgets the reservation. It reports whether it was known.
func (l *Ledger) Settle(of quota.Reservation, used quota.Amount) bool {
	i := l.find(of)
	if i < 0 {
		return false
	}
	r := l.records[i]
	for _, c := range r.counters {
		switch more := used.Of(c.unit) - r.estimate.Of(c.unit); {
		case more > 0:
			c.tally.Add(l.now, more)
		case more < 0 && r.resets == l.resets:
			c.tally.GiveBack(r.at, -more)
		}
	}
	l.records = slices.Delete(l.records, i, i+1)
	return true
}

// Renew makes the reservation expire ttl from now. It reports whether it lives.
func (l *Ledger) Renew(of quota.Reservation, ttl time.Duration) (quota.Reservation, bool) {
	i := l.find(of)
	if i < 0 || l.records[i].expired {
		return quota.Reservation{}, false
	}
	r := l.records[i]
	r.ttl, r.due = int64(ttl), tally.Plus(l.clock, int64(ttl))
	of.Expires = l.wall(r.due)
	return of, true
}

// Levels is how far the limits are used.
func (l *Ledger) Levels(limits []quota.Limit) []quota.Level {
	levels := make([]quota.Level, len(limits))
	for i, limit := range limits {
		s := l.standing(limit, limit.Max)
		levels[i] = quota.Level{Limit: limit, Used: s.Used, Left: max(0, left(limit, s.Used))}
		if s.Used > 0 {
			levels[i].EmptyAt = s.RoomAt
		}
	}
	return levels
}

// Reset forgets what was used.
func (l *Ledger) Reset() {
	l.resets++
	for _, c := range l.counters {
		c.tally.Clear()
	}
}

// Grant takes the amount off what was used of the limits.
func (l *Ledger) Grant(limits []quota.Limit, a quota.Amount) {
	for _, c := range l.open(limits) {
		c.tally.Add(l.now, -a.Of(c.unit))
	}
}

// EmptyAt is the server's time from which on nothing would be lost with the ledger, if nothing more happens; false: never.
func (l *Ledger) EmptyAt() (time.Time, bool) {
	at := l.now.Wall
	for _, r := range l.records {
		due := r.due
		if !r.expired {
			due = tally.Plus(due, r.ttl)
		}
		at = later(at, l.wall(due))
	}
	for _, c := range l.counters {
		empty, ok := c.tally.EmptyAt(l.now)
		if !ok {
			return time.Time{}, false
		}
		at = later(at, empty)
	}
	return at.Add(backlash), true // for which the clock may stand still
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
