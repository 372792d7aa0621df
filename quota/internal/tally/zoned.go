package tally

import "time"

// keepZoned is for how long an empty window is remembered after one in which something was spent, so that a clock that is
// put back does not find that one empty too.
const keepZoned = time.Hour

// Zoned is the tally of a daily, weekly or monthly window. It goes by the clock on the wall. If that is put back, what is
// spent counts in the window that was reached, so no window is there twice. If it is put back by more than the window
// before, it was wrong for long: then the count goes on, with all that was spent, in the window that is now.
type Zoned struct {
	bounds     func(time.Time) (start, end time.Time)
	start, end time.Time
	since      int64 // when start was reached, on the store's clock
	sum        int64
	spent      time.Time // when the last window that was not empty ended
}

// NewZoned is an empty Zoned of the windows that bounds tells.
func NewZoned(bounds func(time.Time) (start, end time.Time)) *Zoned { return &Zoned{bounds: bounds} }

// turn goes to the window of the time.
func (z *Zoned) turn(now Moment) {
	clock := now.Clock()
	if !clock.Before(z.start) && clock.Before(z.end) {
		return
	}
	start, end := z.bounds(clock)
	switch {
	case !clock.Before(z.end):
		if z.sum != 0 {
			z.spent = z.end
		}
		z.start, z.end, z.since, z.sum = start, end, now.At, 0
	case end.Before(z.start):
		z.start, z.end = start, end
	}
}

// Used is what the window of now holds.
func (z *Zoned) Used(now Moment) int64 {
	z.turn(now)
	return z.sum
}

// Add spends or grants in the window of now.
func (z *Zoned) Add(now Moment, n int64) {
	z.turn(now)
	z.sum = Book(z.sum, n)
}

// GiveBack takes off what was spent at a time, unless a window began since.
func (z *Zoned) GiveBack(at, n int64) {
	if at >= z.since {
		z.sum = Minus(z.sum, n)
	}
}

// RoomAt is when the next window begins.
func (z *Zoned) RoomAt(now Moment, n int64) (time.Time, bool) {
	z.turn(now)
	return z.end, z.sum >= n
}

// Empty reports whether nothing is used, nor was a short while ago.
func (z *Zoned) Empty(now Moment) bool {
	z.turn(now)
	return z.sum == 0 && now.Clock().Sub(z.spent) >= keepZoned
}

// EmptyAt is a short while after the last window in which anything was used.
func (z *Zoned) EmptyAt(now Moment) (time.Time, bool) {
	z.turn(now)
	last := z.spent
	if z.sum != 0 {
		last = z.end
	}
	if at := last.Add(keepZoned); at.After(now.Clock()) {
		return at, true
	}
	return now.Clock(), true
}

// Clear forgets what is used.
func (z *Zoned) Clear() { z.sum = 0 }
