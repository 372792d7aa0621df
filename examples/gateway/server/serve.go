package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
)

var (
	// errCancelled is why a request ended that Cancel ended.
	errCancelled = errors.New("cancelled by an administrator")
	// errLeft is why what went upstream ended: the client has gone, or has it all.
	errLeft = errors.New("the request is over")
)

// statusGone is the status of records whose client had gone.
const statusGone = 499

// ServeHTTP serves a client's request, and /healthz and /readyz.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		s.serveHealth(w, r)
		return
	}
	if !s.enter() {
		dialect.Write(w, dialect.Guess(r), newID(), &dialect.Problem{Code: dialect.CodeNoAvailableAccount, Message: "The gateway is shutting down."})
		return
	}
	defer s.leave()
	x := &exchange{s: s, w: w, rc: http.NewResponseController(w), r: r, id: newID(), start: time.Now(), length: r.ContentLength}
	x.serve()
}

// serve answers the request, keeps its books, and breaks the connection where an answer
// stays unfinished.
func (x *exchange) serve() {
	s := x.s
	defer func() {
		v := recover()
		if v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the value itself is the sign
			s.log.LogAttrs(x.r.Context(), slog.LevelError, "Panic", slog.String("request_id", x.id), slog.Any("reason", v), slog.String("stack", string(debug.Stack())))
			x.refuse(&dialect.Problem{Code: dialect.CodeInternal})
		}
		x.finish()
		if !x.whole {
			panic(http.ErrAbortHandler)
		}
	}()
	if p := x.answer(); p != nil {
		x.refuse(p)
	}
}

// answer finds out what the request is and has it answered.
func (x *exchange) answer() *dialect.Problem {
	if headerSize(x.r) > x.s.cfg.MaxHeader {
		x.route.API = dialect.Guess(x.r)
		return &dialect.Problem{Code: dialect.CodeHeaderTooLarge}
	}
	var p *dialect.Problem
	if x.route, p = dialect.Match(x.r); p != nil {
		return p
	}
	switch x.route.Local {
	case dialect.LocalHello, dialect.LocalRoot, dialect.LocalOptions:
		x.serveGreeting()
		return nil
	}
	if p = x.authenticate(); p != nil {
		return p
	}
	if x.group, p = x.key.group(x.route.Group, x.s.roster.Load().groups); p != nil {
		return p
	}
	if p = x.filter(nil); p != nil {
		return p
	}
	if x.route.Local != dialect.LocalNone {
		return x.serveModels()
	}
	return x.forward()
}

// forward gives the request to the balancer, and its answer to the client.
func (x *exchange) forward() *dialect.Problem {
	ctx := balancer.WithHint(x.r.Context(), balancer.Hint{Group: x.group, Tenant: x.key.tenant})
	ctx, x.cancel = context.WithCancelCause(context.WithValue(ctx, exchangeKey{}, x))
	defer x.cancel(errLeft)
	x.ctx = ctx
	x.s.active.add(x)
	defer x.s.active.remove(x)
	out, p := x.upstream()
	if p != nil {
		return p
	}
	resp, err := x.s.balancer.RoundTrip(out)
	if p := x.broke.Load(); p != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return p
	}
	if err != nil {
		return x.failed(err)
	}
	return x.relay(resp)
}

// upstream is the request as the balancer gets it.
func (x *exchange) upstream() (*http.Request, *dialect.Problem) {
	out := x.r.WithContext(x.ctx)
	out.URL, out.Host, out.RequestURI = x.route.URL, "", ""
	out.URL.RawQuery = withoutKey(out.URL.RawQuery)
	out.Header, out.Trailer, out.TransferEncoding, out.Close = upstreamHeader(x.r.Header), nil, nil, false
	out.Form, out.PostForm, out.MultipartForm = nil, nil, nil
	return out, x.attach(out)
}

// balancerConfig is how the balancer is set up, but for the accounts.
func (s *Server) balancerConfig() balancer.Config {
	c := &s.cfg
	return balancer.Config{
		Transport: c.Transport, Health: c.Health, Quota: s.quota, ReservationTTL: c.ConcurrencyTTL, Affinity: c.Affinity, Prices: c.Prices,
		MaxAttempts: c.MaxAttempts, Deadline: c.Deadline, MaxWait: c.MaxWait, MaxReplay: min(c.MaxBody, 1<<30),
		SessionTTL: c.SessionTTL, FirstByteTimeout: c.FirstByteTimeout, HealthChecks: c.HealthChecks,
		Admit: s.admit, Estimate: s.estimate, Hooks: balancer.Hooks{Attempt: s.attempted},
		Logger: slog.New(logged{c.Logger.Handler()}), RoundTripper: c.RoundTripper,
	}
}

// operation is what the request asks for, in words.
func (x *exchange) operation() string {
	switch {
	case x.route.Local == dialect.LocalModels || x.route.Local == dialect.LocalModel:
		return provider.OpModels.String()
	case x.op.Kind == provider.OpUnknown:
		return ""
	}
	return x.op.Kind.String()
}

func headerSize(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + len(": \r\n")
		}
	}
	return n
}
