package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"reflect"
	"strings"
)

// Error says where on its way a request failed. Every error of this package's
// round trippers, dialers and bodies is one, or wraps one; only what is wrong with
// the request itself is not.
//
// It holds no secret: proxies are printed without their passwords, and no header
// or body of a request is kept.
type Error struct {
	Phase Phase
	Sent  Sent
	Proxy *Proxy // nil: no proxy was used
	Addr  string // host:port of the endpoint; in PhaseDNS, the host that was looked up
	Code  int    // what the peer said: CONNECT status, SOCKS reply, TLS alert; 0: nothing
	HTTP2 bool   // the connection was an HTTP/2 one, or was to become one when TLS failed
	Err   error  // the cause; nil when Code tells it all

	// Earlier is the failure that made way for this attempt: that of the proxy,
	// when this one is of the direct connection tried after it.
	Earlier *Error

	unspoken  bool // HTTP/2 was agreed on but not spoken
	exhausted bool // all proxies that there were have been tried
}

// Error tells what was tried, through what, what came back and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Proxy != nil {
		b.WriteString("proxy " + e.Proxy.String() + ": ")
	}
	what, advice := e.describe()
	b.WriteString(what)
	if e.Code != 0 {
		fmt.Fprintf(&b, " (code %d)", e.Code)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if advice != "" && !errors.Is(e.Err, context.Canceled) {
		b.WriteString(": " + advice)
	}
	if e.Earlier != nil {
		b.WriteString(" (tried directly after: " + e.Earlier.Error() + ")")
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether a time limit ended the attempt: one of ours, of the
// operating system, or the deadline of the caller's context.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &t) && t.Timeout()
}

// Temporary is Timeout; it makes Error a net.Error.
func (e *Error) Temporary() bool { return e.Timeout() }

// LogValue groups the fields for log/slog, the proxy redacted.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("phase", e.Phase.String()), slog.String("sent", e.Sent.String()),
		slog.String("proxyUrl", e.Proxy.String()), slog.String("addr", e.Addr),
		slog.Int("code", e.Code), slog.String("error", e.Error()))
}

// badCertificate tells whether a TLS peer was reached but not trusted.
func (e *Error) badCertificate() bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(e.Err, &verify) || errors.As(e.Err, &authority) || errors.As(e.Err, &host) || errors.As(e.Err, &invalid)
}

// fail makes the error of a step that ended while nothing of a request was sent.
// An ended context explains better than the deadline it set on a connection, and an
// io.EOF would be taken for the end of a body.
func fail(ctx context.Context, phase Phase, p *Proxy, addr string, err error) *Error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Phase: phase, Sent: SentNo, Proxy: p, Addr: addr, Err: orContext(ctx, err)}
}

// failTLS is fail with the alert that the peer sent, if it did.
func failTLS(ctx context.Context, phase Phase, p *Proxy, addr string, err error) *Error {
	e := fail(ctx, phase, p, addr, err)
	e.Code = alertCode(err)
	return e
}

// orContext is err, or, if the context has ended and err does not tell so and why,
// the context's own error.
func orContext(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return contextError(ctx)
}

// contextError is why a context ended: its error, and its cause where that differs.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return cmp.Or(cause, err)
	}
	return &causedError{err: err, cause: cause}
}

// causedError is a context's end with the reason somebody gave for it.
type causedError struct{ err, cause error }

func (e *causedError) Error() string   { return e.cause.Error() }
func (e *causedError) Unwrap() []error { return []error{e.err, e.cause} }

// alertCode is the TLS alert (RFC 8446 section 6) by which the peer ended a
// connection, or 0. crypto/tls keeps its type to itself: a number in an OpError that
// says that the error is the remote's.
func alertCode(err error) int {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return int(v.Uint()) //nolint:gosec // 8 bits
	}
	return 0
}

// quietError is an error whose text may quote what a peer said.
type quietError struct{ err error }

func (e *quietError) Error() string { return errNotHTTP.Error() }
func (e *quietError) Unwrap() error { return e.err }

// isNotFound tells whether a name does not exist, as opposed to a resolver that
// does not answer.
func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
