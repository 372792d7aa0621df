// Package tally counts what was spent in one window: the arithmetic that quota.Memory and the stores that keep whole
// ledgers share. It knows neither keys nor limits, and locks nothing.
package tally

import "time"

// Moment is a time as a store sees it.
type Moment struct {
	At   int64     // on the store's own clock, which does not go back, in nanoseconds
	Wall time.Time // on the wall's; zero: it was not looked at, since few ask
}

// Clock is the time on the wall.
func (m Moment) Clock() time.Time {
	if m.Wall.IsZero() {
		return time.Now()
	}
	return m.Wall
}

// Tally counts what was spent in one window.
type Tally interface {
	Used(now Moment) int64
	Add(now Moment, n int64)                      // n below 0: granted
	GiveBack(at, n int64)                         // of what was added at that time
	RoomAt(now Moment, n int64) (time.Time, bool) // when Used will have fallen by n; false: never by itself
	Empty(now Moment) bool                        // nothing would be lost with it
	EmptyAt(now Moment) (time.Time, bool)         // when that will be so, if nothing more is spent; false: never
	Clear()
	Append(b []byte) []byte // its state
	Load(r *Reader)         // the state that Append wrote, into an empty Tally
}

// Total is the tally of a window that never ends. The zero Total is empty.
type Total struct{ sum int64 }

// Used implements [Tally], and so do the others.
func (t *Total) Used(Moment) int64 { return t.sum }

// Add spends or grants.
func (t *Total) Add(_ Moment, n int64) { t.sum = Book(t.sum, n) }

// GiveBack takes off what was spent.
func (t *Total) GiveBack(_, n int64) { t.sum = Minus(t.sum, n) }

// RoomAt is never.
func (t *Total) RoomAt(Moment, int64) (time.Time, bool) { return time.Time{}, false }

// Empty reports whether nothing is used.
func (t *Total) Empty(Moment) bool { return t.sum == 0 }

// EmptyAt is now or never.
func (t *Total) EmptyAt(now Moment) (time.Time, bool) { return now.Clock(), t.sum == 0 }

// Clear forgets all.
func (t *Total) Clear() { t.sum = 0 }
