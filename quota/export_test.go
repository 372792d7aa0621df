package quota

import "time"

// Tally is a window that tests drive by clocks of their own.
type Tally struct{ tally }

// NewTally is an empty Tally.
func NewTally(w Window) Tally { return Tally{newTally(w)} }

// Used is what is used at a time on the store's clock, and on the wall.
func (t Tally) Used(at time.Duration, clock time.Time) int64 {
	return t.used(moment{int64(at), clock})
}

// Add spends.
func (t Tally) Add(at time.Duration, clock time.Time, n int64) { t.add(moment{int64(at), clock}, n) }

// GiveBack takes off what was spent at a time on the store's clock.
func (t Tally) GiveBack(at time.Duration, n int64) { t.giveBack(int64(at), n) }

// Empty reports whether the window may be forgotten.
func (t Tally) Empty(at time.Duration, clock time.Time) bool {
	return t.empty(moment{int64(at), clock})
}

// Remembered is how many keys and reservations take up memory.
func (m *Memory) Remembered() (keys, reservations int) {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		keys += len(sh.ledgers)
		reservations += len(sh.records)
		sh.mu.Unlock()
	}
	return keys, reservations
}
