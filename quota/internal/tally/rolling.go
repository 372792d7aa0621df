package tally

import (
	"slices"
	"time"
)

// rollingSlots is into how many slots a rolling window is divided, and so how exact it is.
const rollingSlots = 60

// Rolling is the tally of a window of fixed length that ends now. Time is cut into slots of a sixtieth of the window. A
// spend counts until the window has passed since the end of its slot: for the window's length at least, and a slot longer
// at most.
type Rolling struct {
	length, grain int64
	slots         []slot // the ones in which something was spent, oldest first; at most rollingSlots+2
	sum           int64  // of the slots
}

// slot is what was spent in [number*grain, (number+1)*grain), less what was granted.
type slot struct{ number, spent int64 }

// NewRolling is an empty Rolling, of a length above 0.
func NewRolling(length int64) *Rolling {
	return &Rolling{length: length, grain: (length + rollingSlots - 1) / rollingSlots}
}

// Used is what the slots that have not left hold.
func (r *Rolling) Used(now Moment) int64 {
	gone := 0
	for gone < len(r.slots) && r.leaves(r.slots[gone]) <= now.At {
		gone++
	}
	if gone > 0 {
		r.slots = r.slots[:copy(r.slots, r.slots[gone:])]
		r.sum = 0
		for _, s := range r.slots {
			r.sum = Book(r.sum, s.spent)
		}
	}
	return r.sum
}

// leaves is when what was spent in the slot no longer counts.
func (r *Rolling) leaves(s slot) int64 { return (s.number+1)*r.grain + r.length }

// Add spends or grants in the slot of now, or in the last one if the clock was later then.
func (r *Rolling) Add(now Moment, n int64) {
	if n == 0 {
		return
	}
	number := now.At / r.grain
	if last := len(r.slots) - 1; last >= 0 && r.slots[last].number >= number {
		r.slots[last].spent = Book(r.slots[last].spent, n)
	} else {
		r.Used(now) // drops what has left, so that there are never too many
		r.slots = append(r.slots, slot{number, n})
	}
	r.sum = Book(r.sum, n)
}

// GiveBack takes off what was spent at a time, if its slot has not left.
func (r *Rolling) GiveBack(at, n int64) {
	number := at / r.grain
	for i := len(r.slots) - 1; i >= 0 && r.slots[i].number >= number; i-- {
		if r.slots[i].number == number {
			r.slots[i].spent = Minus(r.slots[i].spent, n)
			r.sum = Minus(r.sum, n)
			return
		}
	}
}

// RoomAt is when the oldest slots that hold so much will have left.
func (r *Rolling) RoomAt(now Moment, n int64) (time.Time, bool) {
	var fallen int64
	for _, s := range r.slots {
		if fallen = Plus(fallen, s.spent); fallen >= n {
			return now.Clock().Add(time.Duration(r.leaves(s) - now.At)), true
		}
	}
	return time.Time{}, false
}

// Empty reports whether each slot holds nothing; a grant and a spend that make nothing together are something.
func (r *Rolling) Empty(now Moment) bool {
	r.Used(now)
	return !slices.ContainsFunc(r.slots, func(s slot) bool { return s.spent != 0 })
}

// EmptyAt is when the last slot that holds anything leaves.
func (r *Rolling) EmptyAt(now Moment) (time.Time, bool) {
	at := now.At
	for _, s := range r.slots {
		if s.spent != 0 {
			at = max(at, r.leaves(s))
		}
	}
	return now.Clock().Add(time.Duration(at - now.At)), true
}

// Clear forgets all.
func (r *Rolling) Clear() { r.slots, r.sum = r.slots[:0], 0 }
