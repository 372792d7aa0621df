package transport

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// IdleTimeout ends answers whose body brings nothing for that long while somebody
// reads it: that Read and each later one fail with an [*Error] in [PhaseBody], which
// is a time-out. The time between two reads is the reader's own. A limit of 0 or less
// is none.
//
// [Pooled] keeps Config.BodyIdleTimeout by itself, for uploads too. This layer does
// it over any other round tripper.
func IdleTimeout(limit time.Duration) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		if limit <= 0 {
			return next
		}
		return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
				return resp, err
			}
			b := &idleBody{ReadCloser: resp.Body, addr: hostPort(req.URL)}
			b.watch.limit, b.watch.owner = limit, b
			resp.Body = b
			return resp, nil
		})
	}
}

// idleBody is a body with a limit to how long a Read may wait.
type idleBody struct {
	io.ReadCloser
	addr  string
	watch watch
	fired atomic.Bool
}

func (b *idleBody) Read(p []byte) (int, error) {
	if b.fired.Load() {
		return 0, b.failure()
	}
	b.watch.begin(waitsForBody)
	n, err := b.ReadCloser.Read(p)
	b.watch.end(waitsForBody)
	if err != nil && b.fired.Load() {
		err = b.failure()
	}
	if err != nil {
		b.watch.stop()
	}
	return n, err
}

// Close ends the body. It may be called while a Read waits.
func (b *idleBody) Close() error {
	b.watch.stop()
	return b.ReadCloser.Close()
}

func (b *idleBody) waitedTooLong(waiting) {
	b.fired.Store(true)
	_ = b.ReadCloser.Close()
}

func (b *idleBody) failure() error {
	return &Error{Phase: PhaseBody, Sent: SentYes, Addr: b.addr, Err: &idleError{b.watch.limit, waitsForBody}}
}
