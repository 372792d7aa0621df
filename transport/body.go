package transport

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// body is an answer's body that knows when it ends, and that gives up when it says
// nothing for too long.
type body struct {
	io.ReadCloser
	at    *attempt
	fired atomic.Bool
	once  sync.Once
	bytes atomic.Int64 // read

	upgraded bool  // after a 101, which outlives the request's context
	ended    error // what ended it, told again by each later Read; belongs to Read
}

// follow takes over the body of an answer, or releases what the attempt holds if
// there is none.
func (at *attempt) follow(resp *http.Response) {
	if resp.ContentLength == 0 && resp.StatusCode != http.StatusSwitchingProtocols || bodiless(resp) {
		at.release()
		return
	}
	b := &at.body
	b.ReadCloser, b.at = resp.Body, at
	b.upgraded = resp.StatusCode == http.StatusSwitchingProtocols
	resp.Body = writable(b, resp.Body)
}

// bodiless tells whether nothing follows the head of an answer. HTTP/2 gives such an
// answer a body all the same.
func bodiless(resp *http.Response) bool {
	switch {
	case resp.Body == nil || resp.Body == http.NoBody:
		return true
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return false
	default:
		return resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified ||
			resp.Request != nil && resp.Request.Method == http.MethodHead
	}
}

// Read reads on; its errors other than io.EOF are an *Error in PhaseBody.
func (b *body) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	if b.fired.Load() {
		return 0, b.idleError()
	}
	if !b.upgraded { // who speaks another protocol has its own ideas of silence
		b.at.watch.begin(waitsForBody)
	}
	n, err := b.ReadCloser.Read(p)
	b.at.watch.end(waitsForBody)
	b.bytes.Add(int64(n))
	if err == nil {
		return n, nil
	}
	if err != io.EOF || b.cut() { //nolint:errorlint // EOF comes bare, as readers expect
		err = b.failure(err)
	}
	b.ended = err
	if !b.upgraded { // what was upgraded may still be written to, until it is closed
		b.finish(err)
	}
	return n, err
}

// Close ends the answer, read to its end or not. It may be called more than once
// and while a Read waits.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.finish(nil)
	return err
}

// giveUp ends a Read that waited too long, by ending what it reads from.
func (b *body) giveUp() {
	b.fired.Store(true)
	_ = b.ReadCloser.Close()
}

// finish gives back what the attempt holds, once. why is nil for a body that was
// closed early.
func (b *body) finish(why error) {
	b.once.Do(func() {
		b.at.release()
		if done := b.at.told.BodyDone; done != nil {
			done(endOf(b.bytes.Load(), why))
		}
	})
}

// endOf is what became of a body that a Read ended with why, or a Close with nil.
func endOf(bytes int64, why error) End {
	if why == io.EOF { //nolint:errorlint // readers return it bare
		return End{Bytes: bytes, Whole: true}
	}
	return End{Bytes: bytes, Err: why}
}

// cut tells whether the answer was ended here. Its endpoint may have learnt of that
// sooner than our reader, and have ended it as if it were whole.
func (b *body) cut() bool {
	return b.fired.Load() || b.at.closed() || b.at.Err() != nil && !b.upgraded
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
		Err: &idleError{b.at.watch.limit, waitsForBody},
	}
}
