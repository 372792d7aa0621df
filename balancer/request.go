package balancer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// Request is what the balancer and its Pickers know of a request.
type Request struct {
	Operation provider.Operation
	Hint      Hint

	number uint64
	in     *http.Request // the caller's; never changed
	fleet  *fleet        // that route is of
	route  *route
	rest   string // of the URL, below the route's base

	body   []byte          // as much of the body as was kept
	whole  bool            // that is all of it
	tail   io.Reader       // what follows body, once; nil if whole, or given out
	broken *callersFailure // notes a failure of the caller's own body; nil: there is none, or it was not read
	reads  callersFailure  // what broken leads to
	tries  int             // attempts it may have

	first bytes.Reader // of the body, for the first attempt
	given atomic.Bool  // it has been

	tenant, session string // the conversation that it is part of; "": not known
	counted         bool   // as a use of its session

	housed bool   // it was asked where what the request names lives
	home   string // the account where that is; "": not known
	thing  string // that lives there

	estimate quota.Amount // of what it will use
	bill     *bill        // nil: it is charged to accounts alone
	priced   bool         // it is charged by its cost, so that has to be known

	arrived time.Time
	waited  time.Duration // in line, for busy accounts
}

// understand reads as much of a request as may be sent again into r, and says what it
// is. The context bounds the reading.
func (t *Transport) understand(ctx context.Context, in *http.Request, f *fleet, r *Request) error {
	r.in, r.number, r.arrived, r.Hint, r.tries = in, t.next.Add(1), time.Now(), hintOf(in.Context()), t.cfg.MaxAttempts
	r.fleet = f
	var few [4]match
	matches, err := f.match(in.URL, few[:0])
	if err != nil {
		return err
	}
	if isWebSocket(in.Header) {
		return unsupported(in)
	}
	if err := r.readBody(ctx, t.cfg.MaxReplay); err != nil {
		return &Error{Err: err}
	}
	plain, text, _ := t.codings.Plain(in, r.body, min(t.cfg.MaxReplay, maxPlain))
	for _, m := range matches { // the longest base first
		op := m.route.api.describe(plain, text)
		if r.route == nil || op.Kind != provider.OpUnknown {
			r.route, r.rest, r.Operation = m.route, m.rest, op
		}
		if op.Kind != provider.OpUnknown {
			break
		}
	}
	if r.Operation.Kind == provider.OpRealtime {
		return unsupported(in)
	}
	if t.sessions != nil && len(r.route.members) > 1 {
		r.tenant, r.session = sessionOf(r.Hint, &r.Operation, in.Header, text, t.cfg.StickByOpening)
	}
	if n, err := strconv.Atoi(header(in.Header, "X-Stainless-Retry-Count")); err == nil && n > 0 || !r.repeatable() {
		// An SDK's own retry gets one attempt, so that attempts do not multiply;
		// a body that can be had once only can be sent once.
		r.tries = 1
	}
	return nil
}

// header is the first value of a header; "": there is none. It is Header.Get for names in
// canonical spelling, which that would look over each time.
func header(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// repeatable tells whether the body can be had again.
func (r *Request) repeatable() bool { return r.whole || r.in.GetBody != nil }

// readBody keeps the body for several attempts, up to a bound.
func (r *Request) readBody(ctx context.Context, limit int64) error {
	r.whole = true
	if r.in.Body == nil || r.in.Body == http.NoBody {
		return nil
	}
	r.reads.Reader = r.in.Body
	r.broken = &r.reads
	n := r.in.ContentLength
	if r.in.GetBody != nil && 0 < n && n <= min(limit, maxFirstGrowth) { // it is in memory, and does not keep us waiting
		return r.readMemory(n, limit)
	}
	var b bytes.Buffer
	if n > 0 {
		b.Grow(int(min(n, limit, maxFirstGrowth)) + bytes.MinRead) // so that it seldom grows again
	}
	stop := context.AfterFunc(ctx, func() { _ = r.in.Body.Close() }) // ends a Read that waits
	err := r.readRest(&b, limit)
	if !stop() {
		return context.Cause(ctx)
	}
	return err
}

// readMemory reads a body of which n bytes were promised.
func (r *Request) readMemory(n, limit int64) error {
	body := make([]byte, n+1)
	got, err := io.ReadFull(r.broken, body)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.body = body[:got]
		return nil
	case err != nil:
		return fmt.Errorf("reading the request's body: %w", err)
	}
	return r.readRest(bytes.NewBuffer(body), limit) // it is longer
}

// readRest reads on until the limit is passed.
func (r *Request) readRest(b *bytes.Buffer, limit int64) error {
	_, err := b.ReadFrom(io.LimitReader(r.broken, limit+1-int64(b.Len())))
	if err != nil {
		return fmt.Errorf("reading the request's body: %w", err)
	}
	r.body = b.Bytes()
	if int64(b.Len()) > limit {
		r.whole, r.tail = false, r.broken
	}
	return nil
}

// maxFirstGrowth is how much is set aside on a Content-Length's word alone.
const maxFirstGrowth = 1 << 20

// callersFailure reads a caller's body and remembers that it broke.
type callersFailure struct {
	io.Reader
	failed atomic.Bool
}

func (c *callersFailure) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed.Store(true)
	}
	return n, err
}

// close ends the caller's body, unless an attempt has taken it over.
func (r *Request) close() {
	if r.in.Body != nil && (r.repeatable() || r.tail != nil) {
		_ = r.in.Body.Close()
	}
}

// attach gives an attempt its body: the whole one, or what was kept and the rest.
func (r *Request) attach(out *http.Request, body []byte) error {
	switch {
	case r.in.Body == nil || r.in.Body == http.NoBody:
		return nil
	case !r.whole:
		return r.attachLong(out, body)
	case len(body) == 0:
		out.Body, out.GetBody, out.ContentLength = http.NoBody, nil, 0
		return nil
	}
	out.ContentLength = int64(len(body))
	// Of a reader that net/http knows it sends the header with the body, in one write.
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	from := &r.first
	if !r.given.CompareAndSwap(false, true) { // attempts may run side by side
		from = new(bytes.Reader)
	}
	from.Reset(body)
	out.Body = io.NopCloser(from)
	return nil
}

// attachLong gives an attempt a body that was too long to keep: from the caller's
// GetBody, or the one and only time.
func (r *Request) attachLong(out *http.Request, body []byte) error {
	if out.ContentLength > 0 {
		out.ContentLength += int64(len(body) - len(r.body))
	} else {
		out.ContentLength = -1
	}
	out.GetBody = nil
	if r.in.GetBody == nil {
		out.Body = &restored{Reader: io.MultiReader(bytes.NewReader(body), r.tail), Closer: r.in.Body}
		r.tail = nil
		return nil
	}
	open := func() (io.ReadCloser, error) {
		again, err := r.in.GetBody()
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, again, int64(len(r.body))); err != nil {
			_ = again.Close()
			return nil, err
		}
		return &restored{Reader: io.MultiReader(bytes.NewReader(body), again), Closer: again}, nil
	}
	var err error
	out.Body, err = open()
	out.GetBody = open
	return err
}

// restored is a body of which a part had been read.
type restored struct {
	io.Reader
	io.Closer
}
