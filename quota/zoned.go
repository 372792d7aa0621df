package quota

import "time"

// keepZoned is for how long an empty window is remembered after one in which something was spent, so that a clock that is
// put back does not find that one empty too.
const keepZoned = time.Hour

// zoned is the tally of a daily, weekly or monthly window. It goes by the clock on the wall. If that is put back, what is
// spent counts in the window that was reached, so no window is there twice. If it is put back by more than the window
// before, it was wrong for long: then the count goes on, with all that was spent, in the window that is now.
type zoned struct {
	window     Window
	start, end time.Time
	since      int64 // when start was reached, on the store's clock
	sum        int64
	spent      time.Time // when the last window that was not empty ended
}

// turn goes to the window of the time.
func (z *zoned) turn(now moment) {
	clock := now.clock()
	if !clock.Before(z.start) && clock.Before(z.end) {
		return
	}
	start, end := z.window.Bounds(clock)
	switch {
	case !clock.Before(z.end):
		if z.sum != 0 {
			z.spent = z.end
		}
		z.start, z.end, z.since, z.sum = start, end, now.at, 0
	case end.Before(z.start):
		z.start, z.end = start, end
	}
}

func (z *zoned) used(now moment) int64 {
	z.turn(now)
	return z.sum
}

func (z *zoned) add(now moment, n int64) {
	z.turn(now)
	z.sum = book(z.sum, n)
}

func (z *zoned) giveBack(at, n int64) {
	if at >= z.since {
		z.sum = minus(z.sum, n)
	}
}

func (z *zoned) roomAt(now moment, n int64) (time.Time, bool) {
	z.turn(now)
	return z.end, z.sum >= n
}

func (z *zoned) empty(now moment) bool {
	z.turn(now)
	return z.sum == 0 && now.clock().Sub(z.spent) >= keepZoned
}

func (z *zoned) clear() { z.sum = 0 }
