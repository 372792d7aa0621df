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

// watch is the one timer of an exchange. It runs only while something is waited
// for: first for the request's body to be taken, later for the answer's to come. A
// caller may think between two reads as long as it likes.
type watch struct {
	limit time.Duration // 0: none
	owner interface{ waitedTooLong(waiting) }

	mu       sync.Mutex
	timer    *time.Timer
	waits    waiting
	until    time.Time
	answered bool // what becomes of the upload matters no more
}

// begin starts the time anew.
func (w *watch) begin(what waiting) {
	if w.limit <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if what == waitsForUpload && w.answered {
		return
	}
	w.waits, w.until = what, time.Now().Add(w.limit)
	if w.timer == nil {
		w.timer = time.AfterFunc(w.limit, w.fire)
	} else {
		w.timer.Reset(w.limit)
	}
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
		w.timer.Stop()
	}
}

// answer ends what there is to say about the upload: a peer may answer before it has
// taken all, or without taking it.
func (w *watch) answer() {
	if w.limit <= 0 {
		return
	}
	w.end(waitsForUpload)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
}

func (w *watch) fire() {
	w.mu.Lock()
	what := w.waits
	if left := time.Until(w.until); what != waitsForNothing && left > 0 { // it was begun anew at the same moment
		w.timer.Reset(left)
		what = waitsForNothing
	} else {
		w.waits = waitsForNothing
	}
	w.mu.Unlock()
	if what != waitsForNothing { // else it was ended at the same moment
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
