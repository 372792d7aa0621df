package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// buffers are those that answers are copied with.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// relay passes the answer on to the client.
func (x *exchange) relay(resp *http.Response) *dialect.Problem {
	if p := x.withheld(resp); p != nil {
		discard(resp)
		return p
	}
	defer resp.Body.Close() //nolint:errcheck // what it says the balancer has noted
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	pieces, events := streams(resp)
	flush := x.rc.Flush // who cannot flush sends all at once
	defer x.unhurry()
	var n int
	var err error
	if events {
		n, err = x.firstOfStream(resp, buffer[:], flush)
	} else {
		n, err = resp.Body.Read(buffer[:])
	}
	if !x.answered { // while nothing was told, a failure can be told as one
		if err != nil && !errors.Is(err, io.EOF) {
			return x.brokeOff(err)
		}
		x.begin(resp)
	}
	end := ending{}
	for {
		if n > 0 {
			if x.first == 0 {
				x.first = max(time.Since(x.start), 1)
			}
			if events {
				end.add(buffer[:n])
			}
			if !x.pass(buffer[:n], pieces && err == nil) {
				return nil // x.whole is not set: the client has gone
			}
		}
		if err != nil {
			break
		}
		n, err = resp.Body.Read(buffer[:])
	}
	if !errors.Is(err, io.EOF) {
		x.breakOff(err, events && end.between(), flush)
		return nil
	}
	if len(resp.Trailer) > 0 {
		_ = flush() // so that the answer is one of chunks, which can have trailers
	}
	for name, values := range resp.Trailer {
		if !notDownstream[name] && !tellsOfAccount(name) {
			x.w.Header()[http.TrailerPrefix+name] = values
		}
	}
	x.whole = true
	if len(x.w.Header()["Content-Length"]) > 0 { // else what follows is still to be written
		_ = flush() // the client does not wait for the books
	}
	return nil
}

// pass gives the client a piece of the answer, and tells whether it is still there.
func (x *exchange) pass(p []byte, flush bool) bool {
	if d := x.s.cfg.WriteTimeout; d > 0 {
		if now := time.Now(); now.Sub(x.hurried) > d/16 { // to set it takes longer than to write a piece
			if x.rc.SetWriteDeadline(now.Add(d)) == nil {
				x.hurried = now
			}
		}
	}
	_, err := x.w.Write(p)
	if err == nil && flush {
		err = x.rc.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		x.cancel(errLeft)
		return false
	}
	return true
}

// unhurry ends the time limit of writes: the connection may serve another request.
func (x *exchange) unhurry() {
	if !x.hurried.IsZero() && x.whole {
		_ = x.rc.SetWriteDeadline(time.Time{})
	}
}

// headPatience is how long the header of a stream waits to go with its first bytes. Most
// come together; clients that look at the header alone wait no longer for the others.
const headPatience = 100 * time.Millisecond

// firstOfStream reads the first bytes of a stream. Where they take long the client has
// the header meanwhile.
func (x *exchange) firstOfStream(resp *http.Response, buffer []byte, flush func() error) (int, error) {
	var mu sync.Mutex // the writer is of whoever holds it
	read := false
	timer := time.AfterFunc(headPatience, func() {
		mu.Lock()
		defer mu.Unlock()
		if !read {
			x.begin(resp)
			_ = flush()
		}
	})
	defer func() { // also when Read panics
		timer.Stop()
		mu.Lock()
		read = true
		mu.Unlock()
	}()
	return resp.Body.Read(buffer)
}

// begin sends the answer's header, when the first byte follows.
func (x *exchange) begin(resp *http.Response) {
	x.downstreamHeader(resp.Header)
	h := x.w.Header()
	if resp.ContentLength >= 0 && len(resp.TransferEncoding) == 0 {
		if values := resp.Header["Content-Length"]; len(values) == 1 {
			h["Content-Length"] = values
		}
	}
	x.answered, x.status = true, resp.StatusCode
	x.w.WriteHeader(resp.StatusCode)
}

// streams tells whether an answer comes in pieces, each of which the client is to have at
// once, and whether they are server-sent events.
func streams(resp *http.Response) (pieces, events bool) {
	kind := resp.Header.Get("Content-Type")
	if kind == "application/json" {
		return resp.ContentLength < 0, false
	}
	media, _, _ := mime.ParseMediaType(kind)
	return media == "text/event-stream" || resp.ContentLength < 0, media == "text/event-stream"
}

// brokeOff is what the client is told of an answer that broke before its first byte.
func (x *exchange) brokeOff(err error) *dialect.Problem {
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(context.Cause(x.ctx), errCancelled):
		return cancelled(err)
	case errors.Is(err, balancer.ErrClosed):
		return &dialect.Problem{Code: dialect.CodeNoAvailableAccount, Message: "The gateway is shutting down.", Err: err}
	case errors.As(err, &late) && late.Timeout():
		return &dialect.Problem{Code: dialect.CodeUpstreamTimeout, Message: "The provider's answer stopped.", Err: err}
	}
	return &dialect.Problem{Code: dialect.CodeUpstreamError, Message: "The provider's answer broke off.", Err: err}
}

// breakOff ends an answer that broke: by an error event, where one can stand, and then with
// the connection.
func (x *exchange) breakOff(err error, tell bool, flush func() error) {
	x.problem = x.brokeOff(err)
	if tell && x.r.Context().Err() == nil {
		_, _ = x.w.Write(dialect.Event(x.route.API, x.r.URL.Path, x.id, x.problem))
		_ = flush()
	}
}

// ending remembers how a stream's bytes end.
type ending struct {
	last [4]byte
	any  bool
}

func (e *ending) add(p []byte) {
	e.any = true
	if len(p) >= len(e.last) {
		copy(e.last[:], p[len(p)-len(e.last):])
		return
	}
	copy(e.last[:], e.last[len(p):])
	copy(e.last[len(e.last)-len(p):], p)
}

// between tells whether the last event is whole, so that another may follow.
func (e *ending) between() bool {
	text := string(e.last[:])
	return !e.any || strings.HasSuffix(text, "\n\n") || text == "\r\n\r\n" || strings.HasSuffix(text, "\r\r")
}
