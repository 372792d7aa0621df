package transport

import (
	"errors"
	"net/http"
)

// Retry sends a request again, at most that many times, when an [*Error] proves
// that it was never sent and a second try may do better: a connection that died
// while it was idle, a stream the peer refused, a proxy that hung up. Time-outs,
// wrong passwords, bad certificates, unknown names and refusals by a proxy are not
// tried again: they would only take as long once more. Any method is safe.
func Retry(times int) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		if times <= 0 {
			return next
		}
		return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			again := newReplay(req)
			defer again.done()
			resp, err := next.RoundTrip(again.first())
			for range times {
				failure, ok := worthRepeating(req, err)
				if !ok {
					break
				}
				repeat, ok := again.again()
				if !ok {
					break
				}
				if t := traceOf(req.Context()); t != nil && t.Retry != nil {
					t.Retry(failure)
				}
				resp, err = next.RoundTrip(repeat)
			}
			if resp != nil {
				resp.Request = req
			}
			return resp, err
		})
	}
}

func worthRepeating(req *http.Request, err error) (*Error, bool) {
	if err == nil {
		return nil, false
	}
	var e *Error
	ok := errors.As(err, &e) && e.Sent == SentNo && req.Context().Err() == nil && e.mayPass()
	return e, ok
}

// mayPass tells whether the same failure need not happen again at once.
func (e *Error) mayPass() bool {
	switch {
	case e.exhausted, e.Timeout(), e.badCertificate(), errors.Is(e.Err, ErrClosed), e.Phase == PhaseUnknown, e.Phase == PhaseProxyAuth:
		return false
	case e.Phase == PhaseDNS:
		return !isNotFound(e.Err)
	default:
		return e.Code == 0
	}
}
