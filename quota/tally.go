package quota

import "time"

// moment is a time as a store sees it.
type moment struct {
	at   int64     // on the store's own clock, which does not go back, in nanoseconds
	wall time.Time // on the wall's; zero: it was not looked at, since few ask
}

// clock is the time on the wall.
func (m moment) clock() time.Time {
	if m.wall.IsZero() {
		return time.Now()
	}
	return m.wall
}

// tally counts what was spent in one window.
type tally interface {
	used(now moment) int64
	add(now moment, n int64)                      // n below 0: granted
	giveBack(at, n int64)                         // of what was added at that time
	roomAt(now moment, n int64) (time.Time, bool) // when used will have fallen by n; false: never by itself
	empty(now moment) bool                        // nothing would be lost with it
	clear()
}

// newTally is an empty tally for a valid window.
func newTally(w Window) tally {
	switch {
	case w.kind == WindowRolling:
		return newRolling(int64(w.length))
	case w.zoned():
		return &zoned{window: w}
	default:
		return new(total)
	}
}

// total is the tally of WindowTotal.
type total struct{ sum int64 }

func (t *total) used(moment) int64                      { return t.sum }
func (t *total) add(_ moment, n int64)                  { t.sum = book(t.sum, n) }
func (t *total) giveBack(_, n int64)                    { t.sum = minus(t.sum, n) }
func (t *total) roomAt(moment, int64) (time.Time, bool) { return time.Time{}, false }
func (t *total) empty(moment) bool                      { return t.sum == 0 }
func (t *total) clear()                                 { t.sum = 0 }

// book adds what was spent or takes off what was granted.
func book(sum, n int64) int64 {
	if n < 0 {
		return minus(sum, -n)
	}
	return plus(sum, n)
}
