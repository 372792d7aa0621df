package transport

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// OnDone calls done once for each request when it has ended: when its answer's body
// was read to its end, broke off or was closed, or when there is no body or no
// answer. resp is nil if there was no answer, and End.Err says why. It is called by
// whoever ends the request, and must return soon.
//
// The body of an answer is closed by then or about to be, and must not be read.
func OnDone(done func(req *http.Request, resp *http.Response, end End)) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			switch {
			case err != nil:
				done(req, nil, End{Err: err})
			case bodiless(resp):
				done(req, resp, End{Whole: true})
			default:
				b := &doneBody{ReadCloser: resp.Body, upgraded: resp.StatusCode == http.StatusSwitchingProtocols}
				b.done = func(end End) { done(req, resp, end) }
				resp.Body = writable(b, resp.Body)
			}
			return resp, err
		})
	}
}

// doneBody tells of its end, once.
type doneBody struct {
	io.ReadCloser
	upgraded bool // it ends when it is closed
	done     func(End)
	bytes    atomic.Int64
	once     sync.Once
}

func (b *doneBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	if err != nil && !b.upgraded {
		b.finish(err)
	}
	return n, err
}

func (b *doneBody) Close() error {
	err := b.ReadCloser.Close()
	b.finish(nil)
	return err
}

func (b *doneBody) finish(why error) {
	b.once.Do(func() { b.done(endOf(b.bytes.Load(), why)) })
}

// writable lets a body that replaces that of a 101 be written to, as that was.
func writable(b io.ReadCloser, before io.ReadCloser) io.ReadCloser {
	w, ok := before.(io.Writer)
	if !ok {
		return b
	}
	return struct {
		io.ReadCloser
		io.Writer
	}{b, w}
}
