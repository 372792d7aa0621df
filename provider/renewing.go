package provider

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// A lease is a token and how long it is good for. Times that are zero never come.
type lease struct {
	token  string
	early  time.Time // from then on the next is fetched while this one goes on being used
	late   time.Time // from then on whoever wants a token waits for the next
	expiry time.Time // from then on it is of no use
}

// come reports whether the time t, unless it is zero, has come.
func come(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// fresh reports whether nobody needs to wait for another one.
func (l lease) fresh(now time.Time) bool { return l.token != "" && !come(l.late, now) && l.valid(now) }

// valid reports whether it is of use, should there be no other.
func (l lease) valid(now time.Time) bool { return l.token != "" && !come(l.expiry, now) }

// orElse returns the token while it is of use, and then err.
func (l lease) orElse(err error, now time.Time) (string, error) {
	if l.valid(now) {
		return l.token, nil
	}
	return "", err
}

// A renewing keeps one token for many callers and has it fetched again when it is
// time, or when it was refused: by one run at a time, in a goroutine that is
// waited for by close, up to where it tells of failures. A failed run is followed by a pause in which nothing is
// fetched.
type renewing struct {
	source  string
	fetch   func(ctx context.Context) (lease, error) // one at a time
	timeout time.Duration                            // of one run of it

	// carrier finds what fetch may send its requests through: CarrierFrom of its
	// context. Nil: it sends none.
	carrier func(ctx context.Context) (http.RoundTripper, error)

	// precious says that a run goes on when nobody waits for it any more.
	precious bool

	failed func(error) // told of each run that failed; nil: nobody

	ctx     context.Context // of all runs
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	lease    lease
	flight   *flight          // the run under way; nil: none
	failure  *CredentialError // of the last run; nil: it succeeded, or there was none
	failures int              // in a row
	reports  []error          // to be told when the run under way has ended
}

// A flight is one run and what came of it.
type flight struct {
	forced  bool // begun because a token was refused
	cancel  context.CancelFunc
	waiters int           // guarded by the mutex of the renewing
	done    chan struct{} // closed when the two below are set
	token   string
	err     *CredentialError
}

// errCredentialClosed is the cause of what fails after close.
var errCredentialClosed = errors.New("it was closed")

// Token returns the token in use, or waits for the next.
func (r *renewing) Token(ctx context.Context) (string, error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	current := r.lease
	if err := r.over(); err != nil {
		return "", err
	}
	if current.fresh(now) {
		if come(current.early, now) && r.flight == nil && r.paused(now) == nil {
			_ = r.begin(ctx, false) // without a way to go, a later caller will have one
		}
		return current.token, nil
	}
	if r.flight == nil {
		err := r.paused(now)
		if err == nil {
			err = r.begin(ctx, false)
		}
		if err != nil {
			return current.orElse(err, now)
		}
	}
	token, err := r.await(ctx, r.flight)
	if err == nil || ctx.Err() != nil || r.over() != nil {
		return token, err
	}
	return current.orElse(err, time.Now()) // for as long as it lasts
}

// Renew returns another token than stale, if there is one or one can be had.
func (r *renewing) Renew(ctx context.Context, stale string) (string, error) {
	r.mu.Lock()
	for {
		if err := r.over(); err != nil {
			r.mu.Unlock()
			return "", err
		}
		if r.lease.token != stale { // somebody has renewed it
			r.mu.Unlock()
			return r.Token(ctx)
		}
		if r.flight == nil {
			now := time.Now()
			r.lease.late = now // who comes now waits for the next one
			err := r.paused(now)
			if err == nil {
				err = r.begin(ctx, true)
			}
			if err != nil {
				r.mu.Unlock()
				return "", err
			}
		}
		// A run that nobody forced may yield the same token again: it is waited
		// for, since two at a time would spend a refresh token twice, and then
		// looked at.
		forced := r.flight.forced
		if token, err := r.await(ctx, r.flight); forced || ctx.Err() != nil {
			r.mu.Unlock()
			return token, err
		}
	}
}

// over returns why no run will follow any more. The mutex is held.
func (r *renewing) over() error {
	switch {
	case r.closed:
		return &CredentialError{Source: r.source, Class: ClassCanceled, Err: errCredentialClosed}
	case r.failure != nil && r.failure.Permanent:
		return r.failure
	}
	return nil
}

// paused returns the last failure while nothing is fetched because of it. The
// mutex is held.
func (r *renewing) paused(now time.Time) error {
	if r.failure == nil || !now.Before(r.failure.RetryAt) {
		return nil
	}
	again := *r.failure
	again.Repeated = true
	return &again
}

// begin starts a run. The mutex is held, and none is under way.
func (r *renewing) begin(ctx context.Context, forced bool) error {
	base := r.ctx
	if r.carrier != nil {
		rt, err := r.carrier(ctx)
		if err != nil {
			return err
		}
		base = WithCarrier(base, rt)
	}
	run, cancel := context.WithTimeout(base, r.timeout)
	f := &flight{forced: forced, cancel: cancel, done: make(chan struct{})}
	r.flight = f
	r.running.Add(1)
	go func() {
		l, err := r.fetch(run)
		cancel()
		reports := r.land(f, l, err)
		r.running.Done()
		for _, err := range reports { // by whom it may be closed
			r.failed(err)
		}
	}()
	return nil
}

// await waits until a run has ended, or the context has. The mutex is held, but
// not while it waits.
func (r *renewing) await(ctx context.Context, f *flight) (string, error) {
	f.waiters++
	r.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	r.mu.Lock()
	f.waiters--
	select {
	case <-f.done:
	default:
		if f.waiters == 0 && !r.precious && r.flight == f {
			r.flight = nil
			f.cancel()
		}
		return "", context.Cause(ctx)
	}
	if f.err != nil {
		return "", f.err
	}
	return f.token, nil
}

// report notes a failure beside those of runs, to be told once the run has ended.
func (r *renewing) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, err)
}

