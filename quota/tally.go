package quota

// tally counts what was spent in one window. Times are nanoseconds on the store's clock, which does not go back; if one
// does all the same, it counts as the latest seen, so nothing leaves a window early.
type tally interface {
	used(now int64) int64
	add(now, n int64)
	giveBack(at, n int64)               // of what was added at that time
	roomAt(n int64) (at int64, ok bool) // when used will have fallen by n; false: never by itself
	clear()
}

// newTally is an empty tally for a valid window.
func newTally(w Window) tally {
	if w.kind == WindowRolling {
		return newRolling(int64(w.length))
	}
	return new(total)
}

// total is the tally of WindowTotal.
type total struct{ sum int64 }

func (t *total) used(int64) int64           { return t.sum }
func (t *total) add(_, n int64)             { t.sum = plus(t.sum, n) }
func (t *total) giveBack(_, n int64)        { t.sum = minus(t.sum, n) }
func (t *total) roomAt(int64) (int64, bool) { return 0, false }
func (t *total) clear()                     { t.sum = 0 }

// rollingSlots is into how many slots a rolling window is divided, and so how exact it is.
const rollingSlots = 60

// rolling is the tally of WindowRolling. Time is cut into slots of a sixtieth of the window. A spend counts until the
// window has passed since the end of its slot: for the window's length at least, and a slot longer at most.
type rolling struct {
	length, grain int64
	slots         []slot // the ones in which something was spent, oldest first; at most rollingSlots+2
	sum           int64  // of the slots
}

// slot is what was spent in [number*grain, (number+1)*grain).
type slot struct{ number, spent int64 }

func newRolling(length int64) *rolling {
	return &rolling{length: length, grain: (length + rollingSlots - 1) / rollingSlots}
}

func (r *rolling) used(now int64) int64 {
	gone := 0
	for gone < len(r.slots) && r.leaves(r.slots[gone]) <= now {
		gone++
	}
	if gone > 0 {
		r.slots = r.slots[:copy(r.slots, r.slots[gone:])]
		r.sum = 0
		for _, s := range r.slots {
			r.sum = plus(r.sum, s.spent)
		}
	}
	return r.sum
}

// leaves is when what was spent in the slot no longer counts.
func (r *rolling) leaves(s slot) int64 { return (s.number+1)*r.grain + r.length }

func (r *rolling) add(now, n int64) {
	if n == 0 {
		return
	}
	r.used(now)
	number := now / r.grain
	if last := len(r.slots) - 1; last >= 0 && r.slots[last].number >= number {
		r.slots[last].spent = plus(r.slots[last].spent, n)
	} else {
		r.slots = append(r.slots, slot{number, n})
	}
	r.sum = plus(r.sum, n)
}

func (r *rolling) giveBack(at, n int64) {
	number := at / r.grain
	for i := len(r.slots) - 1; i >= 0 && r.slots[i].number >= number; i-- {
		if r.slots[i].number == number {
			n = min(n, r.slots[i].spent)
			r.slots[i].spent = minus(r.slots[i].spent, n)
			r.sum = minus(r.sum, n)
			return
		}
	}
}

func (r *rolling) roomAt(n int64) (int64, bool) {
	var fallen int64
	for _, s := range r.slots {
		if fallen = plus(fallen, s.spent); fallen >= n {
			return r.leaves(s), true
		}
	}
	return 0, false
}

func (r *rolling) clear() { r.slots, r.sum = r.slots[:0], 0 }
