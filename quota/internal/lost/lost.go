// Package lost remembers reservations that a shared store may have made though nobody heard so: the answer was lost. The
// caller was told of an error, so nobody will settle them; the store cancels them with its next call for their key.
package lost

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Most is how many a List remembers. Those of an outage that were on their way when it began come first, and they are
	// the ones that may have been made: who comes when it is full is not remembered, and expires as any reservation does.
	Most = 10_000

	// MostOfKey is how many of them are of one key.
	MostOfKey = 1000

	// AtOnce is how many of a key Of returns.
	AtOnce = 32
)

// List is of reservations by key. The zero List is empty. Its methods may be called by any number of goroutines, and cost
// next to nothing while it is empty.
type List struct {
	n atomic.Int64 // of all keys; changed under mu

	mu    sync.Mutex
	byKey map[string][]entry
	first time.Time // no entry is over before that
}

// entry is one of which until then something can be given back.
type entry struct {
	id    string
	until time.Time
}

// Add remembers a reservation that was asked for with that ttl just now. A store lets it be settled for two of them.
func (l *List) Add(key, id string, ttl time.Duration) {
	now := time.Now()
	until := now.Add(ttl).Add(ttl)
	if until.Before(now) { // beyond what a time can be
		until = now.Add(1<<63 - 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n.Load() >= Most {
		l.sweep(now)
	}
	if l.n.Load() >= Most || len(l.living(key, now)) >= MostOfKey {
		return
	}
	if l.byKey == nil {
		l.byKey = make(map[string][]entry)
	}
	if l.n.Load() == 0 || until.Before(l.first) {
		l.first = until
	}
	l.byKey[key] = append(l.byKey[key], entry{id, until})
	l.n.Add(1)
}

// sweep forgets what is over, unless nothing can be. The caller holds the lock.
func (l *List) sweep(now time.Time) {
	if now.Before(l.first) {
		return
	}
	l.first = now.Add(1<<63 - 1)
	for key := range l.byKey {
		for _, e := range l.living(key, now) {
			if e.until.Before(l.first) {
				l.first = e.until
			}
		}
	}
}

// drop forgets entries of a key, and returns those that are left. The caller holds the lock.
func (l *List) drop(key string, over func(entry) bool) []entry {
	all := l.byKey[key]
	var left []entry
	for _, e := range all {
		if !over(e) {
			left = append(left, e)
		}
	}
	l.n.Add(int64(len(left) - len(all)))
	if len(left) == 0 {
		delete(l.byKey, key)
		return nil
	}
	l.byKey[key] = left
	return left
}

// living is the entries of a key without those that are over. The caller holds the lock.
func (l *List) living(key string, now time.Time) []entry {
	over := func(e entry) bool { return !now.Before(e.until) }
	if all := l.byKey[key]; !slices.ContainsFunc(all, over) {
		return all
	}
	return l.drop(key, over)
}

// Of is the IDs of some of a key, the oldest first, at most AtOnce; nil: there are none. They stay until Done, so several
// calls may be given the same: to cancel twice does no harm.
func (l *List) Of(key string) (ids []string) {
	if l.n.Load() == 0 {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.living(key, now)
	for _, e := range all[:min(len(all), AtOnce)] {
		ids = append(ids, e.id)
	}
	return ids
}

// Done forgets those that were canceled.
func (l *List) Done(key string, ids []string) {
	if len(ids) == 0 {
		return
	}
	done := make(map[string]bool, len(ids))
	for _, id := range ids {
		done[id] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(key, func(e entry) bool { return done[e.id] })
}
