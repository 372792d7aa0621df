package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// DefaultFallback tells which failures a direct connection may get around: those
// on the way to and through the proxy (it refuses, cannot be found, does not
// answer, hangs up, answers CONNECT with an error), and TLS inside its tunnel that
// ends in EOF, a reset or a time-out. Not a refused password or client certificate:
// somebody must mend it. Not a bad certificate: going around what looks like
// interception unasked is not ours to decide. And only if nothing of the request was
// sent.
func DefaultFallback(e *Error) bool {
	if e.Proxy == nil || e.Sent != SentNo || e.badCertificate() || errors.Is(e.Err, context.Canceled) {
		return false
	}
	switch e.Phase {
	case PhaseProxyTLS:
		return e.Code != alertCertificateRequired && e.Code != alertBadCertificate && e.Code != alertUnknownCA
	case PhaseDNS, PhaseDialProxy, PhaseProxyHandshake, PhaseProxyConnect:
		return true
	case PhaseTargetTLS:
		return e.Timeout() || cutOff(e.Err)
	default:
		return false
	}
}

// cutOff tells whether a connection was ended by the other side. Who writes at the
// wrong moment sees a broken pipe where a reader sees a reset.
func cutOff(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// defaultFallbackMemory is how long a route that failed is gone around at once.
const defaultFallbackMemory = 30 * time.Second

// worthNoting is how long a caller must have waited for a proxy before its deadline
// says something about the proxy.
const worthNoting = 3 * time.Second

// Fallback tries a request over direct when next failed with an [*Error] that on
// accepts (nil: [DefaultFallback]) and nothing of it was sent. The phase of the
// failure decides, never the text of a message: texts change with versions,
// languages and proxies, and miss what nobody thought of. If direct fails too, its
// error has the first one as Earlier.
//
// The failure is remembered for half a minute, for the proxy if that could not be
// reached and otherwise for the proxy and the origin, so that not each request pays
// for it again: meanwhile requests go direct at once, and afterwards one at a time
// tries the proxy anew. Over another round tripper than [Pooled] and [Downgrade] the
// proxy is not known beforehand, and the failure is remembered for the origin. It is
// not remembered if direct gets no further.
func Fallback(direct http.RoundTripper, on func(*Error) bool) Middleware {
	return fallback(direct, on, defaultFallbackMemory, silentJournal)
}

func fallback(direct http.RoundTripper, on func(*Error) bool, memory time.Duration, lines journal) Middleware {
	if on == nil {
		on = DefaultFallback
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &fallbackLayer{next: next, direct: direct, on: on, journal: lines, failed: newFailedRoutes(memory)}
	}
}

type fallbackLayer struct {
	next, direct http.RoundTripper
	on           func(*Error) bool
	journal      journal
	failed       *failedRoutes
}

// RoundTrip sends through next, and directly where that failed, now or just before.
func (f *fallbackLayer) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRequest(req); err != nil {
		closeBody(req)
		return nil, err
	}
	route, byProxy := f.route(req)
	if byProxy {
		if earlier := f.failed.recall(route, req.URL); earlier != nil {
			return restoreRequest(req)(f.goDirect(req, route, earlier, slog.LevelDebug))
		}
	}
	again := newReplay(req)
	defer again.done()
	began := time.Now()
	resp, err := f.next.RoundTrip(again.first())
	if err == nil {
		f.failed.forget(route, req.URL, true)
		return restoreRequest(req)(resp, nil)
	}
	var first *Error
	if !errors.As(err, &first) || first.Proxy == nil || first.Sent != SentNo || !f.on(first) {
		f.failed.forget(route, req.URL, false)
		return nil, err
	}
	if ended := req.Context().Err(); ended != nil && time.Since(began) < worthNoting || errors.Is(ended, context.Canceled) {
		f.failed.forget(route, req.URL, false)
		return nil, err
	}
	route, _ = routeOf(f.next, req)
	f.failed.note(route, req.URL, first)
	repeat, ok := again.again()
	if !ok || req.Context().Err() != nil { // too late for this one
		return nil, err
	}
	return restoreRequest(req)(f.goDirect(repeat, route, first, slog.LevelWarn))
}

// route is the way by which a request is to go, asked for only if it matters.
func (f *fallbackLayer) route(req *http.Request) (route string, byProxy bool) {
	if !f.failed.any.Load() {
		return "", false
	}
	return routeOf(f.next, req)
}

func (f *fallbackLayer) goDirect(req *http.Request, route string, first *Error, level slog.Level) (*http.Response, error) {
	ctx := req.Context()
	f.journal.write(ctx, level, "Falling back to direct connection", first.Proxy, req.URL,
		"phase", first.Phase.String(), "code", first.Code, "error", first)
	if t := traceOf(ctx); t != nil && t.Fallback != nil {
		t.Fallback(first)
	}
	resp, err := f.direct.RoundTrip(req)
	var second *Error
	switch {
	case err == nil:
		f.journal.write(ctx, min(level, slog.LevelInfo), "Direct connection succeeded after proxy failure", first.Proxy, req.URL)
	case errors.As(err, &second):
		if second.Sent == SentNo && ctx.Err() == nil {
			f.failed.forget(route, req.URL, true) // direct is no better: the proxy gets its next chance at once
		}
		if second.Earlier == nil {
			both := *second // errors may be shared between requests that waited for one dial
			both.Earlier = first
			err = &both
		}
	}
	return resp, err
}
