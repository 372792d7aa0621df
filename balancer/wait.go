package balancer

import "time"

// fromLine takes an account of a crowd. If all are busy, or others wait for them
// already, it waits in line.
func (c *chooser) fromLine(all *crowd) *attempt {
	began := c.now
	end := began.Add(c.patience(began))
	if !began.Before(end) {
		return c.from(all)
	}
	if all.queue.waiting.Load() == 0 {
		if at := c.from(all); at != nil || !all.worthWaiting(end) {
			return at
		}
	}
	place := all.queue.join()
	defer all.queue.leave(place)
	defer func() { c.r.waited += time.Since(began) }()
	for {
		until := end
		if all.queue.isFirst(place) { // who looks when the time has come for one of them
			if soonest := moment(all.soonestBusy()); !soonest.IsZero() && soonest.Before(end) {
				until = soonest
			}
		}
		called := all.queue.wait(c.ctx, place, time.Until(until))
		c.now = time.Now()
		if c.ctx.Err() != nil {
			return nil
		}
		c.left, c.waived = nil, false
		if called || all.queue.isFirst(place) {
			if at := c.from(all); at != nil {
				return at
			}
			all.queue.pass(place) // it may be right for another
		}
		if !c.now.Before(end) || !all.worthWaiting(end) {
			return nil
		}
	}
}

// patience is how long the request may still wait.
func (c *chooser) patience(now time.Time) time.Duration {
	if c.s.beside {
		return 0
	}
	patience := c.t.cfg.MaxWait - c.r.waited
	if d := c.t.cfg.Deadline; d > 0 {
		patience = min(patience, c.r.arrived.Add(d).Sub(now))
	}
	if end, ok := c.ctx.Deadline(); ok {
		patience = min(patience, end.Sub(now))
	}
	return patience
}

// worthWaiting tells whether an account is full, or off duty, that may be ready before
// a time.
func (c *crowd) worthWaiting(end time.Time) bool {
	for _, t := range c.tiers {
		if until, endless := t.soonestBusy(); endless || until < end.UnixNano() {
			return true
		}
	}
	return false
}

// soonestBusy is when the first of them may be ready.
func (c *crowd) soonestBusy() int64 {
	soonest := int64(noEnd)
	for _, t := range c.tiers {
		until, _ := t.soonestBusy()
		soonest = min(soonest, until)
	}
	return soonest
}

// soonest is when the first account may be ready, whatever it waits for.
func (c *crowd) soonest() int64 {
	soonest := int64(noEnd)
	for _, t := range c.tiers {
		t.mu.Lock()
		soonest = min(soonest, t.busy.soonest(), t.resting.soonest())
		t.mu.Unlock()
	}
	return soonest
}
