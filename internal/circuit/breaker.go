package circuit

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Config sets up a Breaker.
type Config struct {
	Timeout time.Duration    // for each call; 0 and below: none
	Rest    time.Duration    // for so long after a failure nobody calls; 0 and below: not at all
	Broken  func(error) bool // which errors say that the store is broken; nil: all

	// OnBroken is told when the store breaks, and when a trial of it fails; OnBack when a trial succeeds, so long after it
	// broke. Whoever made the call waits for them; no lock is held. nil: not told.
	OnBroken func(ctx context.Context, err error)
	OnBack   func(ctx context.Context, after time.Duration)
}

// Breaker remembers for a short while that a store is broken. Make it with [New]. Any number of goroutines may use it.
type Breaker struct {
	cfg Config

	mu     sync.Mutex
	err    error     // why it is broken; nil: it is not
	since  time.Time // it is broken
	until  time.Time // nobody tries it
	trying bool      // somebody does
	breaks uint64    // how often it broke
}

// New is a Breaker of a store that is sound as far as is known.
func New(c Config) *Breaker { return &Breaker{cfg: c} }

// Unavailable is the error of a call of a store that is broken. It unwraps to the store's own, if that was called. What the
// store said to another caller is his, and in Config.OnBroken.
type Unavailable struct {
	RetryAt time.Time // when the store is tried again, at the earliest
	Err     error     // the store's; nil: it was not called
}

// Error is the store's.
func (e *Unavailable) Error() string {
	if e.Err == nil {
		return "not asked, so soon after it failed"
	}
	return e.Err.Error()
}

// Unwrap is Err.
func (e *Unavailable) Unwrap() error { return e.Err }

// IsUnavailable tells whether an error says that a store is broken, which its OnBroken has been told.
func IsUnavailable(err error) bool {
	var u *Unavailable
	return errors.As(err, &u)
}

// hasty is what part of the time limit a caller's own deadline must have given a call, so that it says something about the
// store.
const hasty = 10

// Do calls the store, if it is not known to be broken, and remembers whether it is. The error is f's own, or an
// *Unavailable where the store is broken. Of a call whose caller has gone it is f's, and says nothing about the store; where
// the caller's deadline has passed meanwhile it says that the store is slow, if that had a tenth of the time limit. A
// call that panics says nothing either. With a context that is done, f is not called.
func (b *Breaker) Do(ctx context.Context, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, retryAt, ok := b.begin()
	if !ok {
		return &Unavailable{RetryAt: retryAt}
	}
	v, failure := unknown, error(nil)
	defer func() { b.judge(ctx, c, v, failure) }()
	began := time.Now()
	err := b.limited(ctx, f)
	switch {
	case err == nil || b.cfg.Broken != nil && !b.cfg.Broken(err):
		v = sound
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) >= b.cfg.Timeout/hasty:
		v, failure = broken, err // the caller had no more time, but others need not wait as long
		return err
	case ctx.Err() != nil:
		return err
	default:
		v, failure = broken, err
		return &Unavailable{RetryAt: b.rested(), Err: err}
	}
}

func (b *Breaker) limited(ctx context.Context, f func(context.Context) error) error {
	if b.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
	}
	return f(ctx)
}

// Err is why the store is broken, as far as is known; nil: it is not.
func (b *Breaker) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// verdict is what a call says about the store.
type verdict uint8

const (
	unknown verdict = iota // the caller went, or the call panicked
	sound
	broken
)

// call is one that has begun.
type call struct {
	trial  bool   // the only one meanwhile
	breaks uint64 // how often the store had broken then
}

// begin begins a call, if the store may be called. If it may not, retryAt is when it is worth to come again.
func (b *Breaker) begin() (c call, retryAt time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err == nil:
		return call{breaks: b.breaks}, retryAt, true
	case b.trying: // and may fail
		return c, b.rested(), false
	case time.Now().Before(b.until):
		return c, b.until.Round(0), false
	default:
		b.trying = true
		return call{trial: true, breaks: b.breaks}, retryAt, true
	}
}

// rested is when the rest ends that begins now, on the wall.
func (b *Breaker) rested() time.Time { return time.Now().Add(max(0, b.cfg.Rest)).Round(0) }

// judge remembers what a call said of the store, and tells.
func (b *Breaker) judge(ctx context.Context, c call, v verdict, err error) {
	changed, after := b.end(c, v, err)
	switch {
	case !changed:
	case v == broken && b.cfg.OnBroken != nil:
		b.cfg.OnBroken(ctx, err)
	case v == sound && b.cfg.OnBack != nil:
		b.cfg.OnBack(ctx, after)
	}
}

// end takes the verdict of a call. It reports whether that changed anything: whether the store broke or failed its trial,
// or is sound again after so long. Calls that began before it broke say nothing about it afterwards.
func (b *Breaker) end(c call, v verdict, err error) (changed bool, after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.trial {
		b.trying = false
	}
	now := time.Now()
	switch {
	case v == broken && (c.trial || b.err == nil && c.breaks == b.breaks):
		if b.err == nil {
			b.since = now
			b.breaks++
		}
		b.err, b.until = err, now.Add(b.cfg.Rest)
		return true, 0
	case v == sound && c.trial:
		b.err = nil
		return true, now.Sub(b.since)
	default:
		return false, 0
	}
}
