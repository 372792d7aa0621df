package balancer

import (
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aitransport/aitransport/provider"
)

// AttemptError is an attempt that failed, for pages. It holds no secret.
type AttemptError struct {
	Time   time.Time      `json:"time"` // when it had failed
	Model  string         `json:"model,omitempty"`
	Class  provider.Class `json:"class"`
	Status int            `json:"status,omitempty"` // 0: no answer
	Code   string         `json:"code,omitempty"`
	Reason string         `json:"reason,omitempty"`
}

// maxRecent is how many errors an account remembers.
const maxRecent = 5

// recent are the last attempts of an account that failed for a reason other than the
// caller's.
type recent struct {
	count atomic.Int64 // of all
	when  atomic.Int64 // of the last, in nanoseconds since 1970

	mu   sync.Mutex
	last []AttemptError // the newest last
}

// add notes an attempt that failed now, unless it was the caller's fault.
func (r *recent) add(e AttemptError) {
	switch e.Class {
	case provider.ClassCanceled, provider.ClassInvalidRequest, provider.ClassContextTooLong, provider.ClassTooLarge, provider.ClassContentPolicy:
		return
	}
	e.Time = time.Now()
	e.Model, e.Code, e.Reason = short(e.Model), short(e.Code), short(e.Reason)
	r.count.Add(1)
	r.when.Store(e.Time.UnixNano())
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.last) == maxRecent {
		copy(r.last, r.last[1:])
		r.last = r.last[:maxRecent-1]
	}
	r.last = append(r.last, e)
}

// list is a copy of them, the newest first.
func (r *recent) list() []AttemptError {
	if r.count.Load() == 0 && r.when.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]AttemptError, 0, len(r.last))
	for i := len(r.last) - 1; i >= 0; i-- {
		list = append(list, r.last[i])
	}
	return list
}

// maxShown bounds the texts of others that are kept, or logged.
const maxShown = 500

// short is at most maxShown bytes of a text, cut between two characters.
func short(text string) string {
	if len(text) <= maxShown {
		return text
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
