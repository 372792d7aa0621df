package redishealth

import (
	"hash/maphash"
	"sync"

	"github.com/aitransport/aitransport/health"
)

// mostReported bounds how many reports are remembered, so that each is made once.
const mostReported = 1000

// reports tells of what cannot be read, of each stored state once. Of more than it remembers it tells again.
type reports struct {
	tell func(health.Subject, error) // nil: nobody listens
	seed maphash.Seed

	mu   sync.Mutex
	told map[uint64]uint64 // name in the store -> state, each by its hash
}

func newReports(tell func(health.Subject, error)) reports {
	return reports{tell: tell, seed: maphash.MakeSeed(), told: make(map[uint64]uint64)}
}

// report tells that what is stored under a name cannot be read, unless it was told before.
func (r *reports) report(subject health.Subject, name, stored string, err error) {
	if r.tell != nil && r.isNew(maphash.String(r.seed, name), maphash.String(r.seed, stored)) {
		r.tell(subject, err)
	}
}

func (r *reports) isNew(name, stored uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.told[name]; ok && before == stored {
		return false
	}
	if len(r.told) >= mostReported {
		clear(r.told)
	}
	r.told[name] = stored
	return true
}
