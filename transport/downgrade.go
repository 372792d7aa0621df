package transport

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// downgradeMemory is how long an origin is spoken to by HTTP/1.1 before HTTP/2 is
// tried again.
const downgradeMemory = 5 * time.Minute

// alertNoProtocol is TLS's no_application_protocol (RFC 7301 section 3.2).
const alertNoProtocol = 120

// DefaultDowngrade tells which failures are HTTP/2's own: TLS ends because of the
// protocols that were offered; HTTP/2 is agreed on and then not spoken, as when
// something on the way takes it for its own; the peer finds our frames wrong before
// it ever answered; it says that it wants HTTP/1.1. A connection that has brought an
// answer, a time-out, a stream that is refused and a server that goes away are not.
func DefaultDowngrade(e *Error) bool {
	return e.HTTP2 && (e.unspoken || e.Phase == PhaseTargetTLS && e.Code == alertNoProtocol)
}

// Downgrade sends requests by http1, which must not speak HTTP/2, after next failed
// with an [*Error] that on accepts (nil: [DefaultDowngrade]). What was not sent is
// sent again at once.
//
// A failure is remembered for its proxy and origin for five minutes, after which one
// request at a time tries HTTP/2 anew. It is forgotten if http1 gets no further: then
// HTTP/2 was not the reason. Over another round tripper than [Pooled], or with a
// [ProxySource], the proxy is not known beforehand, and the failure is remembered for
// the origin.
func Downgrade(http1 http.RoundTripper, on func(*Error) bool) Middleware {
	return downgrade(http1, on, silentJournal)
}

func downgrade(http1 http.RoundTripper, on func(*Error) bool, lines journal) Middleware {
	if on == nil {
		on = DefaultDowngrade
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &downgradeLayer{next: next, http1: http1, on: on, journal: lines, failed: newFailedRoutes(downgradeMemory)}
	}
}

type downgradeLayer struct {
	next, http1 http.RoundTripper
	on          func(*Error) bool
	journal     journal
	failed      *failedRoutes
}

// RoundTrip sends by next, and by http1 where that failed, now or just before.
func (d *downgradeLayer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil || !strings.EqualFold(req.URL.Scheme, "https") {
		return d.next.RoundTrip(req)
	}
	route := ""
	if d.failed.any.Load() {
		route, _ = routeOf(d.next, req)
	}
	if d.failed.recall(route, req.URL) != nil {
		resp, err := d.http1.RoundTrip(req)
		var e *Error
		if errors.As(err, &e) && e.Phase == PhaseTargetTLS && e.Code == alertNoProtocol {
			d.failed.forget(route, req.URL, true) // it speaks HTTP/2 alone
		}
		return resp, err
	}
	again := newReplay(req)
	defer again.done()
	resp, err := d.next.RoundTrip(again.first())
	if err == nil {
		d.failed.forget(route, req.URL, true)
		return restoreRequest(req)(resp, nil)
	}
	var failure *Error
	if !errors.As(err, &failure) || !d.on(failure) || req.Context().Err() != nil {
		d.failed.forget(route, req.URL, false)
		return nil, err
	}
	route, _ = routeOf(d.next, req)
	d.learn(req, route, failure)
	if failure.Sent != SentNo {
		return nil, err
	}
	repeat, ok := again.again()
	if !ok {
		return nil, err
	}
	resp, second := d.http1.RoundTrip(repeat)
	if second == nil {
		return restoreRequest(req)(resp, nil)
	}
	if req.Context().Err() != nil {
		return nil, second
	}
	d.failed.forget(route, req.URL, true)
	if errors.As(second, &failure) && failure.Sent == SentNo {
		return nil, err // HTTP/1.1 came no further: the first failure tells more
	}
	return nil, second
}

func (d *downgradeLayer) learn(req *http.Request, route string, failure *Error) {
	d.failed.note(route, req.URL, failure)
	ctx := req.Context()
	d.journal.write(ctx, slog.LevelWarn, "HTTP/2 failed, falling back to HTTP/1.1", failure.Proxy, req.URL, "error", failure)
	if t := traceOf(ctx); t != nil && t.Downgrade != nil {
		t.Downgrade(failure)
	}
}

// routeOf is that of what lies beneath.
func (d *downgradeLayer) routeOf(req *http.Request) (string, bool) { return routeOf(d.next, req) }
