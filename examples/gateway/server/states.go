package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

// states tells the store how accounts are, when that has changed.
type states struct {
	dirty atomic.Bool         // something may have changed
	last  map[string]snapshot // of those that are not as new; belongs to the refreshing goroutine
}

type snapshot struct {
	until    time.Time
	failures int
}

// attempted notes an attempt that may have changed its account's state.
func (s *states) attempted(a *balancer.Attempt) {
	if a.Class != provider.ClassOK && !s.dirty.Load() {
		s.dirty.Store(true)
	}
}

// report tells of the accounts whose state is another than last time. While one is not as
// new, it is looked at each time: it may recover by itself.
func (s *states) report(ctx context.Context, b *balancer.Transport, to AccountReporter) {
	if !s.dirty.Swap(false) && len(s.last) == 0 {
		return
	}
	picture, err := b.Snapshot(ctx)
	if err != nil {
		s.dirty.Store(true)
		return
	}
	next := make(map[string]snapshot)
	for i := range picture.Accounts {
		a := &picture.Accounts[i]
		now := snapshot{failures: a.Failures}
		if a.Cause == "limit" {
			now.until = a.Until
		}
		before := s.last[a.Name]
		if before.failures != now.failures || !before.until.Equal(now.until) {
			to.AccountState(a.Name, now.until, int64(now.failures))
		}
		if now.failures > 0 || !now.until.IsZero() {
			next[a.Name] = now
		}
	}
	s.last = next
}
