package balancer

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// Why we end attempts.
var (
	errDeadline error = &timeoutError{"no account answered within Config.Deadline"}
	errSilent   error = &timeoutError{"the first byte of its answer did not come within Config.FirstByteTimeout"}
	errLost           = errors.New("another account answered first")
)

type timeoutError struct{ text string }

func (e *timeoutError) Error() string      { return e.text }
func (*timeoutError) Timeout() bool        { return true }
func (*timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// isOurs tells whether an attempt was ended by one of our own limits.
func isOurs(cause error) bool { return errors.Is(cause, errDeadline) || errors.Is(cause, errSilent) }

// try is an attempt under way: from its start until it is known whether it answered
// well. It then belongs to whoever serves the request, unless it has lost to another,
// which it ends by itself.
type try struct {
	s      *serving
	at     *attempt
	ctx    context.Context
	cancel context.CancelCauseFunc
	begun  time.Time

	follows bool // another attempt could follow, or runs beside this one
	aside   bool // it runs in a goroutine of its own
	hedge   bool // it was begun beside another

	mu      sync.Mutex
	phase   tryPhase
	patient bool        // its silence matters no longer: somebody is asked in its place, or nobody could be
	timer   *time.Timer // ends holding
	answer  *answer     // that is, or was, held
	ahead   *ahead
	looks   bool // for content and errors; else for the first byte alone

	// These are its own until it has reported.
	resp     *http.Response
	err      error
	verdict  provider.Verdict
	panicked bool
	panic    any
}

type tryPhase uint8

const (
	trySending  tryPhase = iota
	tryAnswered          // or failed; being judged
	tryHolding
	tryReported
	tryLost
)

// run sends the request. It tells whether the attempt has reported already; else it
// will, once what it holds is judged.
func (t *try) run() (reported bool) {
	resp, err := t.at.send(t.ctx)
	t.at.record.Hedge = t.hedge
	t.resp, t.err = t.inTime(resp, err)
	t.verdict = t.at.judge(t.ctx, t.resp, t.err)
	if t.verdict.Class == provider.ClassOK && t.hold(t.aside) {
		return false
	}
	t.report()
	return true
}

// runAside is run in a goroutine of its own. A panic comes up where the request is
// served.
func (t *try) runAside() {
	makeRoom(0)
	left := true // by runtime.Goexit, if by nothing else
	defer func() {
		v := recover()
		if v == nil && left {
			v = "balancer: a layer has ended the goroutine of its attempt"
		}
		if v != nil {
			t.panicked, t.panic = true, v
			t.report()
		}
	}()
	t.run()
	left = false
}

// makeRoom has the stack of a new goroutine grow once, while nothing is on it. Else it would
// grow, and be copied, several times on the way down to net/http, which takes longer than all
// that the balancer does.
//
//go:noinline
func makeRoom(i int) byte {
	var room [8 << 10]byte
	return room[i] // which the compiler cannot tell beforehand
}

// inTime takes the attempt out of reach of the limits until an answer, unless one of
// them came first: the answer would break off.
func (t *try) inTime(resp *http.Response, err error) (*http.Response, error) {
	t.mu.Lock()
	if t.phase == trySending {
		t.phase = tryAnswered
	}
	cause := context.Cause(t.ctx)
	t.mu.Unlock()
	switch {
	case cause == nil || !isOurs(cause):
		return resp, err
	case err == nil:
		discard(resp)
		return nil, cause
	}
	if failure := (*transport.Error)(nil); errors.As(err, &failure) {
		return nil, err
	}
	return nil, cause // not the cancel that it came as
}

// report hands the attempt over to whoever serves the request, once.
func (t *try) report() {
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	phase := t.phase
	if phase != tryLost {
		t.phase = tryReported
	}
	t.mu.Unlock()
	switch {
	case phase == tryLost:
		t.bookLost()
	case phase != tryReported && (t.aside || phase == tryHolding):
		t.s.results <- t
	}
}

// release lets go of what is held, as it is.
func (t *try) release() {
	t.mu.Lock()
	held := t.phase == tryHolding && !isOurs(context.Cause(t.ctx)) // else it breaks off
	if held {
		t.ahead.release()
	}
	t.mu.Unlock()
	if held {
		t.report()
	}
}

// expire ends an attempt that Config.Deadline no longer allows. An answer that is held
// has begun.
func (t *try) expire() {
	if !t.end(errDeadline) {
		t.release()
	}
}

// end ends an attempt that was not answered yet, and tells whether it was one.
func (t *try) end(cause error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != trySending {
		return false
	}
	t.cancel(cause)
	return true
}

// silence ends an attempt whose answer has not brought a byte, and tells whether it
// was one.
func (t *try) silence() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != trySending && t.phase != tryHolding || t.at.heard.Load() {
		return false
	}
	t.patient = true // it is not to be left twice
	t.cancel(errSilent)
	if t.phase == tryHolding {
		_ = t.answer.raw.Close() // should the context alone not end a Read
	}
	return true
}

