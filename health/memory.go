package health

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// memoryShards is how many locks a Memory has. A power of two.
const memoryShards = 64

// MemoryConfig says how large a Memory may grow.
type MemoryConfig struct {
	// MaxSubjects bounds how many subjects are remembered; 0: 100,000; negative: no bound. Names of models come from
	// callers, so there has to be one. Whoever comes when it is full takes the place of another subject: of a healthy
	// one if there is any nearby, then of one that rests, and only then of a disabled one; the longest untouched first.
	// The bound is kept in 64 parts and so may be reached a little early.
	MaxSubjects int
}

// Memory is a Store for one process. It has no goroutine and needs no Close. Its methods may be called by any number of
// goroutines.
type Memory struct {
	seed     maphash.Seed
	perShard int // 0: no bound
	shards   [memoryShards]memoryShard
}

type memoryShard struct {
	mu    sync.RWMutex
	clock uint64 // counts updates
	known map[Subject]*remembered
}

// remembered is one subject's entry in a shard.
type remembered struct {
	state   State
	touched uint64 // the shard's clock at the last update
}

// NewMemory is an empty Memory: everything is healthy.
func NewMemory(c MemoryConfig) *Memory {
	m := &Memory{seed: maphash.MakeSeed()}
	if bound := orDefault(c.MaxSubjects, 100_000); bound > 0 {
		m.perShard = (bound + memoryShards - 1) / memoryShards
	}
	for i := range m.shards {
		m.shards[i].known = make(map[Subject]*remembered)
	}
	return m
}

// Load implements [Store]. Its only error is that of a context that is done.
func (m *Memory) Load(ctx context.Context, subjects []Subject) ([]State, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	states := make([]State, len(subjects))
	for i, subject := range subjects {
		sh := m.shard(subject)
		sh.mu.RLock()
		if r := sh.known[subject]; r != nil {
			states[i] = r.state
		}
		sh.mu.RUnlock()
	}
	return states, nil
}

// Update implements [Store]. f runs once, and other subjects may have to wait for it. Its only error is that of a
// context that is done.
func (m *Memory) Update(ctx context.Context, subject Subject, f func(State) State) (State, error) {
	if err := ctx.Err(); err != nil {
		return State{}, err
	}
	sh := m.shard(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.clock++
	r := sh.known[subject]
	var before State
	if r != nil {
		before = r.state
	}
	after := f(before)
	switch {
	case after == State{}:
		delete(sh.known, subject)
	case r != nil:
		r.state, r.touched = after, sh.clock
	default:
		if m.perShard > 0 && len(sh.known) >= m.perShard {
			sh.evict(time.Now())
		}
		sh.known[subject] = &remembered{state: after, touched: sh.clock}
	}
	return after, nil
}

// Len is how many subjects are remembered.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.RLock()
		n += len(sh.known)
		sh.mu.RUnlock()
	}
	return n
}

func (m *Memory) shard(s Subject) *memoryShard {
	hash := maphash.String(m.seed, s.Name) + maphash.String(m.seed, s.Model)*31 + uint64(s.Kind)
	return &m.shards[hash%memoryShards]
}

// evict forgets the subject of the shard that will be missed least. It looks at each: a shard is small, and full only
// when something is wrong.
func (sh *memoryShard) evict(now time.Time) {
	var victim Subject
	var worth, touched uint64
	found := false
	for subject, r := range sh.known {
		w := r.state.worth(now)
		if !found || w < worth || w == worth && r.touched < touched {
			victim, worth, touched, found = subject, w, r.touched, true
		}
	}
	delete(sh.known, victim)
}

// worth orders states by how much would be lost with them.
func (s State) worth(now time.Time) uint64 {
	switch phase := s.Phase(now); {
	case phase == PhaseDisabled:
		return 3
	case phase != PhaseClosed:
		return 2
	case s.Failures > 0 || s.AuthFailures > 0:
		return 1
	default:
		return 0
	}
}
