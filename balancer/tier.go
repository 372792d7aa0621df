package balancer

import (
	"sync"
	"time"
)

// tier are accounts of one priority that may serve the same requests. Those that are
// ready stand in an order; the others are parked until the time when they may be
// ready again, or until somebody wakes them. An account moves when a request meets
// it, so what happens to it costs each tier one step, however many accounts there
// are.
type tier struct {
	members []*member
	crowd   *crowd

	rings sync.Once
	ring  *ring // for sessions

	mu      sync.Mutex
	order   order
	resting *parking // for their health, or used up
	busy    *parking // full, or not on duty
	tested  *parking // another request finds out whether they are well
	listed  []bool   // the place is on its account's list of those to wake
}

func newTier(c *crowd, members []*member, o order) *tier {
	n := len(members)
	t := &tier{members: members, crowd: c, order: o, resting: newParking(n), busy: newParking(n), tested: newParking(n), listed: make([]bool, n)}
	for i := range members {
		o.add(i)
	}
	return t
}

// next is the place of an account that fits, or -1. Those that it met and are not
// ready it parks.
func (t *tier) next(c *chooser) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ripen(c.now.UnixNano())
	if t.order.len() == 0 {
		return -1
	}
	c.tier = t
	return t.order.next(c)
}

// look asks about one place of the chooser's tier, and parks it if it is not ready for
// anybody. The tier is locked.
func (c *chooser) look(i int) fitness {
	t := c.tier
	m := t.members[i]
	until, why := m.ready(c.t, c.now, t.crowd.model)
	if why == ready {
		return c.fitAt(i)
	}
	t.park(i, until, why)
	if _, why := m.ready(c.t, c.now, t.crowd.model); why == ready { // it was woken between the two
		t.unpark(i)
		return c.fitAt(i)
	}
	return absent
}

// fitAt is fit for a place of the chooser's tier that is ready for others. Who waits is
// called by the account when its model may be used there again. The tier is locked.
func (c *chooser) fitAt(i int) fitness {
	m := c.tier.members[i]
	if c.waits && c.modelRests(m) {
		c.tier.list(i) // before fit: nothing that happens from now on is missed
	}
	f := c.fit(m)
	if f == unfit && (c.hasTried(m) || c.modelRests(m)) {
		c.others = true
	}
	return f
}

// ripen makes those ready whose time has come.
func (t *tier) ripen(now int64) {
	if t.crowd.dead.Load() { // no account wakes its place any more
		t.wakeAll()
	}
	for _, p := range [...]*parking{t.resting, t.busy, t.tested} {
		for i := p.due(now); i >= 0; i = p.due(now) {
			t.order.add(i)
			t.crowd.moves.Add(1)
		}
	}
}

// park notes that a place is not ready. The order takes it out when it is told.
func (t *tier) park(i int, until int64, why unready) {
	t.leave(i)
	switch why {
	case busyNow:
		t.busy.put(i, until)
	case testedNow:
		t.tested.put(i, until)
	default:
		t.resting.put(i, until)
	}
	t.list(i)
}

// list has the account of a place call when something has changed.
func (t *tier) list(i int) {
	if !t.listed[i] {
		t.listed[i] = true
		t.members[i].counters.list(spot{t, i})
	}
}

// leave takes a place from where it is parked, and tells whether it was.
func (t *tier) leave(i int) bool { return t.resting.take(i) || t.busy.take(i) || t.tested.take(i) }

// unpark makes a place ready again.
func (t *tier) unpark(i int) {
	t.leave(i)
	t.order.add(i)
}

// full parks an account whose quota was found used up, unless it has become free since:
// nobody would wake it.
func (t *tier) full(i int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.park(i, noEnd, busyNow) // so that it is woken from now on
	until, why := t.members[i].busy(time.Now())
	if why == ready {
		t.unpark(i)
		return false
	}
	t.park(i, until, why)
	t.order.remove(i)
	return true
}

// wake makes a place ready again, as far as is known.
func (t *tier) wake(i int) {
	t.mu.Lock()
	t.listed[i] = false
	t.crowd.moves.Add(1) // before anybody finds it nowhere
	if t.leave(i) {
		t.order.add(i)
	}
	t.mu.Unlock()
	t.crowd.queue.notify()
}

// wakeAll makes all places ready again, as far as is known. The tier is locked.
func (t *tier) wakeAll() {
	for i, listed := range t.listed {
		if listed {
			t.listed[i] = false
			t.crowd.moves.Add(1)
			t.unpark(i)
		}
	}
}

// soonest is when the first of those that are not ready may be.
func (t *tier) soonest() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return min(t.busy.soonest(), t.resting.soonest(), t.tested.soonest())
}

// fewResting is how many of those that rest are looked at: of more than a request tries.
const fewResting = 16

// mayFree tells whether one of those that are not ready, and was not tried for the
// request, may be before the end.
func (t *tier) mayFree(c *chooser, end int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy.endless > 0 || t.busy.soonest() <= end {
		return true
	}
	for _, i := range t.tested.queue[:min(len(t.tested.queue), fewResting)] {
		if !c.hasTried(t.members[i]) {
			return true
		}
	}
	for _, i := range t.resting.queue[:min(len(t.resting.queue), fewResting)] {
		m := t.members[i]
		if _, why := m.busy(c.now); t.resting.until[i] <= end && why != spentNow && !c.hasTried(m) {
			return true
		}
	}
	return false
}

// spot is a place of an account in a tier.
type spot struct {
	tier  *tier
	place int
}

// unready is why an account cannot be used by anybody now.
type unready uint8

const (
	ready      unready = iota
	restingNow         // its health, or that of its way
	testedNow          // another request finds out whether that is good again: worth to wait for
	busyNow            // full, or off duty: so is that
	spentNow           // a limit is used up for which waiting does not help
)
