package providertest

import (
	"slices"
	"sync"
	"time"
)

const (
	maxKept      = 4096      // objects that a fake keeps for its callers
	maxKeptBytes = 256 << 20 // and what they hold
)

// The collections that objects are in.
const (
	inFiles     = "files"
	inUploads   = "uploads" // Gemini: files that are announced and not yet there
	inBatches   = "batches"
	inResponses = "responses"
	inTunings   = "fine-tuning jobs"
	inCaches    = "cached contents"
)

// item is something that a fake keeps. It never changes: it is replaced.
type item struct {
	collection, id string
	owner          string    // the credential that made it
	at             time.Time // from when it is there
	size           int       // in bytes, roughly
	value          any
}

// shelf is what a fake keeps for its callers; the oldest things go first when
// there are too many.
type shelf struct {
	mu    sync.Mutex
	items []*item // as they came
	bytes int
}

// put adds an item, or replaces the one with the same id.
func (s *shelf) put(it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(it.collection, it.id); i >= 0 {
		s.bytes += it.size - s.items[i].size
		s.items[i] = it
	} else {
		s.bytes += it.size
		s.items = append(s.items, it)
	}
	for len(s.items) > maxKept || s.bytes > maxKeptBytes {
		s.bytes -= s.items[0].size
		s.items[0] = nil
		s.items = s.items[1:]
	}
}

func (s *shelf) drop(it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(it.collection, it.id); i >= 0 {
		s.bytes -= s.items[i].size
		s.items = slices.Delete(s.items, i, i+1)
	}
}

// index is where an item is; -1: nowhere. New things are looked for first.
func (s *shelf) index(collection, id string) int {
	for i, it := range slices.Backward(s.items) {
		if it.id == id && it.collection == collection {
			return i
		}
	}
	return -1
}

// all is what a credential can see of a collection, the newest first.
func (s *shelf) all(collection, owner string, now time.Time) []*item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*item
	for _, it := range slices.Backward(s.items) {
		if it.collection == collection && it.owner == owner && !now.Before(it.at) {
			out = append(out, it)
		}
	}
	return out
}

// kept finds what the caller has in a collection under an id.
func kept[T any](c *call, collection, id string) (value T, it *item, ok bool) {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	i := c.shelf.index(collection, id)
	if i < 0 {
		return value, nil, false
	}
	it = c.shelf.items[i]
	if it.owner != c.key || c.at.Before(it.at) {
		return value, nil, false
	}
	value, ok = it.value.(T)
	return value, it, ok
}

// item is something new of the caller's.
func (c *call) item(collection, id string, size int, value any) *item {
	return &item{collection: collection, id: id, owner: c.key, at: c.at, size: size, value: value}
}

// with is the same item with another value.
func (it *item) with(value any) *item {
	next := *it
	next.value = value
	return &next
}

// work is something that takes its time.
type work struct {
	started, ends time.Time
	stopped       time.Time // before it ended; zero: it was not
}

func (c *call) work() work { return work{started: c.at, ends: c.at.Add(c.WorkTime)} }

// ended tells whether the work came to its end, by itself or not.
func (w work) ended(now time.Time) bool { return !w.stopped.IsZero() || !now.Before(w.ends) }

// stop is the work when it is stopped now; what has ended stays as it is.
func (w work) stop(now time.Time) work {
	if !w.ended(now) {
		w.stopped = now
	}
	return w
}

// has tells whether anybody has something under an id.
func (s *shelf) has(collection, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index(collection, id) >= 0
}
