package balancer

import (
	"cmp"
	"fmt"
	"time"
)

// fromLine takes an account of the crowd. If all are busy, or others wait for them
// already, it waits in line. c.all is the crowd that it looked at last.
func (c *chooser) fromLine() (*attempt, error) {
	patience := c.patience(c.now)
	end := c.now.Add(patience)
	if patience <= 0 || c.all.queue.waiting.Load() == 0 {
		at, worth := c.tryNow(end)
		if at != nil || !worth || patience <= 0 {
			return at, nil
		}
	}
	return c.stand(end)
}

// stand waits in line: where such requests are sent to another crowd meanwhile, in the
// line of that, with the place of when it came.
func (c *chooser) stand(end time.Time) (*attempt, error) {
	c.s.forgive() // whose limit ends meanwhile is as good as any
	c.waits = true
	arrived := c.now
	defer func() { c.r.waited += time.Since(arrived) }()
	place := c.all.queue.join(arrived)
	defer func() { c.all.queue.leave(place) }()
	var pause time.Duration
	for {
		c.now = time.Now()
		left := end.Sub(c.now)
		if c.all.queue.mayLook(place) {
			next, err := c.present()
			if err != nil {
				return nil, err
			}
			if next != c.all {
				was, from := c.all, place // nobody who comes now gets between
				c.all, place = next, next.queue.join(arrived)
				was.queue.leave(from)
				continue
			}
			at, worth := c.tryNow(end)
			if at != nil {
				return at, nil
			}
			if !worth {
				return nil, c.gone()
			}
			c.all.queue.pass(place, c.others || c.declined)
			if c.again && c.now.Before(end) {
				pause = c.breathe(min(pause, left))
				continue
			}
			pause = 0
			left = min(left, time.Duration(min(c.all.soonest(), c.ends)-c.now.UnixNano()))
		}
		if err := c.gone(); err != nil || !c.now.Before(end) {
			return nil, err
		}
		replaced := c.r.fleet.replaced
		if c.outdated() { // it is told when it is the first
			replaced = nil
		}
		c.all.queue.wait(c.ctx, place, left, replaced)
	}
}

const (
	shortPause = time.Millisecond
	longPause  = 100 * time.Millisecond
)

// breathe passes the time before another look at once, and is how much is to pass before
// the next: nothing before the first, and then more and more, so that nobody is ever busy
// over stores or states that contradict each other.
func (c *chooser) breathe(d time.Duration) (next time.Duration) {
	if d <= 0 {
		return shortPause
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
	return min(2*d, longPause)
}

// present is the crowd that the request belongs to by now: the accounts may be others,
// its model may have got into trouble, or out of it, or the crowd was given up.
func (c *chooser) present() (*crowd, error) {
	switch {
	case c.outdated():
		return c.move()
	case c.one != nil:
		return c.all, nil
	default:
		return c.r.route.crowds.of(c.t, c.r, c.now.UnixNano()), nil
	}
}

// tryNow looks for an account once. worth: one may be free before the end, or is
// already.
func (c *chooser) tryNow(end time.Time) (at *attempt, worth bool) {
	c.left, c.waived, c.again, c.others, c.ends = nil, false, false, false, noEnd
	moves := c.all.moves.Load()
	if at = c.from(c.all); at != nil || c.ctx.Err() != nil || c.broken {
		return at, false
	}
	busy := c.all.busy(c, end)
	c.again = c.again || c.all.moves.Load() != moves // one that has left where the busy ones are is not seen there
	return nil, c.again || busy
}

// outdated tells whether the accounts have been changed since they were looked at.
func (c *chooser) outdated() bool { return c.t.fleet.Load() != c.r.fleet }

// move makes the request one for the accounts that there are now.
func (c *chooser) move() (*crowd, error) {
	f := c.t.fleet.Load()
	route := f.like(c.r.route)
	if route == nil {
		return nil, &Error{Err: fmt.Errorf("%w: all accounts at %s: taken out of the configuration", ErrNoAccount, cmp.Or(c.r.route.base, c.r.route.api.Name))}
	}
	c.r.fleet, c.r.route = f, route
	return c.crowd()
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

// busy tells whether an account is full, off duty or resting that would do otherwise and
// may be ready before the end.
func (c *crowd) busy(who *chooser, end time.Time) bool {
	for _, t := range c.tiers {
		if t.mayFree(who, end.UnixNano()) {
			return true
		}
	}
	return false
}

// soonest is when the first account may be ready, whatever it waits for.
func (c *crowd) soonest() int64 {
	soonest := int64(noEnd)
	for _, t := range c.tiers {
		soonest = min(soonest, t.soonest())
	}
	return soonest
}
