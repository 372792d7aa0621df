package transport

import (
	"context"
	"sync"
	"time"
)

// waiting is what an exchange waits for.
type waiting uint8

const (
	waitsForNothing waiting = iota
	waitsForUpload          // the request's body is to be taken
	waitsForBody            // the answer's body is to come
)

// watch is the one timer of an exchange. Time counts only while something is waited
// for: first for the request's body to be taken, later for the answer's to come. A
// caller may think between two reads as long as it likes.
//
// The timer itself is set once and looks again when it fires: to set it for each read
// would cost more than the read.
type watch struct {
	limit time.Duration // 0: none
	owner interface{ waitedTooLong(waiting) }

	mu       sync.Mutex
	timer    *time.Timer
	running  bool
	waits    waiting
	until    time.Time // what is waited for may take
	answered bool      // what becomes of the upload matters no more
	stopped  bool
}

// begin starts the time anew.
func (w *watch) begin(what waiting) {
	if w.limit <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || what == waitsForUpload && w.answered {
		return
	}
	w.waits, w.until = what, time.Now().Add(w.limit)
	switch {
	case w.running:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.limit, w.fire)
	default:
		w.timer.Reset(w.limit)
	}
	w.running = true
}

// end stops the time, if it runs for this.
func (w *watch) end(what waiting) {
	if w.limit <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits == what {
		w.waits = waitsForNothing
	}
}

// answer ends what there is to say about the upload: a peer may answer before it has
// taken all, or without taking it.
func (w *watch) answer() {
	if w.limit <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
	if w.waits == waitsForUpload {
		w.waits = waitsForNothing
	}
}

// stop ends the watch for good. Without it the timer would keep the exchange alive.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped, w.waits = true, waitsForNothing
	if w.running {
		w.running = false
		w.timer.Stop()
	}
}

func (w *watch) fire() {
	w.mu.Lock()
	what := w.waits
	left := time.Until(w.until)
	switch {
	case what == waitsForNothing:
		w.running = false
	case left > 0: // it began later than the timer
		what = waitsForNothing
		w.timer.Reset(left)
	default:
		w.waits, w.running = waitsForNothing, false
	}
	w.mu.Unlock()
	if what != waitsForNothing {
		w.owner.waitedTooLong(what)
	}
}

// idleError is the end of a body that did not get on for too long.
type idleError struct {
	after time.Duration
	what  waiting
}

func (e *idleError) Error() string {
	if e.what == waitsForUpload {
		return "nothing of the request was taken for " + e.after.String()
	}
	return "nothing came for " + e.after.String()
}

func (e *idleError) Timeout() bool   { return true }
func (e *idleError) Is(t error) bool { return t == context.DeadlineExceeded }
