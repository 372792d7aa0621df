package quota

import (
	"sync"
	"time"
)

// circuit remembers for a short while that a store is broken.
type circuit struct {
	rest time.Duration

	mu     sync.Mutex
	err    error     // why it is broken; nil: it is not
	since  time.Time // it is broken
	until  time.Time // nobody tries it
	trying bool      // somebody does
}

// verdict is what a call says about the store.
type verdict uint8

const (
	unknown verdict = iota // the caller went, or the call panicked
	sound
	broken
)

// begin reports whether the store may be called; a trial is the only call meanwhile. If it may not, err is why.
func (c *circuit) begin() (trial bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err == nil:
		return false, nil
	case c.trying || time.Now().Before(c.until):
		return false, c.err
	default:
		c.trying = true
		return true, nil
	}
}

// end takes the verdict of a call. It reports whether that changed anything: whether the store broke or failed its trial,
// or is sound again after so long. Calls that began before it broke say nothing about it afterwards.
func (c *circuit) end(trial bool, v verdict, err error) (changed bool, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if trial {
		c.trying = false
	}
	now := time.Now()
	switch {
	case v == broken && (trial || c.err == nil):
		if c.err == nil {
			c.since = now
		}
		c.err, c.until = err, now.Add(c.rest)
		return true, 0
	case v == sound && trial:
		c.err = nil
		return true, now.Sub(c.since)
	default:
		return false, 0
	}
}
