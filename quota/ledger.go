package quota

import "slices"

// ledger is everything about one key. Whoever uses it holds its shard's lock.
type ledger struct {
	counters []*counter // one for each unit and window that was ever asked for
	records  dueQueue   // reservations that can still be settled
	inFlight int64      // how many of them have not expired
	resets   int        // how often the counters were cleared
	clock    int64      // the latest time seen
}

// counter is the tally of one unit in one window.
type counter struct {
	unit   Unit
	window Window
	tally  tally
}

// record is what the store knows of a reservation.
type record struct {
	id       uint64
	ledger   *ledger
	estimate Amount
	counters []*counter  // what it is charged to
	few      [4]*counter // where counters begin, to spare an allocation
	at       int64       // when it was charged
	ttl      int64
	due      int64 // when it expires; if it has: when it is forgotten
	expired  bool
	resets   int // of the ledger, when it was charged
	index    int // in the ledger's records
}

// now is the time for this ledger: it does not go back.
func (l *ledger) now(t int64) int64 {
	l.clock = max(l.clock, t)
	return l.clock
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
		r.expired, r.due = true, plus(r.due, r.ttl)
		l.inFlight--
		l.records.fix(r)
	}
}

// counter finds the counter of a limit, or makes one.
func (l *ledger) counter(limit Limit) *counter {
	for _, c := range l.counters {
		if c.unit == limit.Unit && c.window == limit.Window {
			return c
		}
	}
	c := &counter{unit: limit.Unit, window: limit.Window, tally: newTally(limit.Window)}
	l.counters = append(l.counters, c)
	return c
}

// find appends the counters of the limits, each once.
func (l *ledger) find(counters []*counter, limits []Limit) []*counter {
	for i := range limits {
		if limits[i].Unit == InFlight {
			continue
		}
		if c := l.counter(limits[i]); !slices.Contains(counters, c) {
			counters = append(counters, c)
		}
	}
	return counters
}

// level is how much of the limit is used.
func (l *ledger) level(limit Limit, now int64) int64 {
	if limit.Unit == InFlight {
		return l.inFlight
	}
	for _, c := range l.counters {
		if c.unit == limit.Unit && c.window == limit.Window {
			return c.tally.used(now)
		}
	}
	return 0
}

// room reports whether every limit has room for the amount.
func (l *ledger) room(limits []Limit, a Amount, now int64) bool {
	for i := range limits {
		if a.Of(limits[i].Unit) > limits[i].Max-l.level(limits[i], now) {
			return false
		}
	}
	return true
}

// charge books the estimate and adds the record.
func (l *ledger) charge(r *record) {
	for _, c := range r.counters {
		c.tally.add(r.at, r.estimate.Of(c.unit))
	}
	l.inFlight++
	l.records.push(r)
}

// settle replaces the record's estimate by what was used, and takes the record out.
func (l *ledger) settle(r *record, used Amount, now int64) {
	for _, c := range r.counters {
		switch more := used.Of(c.unit) - r.estimate.Of(c.unit); {
		case more > 0:
			c.tally.add(now, more)
		case more < 0 && r.resets == l.resets:
			c.tally.giveBack(r.at, -more)
		}
	}
	if !r.expired {
		l.inFlight--
	}
	l.records.remove(r)
}

// idle reports whether nothing would be lost with the ledger.
func (l *ledger) idle(now int64) bool {
	if len(l.records) > 0 {
		return false
	}
	l.counters = slices.DeleteFunc(l.counters, func(c *counter) bool { return c.tally.used(now) == 0 })
	return len(l.counters) == 0
}
