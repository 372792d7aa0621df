package transport

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/pool"
)

// attempt is one sending of one request: the agent and connection it holds, what
// is known of its way, and later the answer's body. One struct, because each part
// on its own would cost an allocation.
type attempt struct {
	trace httptrace.ClientTrace
	lease pool.Lease
	agent *agent
	conn  *conn
	ctx   context.Context // the caller's

	spent  bool        // the connection must not be used again
	before int64       // bytes written to the connection by earlier requests
	wrote  atomic.Bool // the request was written to its end
	body   body
}

// send takes a connection and sends the request. The lease is released when the
// answer's body ends, or now if there is none.
func (at *attempt) send(req *http.Request) (*http.Response, error) {
	at.ctx = req.Context()
	caller := httptrace.ContextClientTrace(at.ctx)
	if caller != nil && caller.GetConn != nil {
		caller.GetConn(at.agent.key.Host)
	}
	c, fresh, err := at.agent.acquire(at.ctx)
	if err != nil {
		closeBody(req)
		at.unhealthy(err)
		at.lease.Release()
		return nil, err
	}
	at.conn, at.before = c, c.sentBytes()
	at.gotConn(caller, fresh)
	told := traceOf(at.ctx)
	if told == nil || told.Phase == nil {
		told = silent
	}
	at.trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
		if info.Err == nil {
			at.wrote.Store(true)
			told.Phase(PhaseWait)
		}
	}
	told.Phase(PhaseSend)
	resp, err := c.cc.RoundTrip(req.WithContext(httptrace.WithClientTrace(at.ctx, &at.trace)))
	if err != nil {
		closeBody(req)
		failure := at.failed(err)
		stale := failure.Sent == SentNo && !fresh && c.cc.Err() != nil
		at.release()
		if stale { // its idle siblings have most likely died with it
			at.agent.CloseIdleConnections()
		}
		return nil, failure
	}
	if resp.TLS == nil {
		resp.TLS = c.tls
	}
	resp.Request = req
	return resp, nil
}

// silent is told where nobody listens.
var silent = &Trace{Phase: func(Phase) {}}

// release gives the connection and the agent back. It is called once.
func (at *attempt) release() {
	if at.spent {
		at.agent.drop(at.conn)
	} else {
		at.agent.release(at.conn)
	}
	at.lease.Release()
}

// gotConn tells a caller's httptrace about the connection, as net/http would.
func (at *attempt) gotConn(caller *httptrace.ClientTrace, fresh bool) {
	if caller == nil || caller.GotConn == nil {
		return
	}
	info := httptrace.GotConnInfo{Conn: at.conn.raw, Reused: !fresh}
	if !fresh {
		info.IdleTime, info.WasIdle = at.agent.idleBefore(at.conn)
	}
	caller.GotConn(info)
}

// failed says what a failure after the connection was got means for the request.
func (at *attempt) failed(err error) *Error {
	e := &Error{Phase: PhaseSend, Sent: at.sent(err), Proxy: at.agent.proxy, Addr: at.agent.key.Host, Err: err}
	if at.wrote.Load() && e.Sent != SentNo { // net/http calls it written when it is in a buffer
		e.Phase = PhaseWait
	}
	at.explain(e)
	return e
}

// sent says whether anything reached the wire. On HTTP/1.1 the written bytes tell;
// on HTTP/2 only the peer's word that it did not process the stream.
func (at *attempt) sent(err error) Sent {
	if !at.conn.h2() {
		if at.conn.sentBytes() == at.before {
			return SentNo
		}
		return SentYes
	}
	var reset http2.StreamError
	if errors.As(err, &reset) && reset.Code == http2.ErrCodeRefusedStream {
		return SentNo
	}
	return SentUnknown
}

// closed tells whether the Transport was closed meanwhile. The end of a connection
// that we closed ourselves may look like the end of the answer.
func (at *attempt) closed() bool {
	return errors.Is(context.Cause(at.ctx), ErrClosed) || at.agent.isClosed()
}

// explain puts the true cause in the place of what net/http made of it.
func (at *attempt) explain(e *Error) {
	switch {
	case at.ctx.Err() != nil:
		e.Err = orContext(at.ctx, e.Err)
	case at.agent.isClosed():
		e.Err = ErrClosed
	}
}

// unhealthy retires an agent whose TLS failed: the next request gets a new one,
// with a new look at names and certificates.
func (at *attempt) unhealthy(err error) {
	var e *Error
	if errors.As(err, &e) && e.Phase == PhaseTargetTLS && e.Err != nil && at.ctx.Err() == nil {
		at.lease.MarkUnhealthy(err)
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// RoundTrip sends a request through the agent alone; it makes agent a pool.Agent.
func (a *agent) RoundTrip(req *http.Request) (*http.Response, error) {
	return (&Pooled{}).finish(&attempt{agent: a}, req)
}
