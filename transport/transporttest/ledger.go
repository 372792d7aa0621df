package transporttest

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
)

// ledger knows the open connections of a Server or Proxy and keeps its counts.
type ledger struct {
	mu      sync.Mutex
	stats   Stats
	open    map[*conn]struct{}
	changed chan struct{} // closed at the next change; nil: nobody waits
}

func newLedger() *ledger {
	return &ledger{open: make(map[*conn]struct{})}
}

// add books a connection that was just accepted.
func (l *ledger) add(tcp *net.TCPConn) *conn {
	c := newConn(tcp, l)
	l.update(func(s *Stats) {
		l.open[c] = struct{}{}
		s.Accepted++
		s.Open++
		s.Peak = max(s.Peak, s.Open)
	})
	return c
}

// remove books the end of c, once.
func (l *ledger) remove(c *conn) {
	l.update(func(s *Stats) {
		delete(l.open, c)
		s.Open--
	})
}

// update changes the books under the lock and wakes everybody who waits for a
// change.
func (l *ledger) update(change func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stats)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *ledger) snapshot() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// wait returns nil as soon as until holds, or the cause of the context's end.
func (l *ledger) wait(ctx context.Context, until func(Stats) bool) error {
	for {
		l.mu.Lock()
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		stats, changed := l.stats, l.changed
		l.mu.Unlock()
		if until(stats) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// cut closes every open connection.
func (l *ledger) cut() {
	l.mu.Lock()
	open := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}
