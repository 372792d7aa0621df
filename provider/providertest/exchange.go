package providertest

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
)

const maxUnread = 64 << 10 // of an answer, before its handler has to wait

// exchange is one request in memory: to its handler a ResponseWriter and
// Flusher, to its client the answer's body.
type exchange struct {
	cancel  context.CancelFunc // of the handler's context
	gone    func() error       // why the client's context has ended; nil: it has not
	unwatch func() bool        // of that context
	request io.Closer          // the request's body
	head    bool               // the answer has no body whatever is written
	done    chan struct{}      // closed when the handler has returned

	header http.Header   // the handler's
	begun  chan struct{} // closed when there is an answer

	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	status   int         // 0: WriteHeader was not called yet
	frozen   http.Header // as it was then
	sent     http.Header // nil: nothing is on its way yet
	length   int64       // as announced; -1: it was not
	written  int64
	unread   []byte
	err      error // of reads, once nothing is unread; nil: more may come
	broken   error // why the client broke it off; nil: it did not
}

// serve runs the handler and ends the answer as a server would.
func (x *exchange) serve(h http.Handler, r *http.Request) {
	aborted := true // also by runtime.Goexit
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // panics with exactly this value
			panic(v)
		}
		x.finish(aborted)
		x.cancel()
		_ = x.request.Close()
		close(x.done)
	}()
	h.ServeHTTP(x, r)
	aborted = false
}

// finish ends the answer.
func (x *exchange) finish(aborted bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch gone := x.gone(); {
	case gone != nil && (aborted || x.sent == nil): // the handler may be the first to see it
		x.broken = gone
		x.fail(gone)
		return
	case aborted && x.sent == nil:
		x.fail(io.EOF)
		return
	case !aborted:
		if x.sent == nil && x.length < 0 && !x.head && !bodyless(x.status) {
			x.length = 0
		}
		x.begin(nil)
	}
	if aborted || x.length > x.written && !x.head && !bodyless(x.status) {
		x.fail(io.ErrUnexpectedEOF)
		return
	}
	x.fail(io.EOF)
}

// end breaks the exchange off, from the client's side.
func (x *exchange) end(err error) {
	x.mu.Lock()
	x.err, x.broken, x.unread = err, err, nil
	x.readable.Broadcast()
	x.writable.Broadcast()
	x.mu.Unlock()
	x.cancel()
	_ = x.request.Close()
}

// fail sets what reads end with, unless they have ended already.
func (x *exchange) fail(err error) {
	if x.err == nil {
		x.err = err
	}
	x.readable.Broadcast()
	x.writable.Broadcast()
}

// answered tells why there is no answer; nil: there is one.
func (x *exchange) answered() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.broken != nil:
		return x.broken
	case x.sent == nil:
		return x.err
	}
	return nil
}

// Header is the handler's.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader fixes the status and the headers. Informational ones are lost.
func (x *exchange) WriteHeader(code int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHeader(code)
}

func (x *exchange) writeHeader(code int) {
	if x.status != 0 || code < 200 {
		return
	}
	x.status, x.frozen = code, x.header.Clone()
	if n, err := strconv.ParseInt(x.frozen.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		x.length = n
	}
}

// begin lets the client have the answer, whose body starts with p.
func (x *exchange) begin(p []byte) {
	x.writeHeader(http.StatusOK)
	if x.sent != nil {
		return
	}
	x.sent = x.frozen
	if _, typed := x.sent["Content-Type"]; !typed && len(p) > 0 && !bodyless(x.status) && x.sent.Get("Content-Encoding") == "" {
		x.sent.Set("Content-Type", http.DetectContentType(p))
	}
	close(x.begun)
}

// bodyless tells whether answers with this status have no body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// Flush sends the header; what is written is never held back.
func (x *exchange) Flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begin(nil)
}

// Write gives p to the client, and waits while that has much to read.
func (x *exchange) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begin(p)
	switch {
	case x.head:
		return len(p), nil
	case bodyless(x.status):
		return 0, http.ErrBodyNotAllowed
	case x.length >= 0 && x.written+int64(len(p)) > x.length:
		return 0, http.ErrContentLength
	}
	n := 0
	for len(p) > 0 {
		for x.err == nil && len(x.unread) >= maxUnread {
			x.writable.Wait()
		}
		if x.err != nil {
			return n, x.err
		}
		part := p[:min(len(p), maxUnread-len(x.unread))]
		x.unread = append(x.unread, part...)
		x.written += int64(len(part))
		n, p = n+len(part), p[len(part):]
		x.readable.Signal()
	}
	return n, nil
}

// Read is the client's.
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.unread) == 0 && x.err == nil {
		x.readable.Wait()
	}
	if len(x.unread) == 0 {
		x.unwatch()
		return 0, x.err
	}
	n := copy(p, x.unread)
	x.unread = append(x.unread[:0], x.unread[n:]...)
	x.writable.Signal()
	return n, nil
}

// Close is the client's. It ends the handler's context and waits for it.
func (x *exchange) Close() error {
	x.unwatch()
	x.end(http.ErrBodyReadAfterClose)
	<-x.done
	return nil
}
