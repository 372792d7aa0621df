package server

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
)

// attach reads the request's body, as far as it has to be looked at, and gives it to the
// request that goes upstream.
func (x *exchange) attach(out *http.Request) *dialect.Problem {
	kind := x.route.Body
	media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if kind == dialect.BodyAny && (media == "application/json" || x.r.ContentLength == 0) {
		kind = dialect.BodyOptional
	}
	if x.r.Body == nil || x.r.Body == http.NoBody {
		x.length = 0
	}
	switch kind {
	case dialect.BodyNone:
		out.Body, out.GetBody, out.ContentLength = http.NoBody, nil, 0
		delete(out.Header, "Content-Encoding")
		return nil
	case dialect.BodyAny:
		return x.attachUpload(out)
	}
	if strings.HasPrefix(media, "multipart/") || media == "application/x-www-form-urlencoded" {
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The request's body has to be JSON: send it with Content-Type: application/json."}
	}
	body, p := x.readJSON()
	if p != nil {
		return p
	}
	delete(out.Header, "Content-Encoding")
	if len(body) == 0 && kind == dialect.BodyOptional {
		out.Body, out.GetBody, out.ContentLength = http.NoBody, nil, 0
		return nil
	}
	if p := checkJSON(body); p != nil {
		return p
	}
	if p := x.filter(x.conversation(body)); p != nil {
		return p
	}
	x.body = body
	out.ContentLength = int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return newKept(body), nil }
	out.Body = newKept(body)
	return nil
}

// kept is a body that is in memory.
type kept struct{ bytes.Reader }

func newKept(body []byte) *kept {
	k := new(kept)
	k.Reset(body)
	return k
}

func (*kept) Close() error { return nil }

// conversation is the body if it is one that has a system prompt.
func (x *exchange) conversation(body []byte) []byte {
	if x.route.API == dialect.Anthropic && strings.HasSuffix(x.route.URL.Path, "/messages") {
		return body
	}
	return nil
}

// checkJSON refuses what is not an object whose model is a string, and one with a member
// that could be read in two ways.
func checkJSON(body []byte) *dialect.Problem {
	if !provider.ValidJSON(body) {
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The request's body is not valid JSON."}
	}
	if begin := bytes.TrimLeft(body, " \t\r\n"); begin[0] != '{' {
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The request's body has to be a JSON object."}
	}
	text := true
	members(body, func(key, value []byte) bool {
		if string(key) == "model" {
			text = value[0] == '"' && len(value) > 2
		}
		return text
	})
	if !text {
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The model has to be a string that is not empty."}
	}
	if name := twice(body); name != "" {
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The member " + shown(name) + " stands twice in the request's body, of which servers read one or the other: send it once."}
	}
	return nil
}

// readJSON reads the whole body and takes its content coding off.
func (x *exchange) readJSON() ([]byte, *dialect.Problem) {
	limit := x.s.cfg.MaxBody
	if x.r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	from := &clientBody{x: x, left: limit + 1}
	var b bytes.Buffer
	if n := x.r.ContentLength; n > 0 {
		b.Grow(int(min(n, 1<<20)) + bytes.MinRead)
	}
	if x.length != 0 {
		_, err := b.ReadFrom(from)
		from.rest()
		if err != nil {
			return nil, from.problem(err)
		}
	}
	if x.length = int64(b.Len()); x.length > limit {
		return nil, tooLarge(limit)
	}
	if len(x.r.Header["Content-Encoding"]) == 0 || b.Len() == 0 {
		return b.Bytes(), nil
	}
	_, plain, whole := x.s.codings.Plain(x.r, b.Bytes(), limit)
	if !whole {
		return nil, &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The request's Content-Encoding is not known, or not what the body is in, or the decoded body is too large."}
	}
	return plain, nil
}

func tooLarge(limit int64) *dialect.Problem {
	return &dialect.Problem{Code: dialect.CodeBodyTooLarge, Message: "The request's body is larger than " + size(limit) + "."}
}

// attachUpload has the body streamed, and counted on its way.
func (x *exchange) attachUpload(out *http.Request) *dialect.Problem {
	limit := x.s.cfg.MaxUpload
	if x.r.ContentLength > limit {
		return tooLarge(limit)
	}
	out.GetBody = nil
	out.Body = &clientBody{x: x, left: limit + 1, limit: limit}
	return nil
}

// clientBody reads a client's body: no faster than it comes, no slower than BodyTimeout,
// and no longer than its limit. What is wrong with it the exchange is told.
type clientBody struct {
	x      *exchange
	left   int64 // to be read; 0: too long
	limit  int64 // 0: whoever reads looks at the length
	timed  bool
	over   atomic.Bool // it was read to its end, or broke
	closed atomic.Bool
}

func (b *clientBody) Read(p []byte) (int, error) {
	switch {
	case b.closed.Load():
		return 0, net.ErrClosed
	case b.left <= 0 && b.limit == 0:
		return 0, io.EOF
	case b.left <= 0:
		return 0, b.problem(nil)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	var until time.Time
	if d := b.x.s.cfg.BodyTimeout; d > 0 {
		// A writer that knows no deadlines is one in memory, which does not keep us waiting.
		until = time.Now().Add(d)
		b.timed = b.x.rc.SetReadDeadline(until) == nil
	}
	n, err := b.x.r.Body.Read(p)
	b.left -= int64(n)
	switch {
	case err == nil:
	case b.closed.Load() && (until.IsZero() || time.Now().Before(until)):
		return n, net.ErrClosed // not for being late, after which net/http ends the context too
	default:
		b.rest()
		if !errors.Is(err, io.EOF) {
			err = b.problem(err)
		}
	}
	return n, err
}

// rest ends the time limit: net/http goes on reading to see whether the client leaves.
func (b *clientBody) rest() {
	b.over.Store(true)
	if b.timed {
		b.timed = false
		_ = b.x.rc.SetReadDeadline(time.Time{})
	}
}

// Close ends a Read that waits. What is left of the body nobody wants.
func (b *clientBody) Close() error {
	if !b.closed.Swap(true) && !b.over.Load() {
		_ = b.x.rc.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

// problem notes what is wrong with the body: err, or that it is too long.
func (b *clientBody) problem(err error) *dialect.Problem {
	var known *dialect.Problem
	switch {
	case errors.As(err, &known):
		return known
	case err == nil:
		known = tooLarge(b.limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		known = &dialect.Problem{Code: dialect.CodeRequestTimeout, Err: err}
	default:
		known = &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "The request's body ended early, or could not be read.", Err: err}
	}
	b.x.broke.CompareAndSwap(nil, known)
	return known
}
