package balancer

import (
	"time"
)

// fromLine takes an account of a crowd. If all are busy, or others wait for them
// already, it waits in line.
func (c *chooser) fromLine(all *crowd) *attempt {
	now := c.now
	patience := c.patience(now)
	if patience <= 0 || all.queue.waiting.Load() == 0 {
		if at := c.from(all); at != nil || patience <= 0 {
			return at
		}
	}
	if all.queue.waiting.Load() == 0 && !all.busy() {
		return nil
	}
	place := all.queue.join()
	defer all.queue.leave(place)
	defer func() { c.r.waited += time.Since(now) }()
	end := now.Add(patience)
	for {
		now := time.Now()
		c.now = now
		left := end.Sub(now)
		if all.queue.isFirst(place) {
			c.left, c.waived = nil, false
			if at := c.from(all); at != nil {
				return at
			}
			if !all.busy() {
				return nil
			}
			left = min(left, time.Duration(all.soonestBusy()-now.UnixNano()))
		}
		if c.ctx.Err() != nil || !now.Before(end) {
			return nil
		}
		all.queue.wait(c.ctx, place, left)
	}
}

// patience is how long the request may still wait.
func (c *chooser) patience(now time.Time) time.Duration {
	patience := c.t.cfg.MaxWait - c.r.waited
	if d := c.t.cfg.Deadline; d > 0 {
		patience = min(patience, c.r.arrived.Add(d).Sub(now))
	}
	if end, ok := c.ctx.Deadline(); ok {
		patience = min(patience, end.Sub(now))
	}
	return patience
}

// busy tells whether an account is full, or off duty, that would do otherwise.
func (c *crowd) busy() bool {
	for _, t := range c.tiers {
		if _, some := t.soonestBusy(); some {
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