// endure leaves a silent attempt to the caller's patience.
func (t *try) endure() {
	t.mu.Lock()
	t.patient = true
	t.mu.Unlock()
}

// relent passes on what there is of an answer that was endured and is silent still.
func (t *try) relent() {
	t.mu.Lock()
	patient := t.patient
	t.mu.Unlock()
	if patient && !t.at.heard.Load() {
		t.release()
	}
}

// interrupt ends what is held when the caller has gone, or Close was called.
func (t *try) interrupt() {
	t.mu.Lock()
	held := t.phase == tryHolding
	if held {
		t.breakOff(context.Cause(t.s.ctx))
	}
	t.mu.Unlock()
	if held {
		t.report()
	}
}

// lose ends an attempt that is not needed any more. It closes its books by itself,
// once it has come to its end.
func (t *try) lose() {
	t.mu.Lock()
	phase := t.phase
	if phase != tryReported {
		t.phase = tryLost
	}
	t.mu.Unlock()
	t.cancel(errLost)
	switch phase {
	case tryReported:
		t.bookLost()
	case tryHolding:
		_ = t.ahead.Close()
	}
}

// bookLost closes the books of an attempt that has lost: what it told that it used
// was used. That it was ended is nobody's fault; what it failed with before is told.
func (t *try) bookLost() {
	used, v := quota.Amount{Requests: 1}, t.verdict
	if t.err != nil && !v.MaybeExecuted {
		used = quota.Amount{}
	}
	if t.answer != nil {
		used = t.book()
	}
	if v.Class == provider.ClassOK || v.Class == provider.ClassUnknown || v.Class == provider.ClassCanceled {
		v = provider.Verdict{Class: provider.ClassCanceled, Scope: provider.ScopeNone, MaybeExecuted: v.MaybeExecuted || t.resp != nil, Message: errLost.Error()}
		t.at.needless = true
	}
	if t.panicked { // it comes up nowhere
		t.s.t.cfg.Logger.ErrorContext(t.s.in.Context(), "An attempt panicked that another account had made needless",
			"request", t.s.number, "account", t.at.Name, "reason", t.at.whatPanicked(t.panic))
	}
	t.at.fail(v, used, nil)
	if t.resp != nil {
		discard(t.resp)
	}
	t.cancel(nil)
}

// abandon ends an attempt in which something panicked.
func (t *try) abandon() {
	v := provider.Verdict{Class: provider.ClassCanceled, Scope: provider.ScopeNone, MaybeExecuted: true, Message: "abandoned by a panic"}
	used := quota.Amount{Requests: 1}
	if t.answer != nil {
		used = t.book()
		_ = t.ahead.Close()
	} else if t.resp != nil && t.resp.Body != nil {
		_ = t.resp.Body.Close()
	}
	t.at.fail(v, used, nil)
	t.cancel(nil)
}

// good tells whether the answer is a good one, whatever is inside.
func (t *try) good() bool { return t.resp != nil && t.resp.StatusCode < http.StatusBadRequest }

// status is that of the answer that is there; 0: there is none.
func (t *try) status() int {
	if t.resp == nil {
		return 0
	}
	return t.resp.StatusCode
}
