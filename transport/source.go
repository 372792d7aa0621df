package transport

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// ErrNoProxy says that a [ProxySource] had no proxy left. Nothing goes direct
// because of it.
var ErrNoProxy = errors.New("no proxy is left to try")

// ProxySource chooses proxies where a [ProxyFunc] is not enough: it has a context,
// may be asked again for one request, and may learn how its choices did.
//
// Next returns the proxy for a request to u; nil means direct. tried are the
// proxies that failed for this request before anything was sent. An error ends the
// request; after a failure that failure is returned instead. At most five proxies are
// tried for a request. It may be called concurrently.
//
// If the source also is a [ProxyReporter], it is told of each outcome.
type ProxySource interface {
	Next(ctx context.Context, u *url.URL, tried []*Proxy) (*Proxy, error)
}

// ProxyReporter is an optional interface of a [ProxySource]. Report tells that a
// proxy could not be got past, or with a nil error that it could. It may be called
// concurrently and must return soon.
type ProxyReporter interface {
	Report(p *Proxy, failure *Error)
}

// maxProxies bounds how many proxies one request tries.
const maxProxies = 5

// overSource sends a request through the proxies of a source until one is got past.
func (p *Pooled) overSource(req *http.Request) (*http.Response, error) {
	again := newReplay(req)
	defer again.done()
	var (
		tried []*Proxy
		last  error
	)
	for send, ok := again.first(), true; ok; {
		chosen, err := p.source.Next(req.Context(), req.URL, tried)
		if err != nil {
			closeBody(send)
			if last == nil {
				last = &Error{Phase: PhaseUnknown, Sent: SentNo, Addr: hostPort(req.URL), Err: err}
			}
			break
		}
		resp, err := p.via(send, chosen)
		failure := passable(err)
		if failure == nil || req.Context().Err() == nil { // a caller's end is not the proxy's fault
			p.report(chosen, failure, err)
		}
		if failure == nil || chosen == nil || req.Context().Err() != nil {
			if resp != nil {
				resp.Request = req
			}
			return resp, err
		}
		tried, last = append(tried, chosen), err
		if len(tried) == maxProxies {
			break
		}
		send, ok = again.again()
	}
	return nil, exhausted(last)
}

// exhausted marks the failure of the last proxy there was to try: a Retry would only
// go through them again.
func exhausted(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	last := *e
	last.exhausted = true
	return &last
}

// passable is the failure in err if another proxy may get past it.
func passable(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Proxy != nil && e.Sent == SentNo && (DefaultFallback(e) || e.Phase == PhaseProxyAuth) {
		return e
	}
	return nil
}

// report tells the source how a proxy did. A failure that is not the proxy's is
// none of its business.
func (p *Pooled) report(chosen *Proxy, failure *Error, err error) {
	reporter, ok := p.source.(ProxyReporter)
	if ok && chosen != nil && (failure != nil || err == nil) {
		reporter.Report(chosen, failure)
	}
}