// land writes down what came of a run, and returns the failures to be told.
func (r *renewing) land(f *flight, l lease, err error) (reports []error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		f.err = credentialFailure(r.source, err)
	}
	f.token = l.token
	mine := r.flight == f // nobody gave it up
	if mine {
		r.flight = nil
		if f.err == nil || !r.closed {
			r.book(l, f.err)
		}
	}
	reports, r.reports = r.reports, nil
	if mine && !r.closed && f.err != nil {
		reports = append(reports, f.err)
	}
	close(f.done)
	if r.failed == nil {
		return nil
	}
	return reports
}

// book keeps the books of a run that has ended. The mutex is held.
func (r *renewing) book(l lease, failure *CredentialError) {
	r.failure = failure
	switch {
	case failure == nil:
		r.lease, r.failures = l, 0
	case !failure.Permanent:
		r.failures++
		now := time.Now()
		if failure.RetryAt.IsZero() {
			failure.RetryAt = now.Add(pauseAfter(r.failures))
			return
		}
		failure.RetryAt = earliest(latest(failure.RetryAt, now.Add(minPause)), now.Add(maxRetryAfter))
	}
}

// The pauses after failed runs (provider-facts 12.6). What the other side asks for
// is kept within a second and an hour.
const (
	firstPause    = 5 * time.Second
	maxPause      = 5 * time.Minute
	minPause      = time.Second
	maxRetryAfter = time.Hour
)

// pauseAfter doubles with each failure in a row.
func pauseAfter(failures int) time.Duration {
	pause := firstPause
	for range failures - 1 {
		if pause *= 2; pause >= maxPause {
			return maxPause
		}
	}
	return pause
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// close waits for the run under way, and ends it first unless it is precious: each
// has its own time-out.
func (r *renewing) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if !r.precious {
		r.stop()
	}
	r.running.Wait()
	r.stop()
}
