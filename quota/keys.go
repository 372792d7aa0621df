package quota

import (
	"fmt"
	"time"

	"github.com/aitransport/aitransport/quota/internal/byid"
	"github.com/aitransport/aitransport/quota/internal/tally"
)

// Len is how many keys have anything that counts. It drops the others, and takes time in proportion to their number.
func (m *Memory) Len() int {
	m.sweepAll(m.now())
	return int(m.keys.Load())
}

// open is the key's ledger, a new one if there is none. The caller holds the shard's lock.
func (m *Memory) open(sh *shard, key string) (*ledger, error) {
	if l := sh.ledgers[key]; l != nil {
		return l, nil
	}
	if n := m.keys.Add(1); m.maxKeys > 0 && n > m.maxKeys {
		m.keys.Add(-1)
		return nil, fmt.Errorf("quota: %q refused: %d other keys are in use, the most that MemoryConfig.MaxKeys allows: raise it or use fewer keys: %w", key, m.maxKeys, ErrFull)
	}
	l := &ledger{key: key}
	l.counters = l.few[:0]
	sh.ledgers[key] = l
	return l, nil
}

// close drops a ledger that was opened for nothing. The caller holds the shard's lock.
func (m *Memory) close(sh *shard, key string, l *ledger) {
	if len(l.records) == 0 && len(l.counters) == 0 {
		delete(sh.ledgers, key)
		m.keys.Add(-1)
	}
}

// makeRoom drops the keys that nothing is known of any more, if the store is full and that was not just done.
func (m *Memory) makeRoom(now tally.Moment) {
	if m.maxKeys <= 0 || m.keys.Load() < m.maxKeys {
		return
	}
	if looked := m.looked.Load(); now.At-looked >= sweepFull && m.looked.CompareAndSwap(looked, now.At) {
		m.sweepAll(now)
	}
}

func (m *Memory) sweepAll(now tally.Moment) {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		m.sweep(sh, now, 0)
		sh.mu.Unlock()
	}
}

// sweep drops the shard's idle keys, unless that was done less than every ago. The caller holds the shard's lock.
func (m *Memory) sweep(sh *shard, now tally.Moment, every int64) {
	if now.At-sh.swept < every {
		return
	}
	sh.swept, now.Wall = now.At, time.Now()
	for key, l := range sh.ledgers {
		now := l.now(now)
		l.expire(now.At, sh.forget)
		if l.idle(now) {
			delete(sh.ledgers, key)
			m.keys.Add(-1)
		}
	}
}

// idText is the ID of the reservation of that number.
func idText(id uint64) string {
	var few [16]byte
	return string(byid.AppendText(few[:0], id))
}

// find is the number of a reservation, and the shard that it says; nil: it is of no reservation.
func (m *Memory) find(r Reservation) (*shard, uint64) {
	id, ok := byid.Parse(r.ID)
	if !ok {
		return nil, 0
	}
	return &m.shards[id%memoryShards], id
}

// known is what the shard knows of the key's reservation of that number, when what is due has expired, and the time for its
// ledger; nil: nothing. The caller holds the lock.
func (sh *shard) known(id uint64, key string, now tally.Moment) (*record, tally.Moment) {
	r := sh.records.Get(id)
	if r == nil || r.ledger.key != key {
		return nil, now
	}
	now = r.ledger.now(now)
	r.ledger.expire(now.At, sh.forget)
	return sh.records.Get(id), now
}

// forget makes the shard know nothing of the record, whose memory is then another's.
func (sh *shard) forget(r *record) { sh.records.Delete(r.id) }
