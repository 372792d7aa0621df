package sqlhealth

import (
	"context"
	"sync"

	"github.com/aitransport/aitransport/health"
)

// laneCount is how many subjects of one program can change at the same time, if none shares its lane.
const laneCount = 64

// lanes have those who change one subject go one after the other.
type lanes [laneCount]chan struct{}

func newLanes() (l lanes) {
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the subject's lane, which leave gives to the next.
func (l *lanes) enter(ctx context.Context, s health.Subject) (leave func(), err error) {
	lane := l[s.Seed()%laneCount]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// maxReports bounds how many subjects are remembered that were told of.
const maxReports = 1000

// reports tells of each subject once that its state cannot be read.
type reports struct {
	tell func(health.Subject, error)

	mu   sync.Mutex
	told map[health.Subject]bool
}

func (r *reports) report(s health.Subject, err error) {
	if r.tell == nil {
		return
	}
	r.mu.Lock()
	if r.told == nil {
		r.told = make(map[health.Subject]bool)
	}
	known := r.told[s] || len(r.told) >= maxReports
	if !known {
		r.told[s] = true
	}
	r.mu.Unlock()
	if !known {
		r.tell(s, err)
	}
}
