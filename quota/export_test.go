package quota

import (
	"time"

	"github.com/aitransport/aitransport/quota/internal/tally"
)

// Tally is a window that tests drive by clocks of their own.
type Tally struct{ tally tally.Tally }

// NewTally is an empty Tally.
func NewTally(w Window) Tally { return Tally{newCounter(Requests, w).tally} }

// Used is what is used at a time on the store's clock, and on the wall.
func (t Tally) Used(at time.Duration, clock time.Time) int64 {
	return t.tally.Used(tally.Moment{At: int64(at), Wall: clock})
}

// Add spends.
func (t Tally) Add(at time.Duration, clock time.Time, n int64) {
	t.tally.Add(tally.Moment{At: int64(at), Wall: clock}, n)
}

// GiveBack takes off what was spent at a time on the store's clock.
func (t Tally) GiveBack(at time.Duration, n int64) { t.tally.GiveBack(int64(at), n) }

// Empty reports whether the window may be forgotten.
func (t Tally) Empty(at time.Duration, clock time.Time) bool {
	return t.tally.Empty(tally.Moment{At: int64(at), Wall: clock})
}

// Remembered is how many keys and reservations take up memory.
func (m *Memory) Remembered() (keys, reservations int) {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		keys += len(sh.ledgers)
		reservations += sh.records.Len()
		sh.mu.Unlock()
	}
	return keys, reservations
}
