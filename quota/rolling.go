package quota

import (
	"slices"
	"time"
)

// rollingSlots is into how many slots a rolling window is divided, and so how exact it is.
const rollingSlots = 60

// rolling is the tally of WindowRolling. Time is cut into slots of a sixtieth of the window. A spend counts until the
// window has passed since the end of its slot: for the window's length at least, and a slot longer at most.
type rolling struct {
	length, grain int64
	slots         []slot // the ones in which something was spent, oldest first; at most rollingSlots+2
	sum           int64  // of the slots
}

// slot is what was spent in [number*grain, (number+1)*grain), less what was granted.
type slot struct{ number, spent int64 }

func newRolling(length int64) *rolling {
	return &rolling{length: length, grain: (length + rollingSlots - 1) / rollingSlots}
}

func (r *rolling) used(now moment) int64 {
	gone := 0
	for gone < len(r.slots) && r.leaves(r.slots[gone]) <= now.at {
		gone++
	}
	if gone > 0 {
		r.slots = r.slots[:copy(r.slots, r.slots[gone:])]
		r.sum = 0
		for _, s := range r.slots {
			r.sum = book(r.sum, s.spent)
		}
	}
	return r.sum
}

// leaves is when what was spent in the slot no longer counts.
func (r *rolling) leaves(s slot) int64 { return (s.number+1)*r.grain + r.length }

func (r *rolling) add(now moment, n int64) {
	if n == 0 {
		return
	}
	r.used(now)
	number := now.at / r.grain
	if last := len(r.slots) - 1; last >= 0 && r.slots[last].number >= number {
		r.slots[last].spent = book(r.slots[last].spent, n)
	} else {
		r.slots = append(r.slots, slot{number, n})
	}
	r.sum = book(r.sum, n)
}

func (r *rolling) giveBack(at, n int64) {
	number := at / r.grain
	for i := len(r.slots) - 1; i >= 0 && r.slots[i].number >= number; i-- {
		if r.slots[i].number == number {
			r.slots[i].spent = minus(r.slots[i].spent, n)
			r.sum = minus(r.sum, n)
			return
		}
	}
}

func (r *rolling) roomAt(now moment, n int64) (time.Time, bool) {
	var fallen int64
	for _, s := range r.slots {
		if fallen = plus(fallen, s.spent); fallen >= n {
			return now.clock().Add(time.Duration(r.leaves(s) - now.at)), true
		}
	}
	return time.Time{}, false
}

func (r *rolling) empty(now moment) bool {
	r.used(now)
	return !slices.ContainsFunc(r.slots, func(s slot) bool { return s.spent != 0 })
}

func (r *rolling) clear() { r.slots, r.sum = r.slots[:0], 0 }
