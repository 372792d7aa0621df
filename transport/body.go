package transport

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// body is an answer's body that knows when it ends, and that gives up when it says
// nothing for too long. The timer runs only while a Read waits: a caller may think
// between two reads as long as it likes.
type body struct {
	io.ReadCloser
	at    *attempt
	idle  time.Duration // 0: no limit
	timer *time.Timer
	fired atomic.Bool
	once  sync.Once

	upgraded bool  // after a 101, which outlives the request's context
	ended    error // what ended it, told again by each later Read; belongs to Read
}

// follow takes over the body of an answer, or releases what the attempt holds if
// there is none.
func (at *attempt) follow(resp *http.Response, idle time.Duration) {
	if resp.Body == nil || resp.Body == http.NoBody {
		at.release()
		return
	}
	b := &at.body
	b.ReadCloser, b.at, b.idle = resp.Body, at, max(idle, 0)
	if w, ok := resp.Body.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		b.upgraded = true
		resp.Body = struct {
			io.ReadCloser
			io.Writer
		}{b, w}
		return
	}
	resp.Body = b
}

// Read reads on; its errors other than io.EOF are an *Error in PhaseBody.
func (b *body) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	if b.fired.Load() {
		return 0, b.idleError()
	}
	if b.idle > 0 {
		if b.timer == nil {
			b.timer = time.AfterFunc(b.idle, b.giveUp)
		} else {
			b.timer.Reset(b.idle)
		}
	}
	n, err := b.ReadCloser.Read(p)
	if b.timer != nil {
		b.timer.Stop()
	}
	if err == nil {
		return n, nil
	}
	if err != io.EOF || b.cut() { //nolint:errorlint // EOF comes bare, as readers expect
		err = b.failure(err)
	}
	b.ended = err
	if !b.upgraded { // what was upgraded may still be written to, until it is closed
		b.finish()
	}
	return n, err
}

// Close ends the answer, read to its end or not. It may be called more than once
// and while a Read waits.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.finish()
	return err
}

// giveUp ends a Read that waited too long, by ending what it reads from.
func (b *body) giveUp() {
	b.fired.Store(true)
	_ = b.ReadCloser.Close()
}

// finish gives back what the attempt holds, once.
func (b *body) finish() { b.once.Do(b.at.release) }

// cut tells whether the answer was ended here. Its endpoint may have learnt of that
// sooner than our reader, and have ended it as if it were whole.
func (b *body) cut() bool {
	return b.fired.Load() || b.at.closed() || b.at.ctx.Err() != nil && !b.upgraded
}

func (b *body) failure(err error) error {
	if b.fired.Load() {
		return b.idleError()
	}
	e := &Error{Phase: PhaseBody, Sent: SentYes, Proxy: b.at.agent.proxy, Addr: b.at.agent.key.Host, Err: err}
	if !b.upgraded || b.at.closed() {
		b.at.explain(e)
	}
	return e
}

// idleError is the same however often it is asked for, and on every protocol.
func (b *body) idleError() error {
	return &Error{
		Phase: PhaseBody, Sent: SentYes, Proxy: b.at.agent.proxy, Addr: b.at.agent.key.Host,
		Err: &idleError{after: b.idle},
	}
}

// idleError is the end of a body that said nothing for too long.
type idleError struct{ after time.Duration }

func (e *idleError) Error() string   { return "nothing came for " + e.after.String() }
func (e *idleError) Timeout() bool   { return true }
func (e *idleError) Is(t error) bool { return t == context.DeadlineExceeded }
