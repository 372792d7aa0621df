package quota

import (
	"slices"

	"github.com/aitransport/aitransport/quota/internal/tally"
)

// ledger is everything about one key. Whoever uses it holds its shard's lock.
type ledger struct {
	key      string
	counters []*counter            // one for each unit and window that was ever asked for
	records  dueQueue              // reservations that can still be settled
	inFlight int64                 // how many of them have not expired
	resets   int                   // how often the counters were cleared
	clock    int64                 // the latest time seen
	few      [fewCounters]*counter // where counters begin
}

// fewCounters is for how many counters a key and a reservation need no memory beside their own.
const fewCounters = 4

// record is what the store knows of a reservation.
type record struct {
	id       uint64
	ledger   *ledger
	estimate Amount
	counters []*counter            // what it is charged to
	few      [fewCounters]*counter // where counters begin, to spare an allocation
	at       int64                 // when it was charged
	ttl      int64
	due      int64 // when it expires; if it has: when it is forgotten
	expired  bool
	resets   int // of the ledger, when it was charged
	index    int // in the ledger's records
}

// now is the time for this ledger: on the store's clock it does not go back.
func (l *ledger) now(t tally.Moment) tally.Moment {
	l.clock = max(l.clock, t.At)
	t.At = l.clock
	return t
}

// expire ends what is due, and returns the records that are to be forgotten.
func (l *ledger) expire(now int64, forget func(*record)) {
	for len(l.records) > 0 && l.records[0].due <= now {
		r := l.records[0]
		if r.expired {
			l.records.remove(r)
			forget(r)
			continue
		}
		r.expired, r.due = true, tally.Plus(r.due, r.ttl)
		l.inFlight--
		l.records.fix(r)
	}
}

// lookup finds the counter of a limit; nil: there is none. Where a key always has the same limits, the counter of each is
// where it is guessed to be.
func (l *ledger) lookup(limit *Limit, guess int) *counter {
	if guess < len(l.counters) && l.counters[guess].counts(limit) {
		return l.counters[guess]
	}
	for _, c := range l.counters {
		if c.counts(limit) {
			return c
		}
	}
	return nil
}

// counts reports whether it is the counter of the limit.
func (c *counter) counts(limit *Limit) bool { return c.unit == limit.Unit && c.window == limit.Window }

// counter finds the counter of a limit, or makes one.
func (l *ledger) counter(limit *Limit) *counter {
	c := l.lookup(limit, 0)
	if c == nil {
		c = newCounter(limit.Unit, limit.Window)
		l.counters = append(l.counters, c)
	}
	return c
}

// fit finds the counters of the limits, each once, and reports whether every limit has room for the amount. If it has
// not, the counters are not to be used; limits that nobody asked for before have a nil one.
func (l *ledger) fit(found []*counter, limits []Limit, a Amount, now tally.Moment) ([]*counter, bool) {
	for i := range limits {
		limit, used := &limits[i], l.inFlight
		if limit.Unit != InFlight {
			c := l.lookup(limit, len(found))
			if used = 0; c != nil {
				used = c.tally.Used(now)
			}
			if c == nil || !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
		if a.Of(limit.Unit) > left(limit.Max, used) {
			return nil, false
		}
	}
	return found, true
}

// open makes the counters that are missing among those that fit found.
func (l *ledger) open(found []*counter, limits []Limit) []*counter {
	if !slices.Contains(found, nil) {
		return found
	}
	found = found[:0]
	for i := range limits {
		if limits[i].Unit == InFlight {
			continue
		}
		if c := l.counter(&limits[i]); !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	return found
}

// standing is what the ledger knows of the limit, for one who asks for so much of it.
func (l *ledger) standing(limit *Limit, asked int64, now tally.Moment) Standing {
	if limit.Unit == InFlight {
		return Standing{Used: l.inFlight}
	}
	c := l.lookup(limit, 0)
	if c == nil {
		return Standing{}
	}
	s := Standing{Used: c.tally.Used(now)}
	if over := tally.Plus(asked, -left(limit.Max, s.Used)); over > 0 {
		s.RoomAt, _ = c.tally.RoomAt(now, over)
	}
	return s
}

// charge books the estimate and adds the record.
func (l *ledger) charge(r *record, now tally.Moment) {
	for _, c := range r.counters {
		c.tally.Add(now, r.estimate.Of(c.unit))
	}
	l.inFlight++
	l.records.push(r)
}

// settle replaces the record's estimate by what was used, and takes the record out.
func (l *ledger) settle(r *record, used Amount, now tally.Moment) {
	for _, c := range r.counters {
		switch more := used.Of(c.unit) - r.estimate.Of(c.unit); {
		case more > 0:
			c.tally.Add(now, more)
		case more < 0 && r.resets == l.resets:
			c.tally.GiveBack(r.at, -more)
		}
	}
	if !r.expired {
		l.inFlight--
	}
	l.records.remove(r)
}

// idle reports whether nothing would be lost with the ledger.
func (l *ledger) idle(now tally.Moment) bool {
	if len(l.records) > 0 {
		return false
	}
	l.counters = slices.DeleteFunc(l.counters, func(c *counter) bool { return c.tally.Empty(now) })
	return len(l.counters) == 0
}
