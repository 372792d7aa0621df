package quota

// NewTally lets tests drive a window by a clock of their own.
func NewTally(w Window) interface {
	Used(now int64) int64
	Add(now, n int64)
} {
	return openTally{newTally(w)}
}

type openTally struct{ tally }

func (t openTally) Used(now int64) int64 { return t.used(now) }
func (t openTally) Add(now, n int64)     { t.add(now, n) }

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
