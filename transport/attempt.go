package transport

import (
	"context"
	"errors"
	"net"
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
	context.Context // the caller's
	lease           pool.Lease
	agent           *agent
	conn            *conn
	trace           httptrace.ClientTrace
	told            *Trace // the caller's; never nil

	spent   bool        // the connection must not be used again
	before  int64       // bytes written to the connection by earlier requests
	wrote   atomic.Bool // the request was written to its end
	stalled atomic.Bool // its body was not taken, on HTTP/2

	watch   watch
	upload  upload
	abandon chan struct{} // ends the stream of a stalled upload
	body    body
}

// send takes a connection and sends the request. The lease is released when the
// answer's body ends, or now if there is none.
func (at *attempt) send(req *http.Request) (*http.Response, error) {
	at.Context = req.Context()
	at.watch.owner = at
	if at.told = traceOf(at.Context); at.told == nil {
		at.told = silent
	}
	caller := httptrace.ContextClientTrace(at.Context)
	if caller != nil && caller.GetConn != nil {
		caller.GetConn(at.agent.key.Host)
	}
	c, fresh, err := at.agent.acquire(at.Context)
	if err != nil {
		closeBody(req)
		at.unhealthy(err)
		at.lease.Release()
		return nil, err
	}
	at.conn, at.before = c, c.sentBytes()
	at.gotConn(caller, fresh)
	at.told.phase(PhaseSend)
	resp, err := c.cc.RoundTrip(at.outgoing(req, caller))
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
	at.answered()
	if resp.TLS == nil {
		resp.TLS = c.tls
	}
	resp.Request = req
	return resp, nil
}

// outgoing is the request as net/http gets it: watched.
func (at *attempt) outgoing(req *http.Request, caller *httptrace.ClientTrace) *http.Request {
	at.trace.WroteRequest = at.wroteRequest
	var ctx context.Context = at
	if caller != nil || httpTraceKey == nil {
		ctx = httptrace.WithClientTrace(at.Context, &at.trace)
	}
	out := req.WithContext(ctx)
	if at.conn.h2() {
		at.watchUpload(out)
	} else {
		at.conn.written.begin(at.watch.limit)
	}
	return out
}

// Value makes an attempt the context that carries its own trace: the same as
// httptrace.WithClientTrace does, for one allocation less.
func (at *attempt) Value(key any) any {
	if key == httpTraceKey {
		return &at.trace
	}
	return at.Context.Value(key)
}

// httpTraceKey is the key under which contexts carry an httptrace, learnt from
// httptrace itself by asking it to look one up.
var httpTraceKey = func() any {
	spy := &keySpy{Context: context.Background()}
	httptrace.ContextClientTrace(spy)
	return spy.key
}()

type keySpy struct {
	context.Context
	key any
}

func (s *keySpy) Value(key any) any {
	s.key = key
	return nil
}

func (at *attempt) wroteRequest(info httptrace.WroteRequestInfo) {
	at.watch.end(waitsForUpload)
	if info.Err == nil {
		at.wrote.Store(true)
		at.told.phase(PhaseWait)
	}
}

// answered is called when the head of an answer is there.
func (at *attempt) answered() {
	if at.conn.h2() {
		at.conn.word.proven.Store(true)
		at.watch.answer()
	} else {
		at.conn.written.answered.Store(true)
	}
}

// waitedTooLong ends what the watch has waited for.
func (at *attempt) waitedTooLong(what waiting) {
	if what == waitsForBody {
		at.body.giveUp()
		return
	}
	if !at.stalled.Swap(true) {
		at.agent.retire(at.conn) // what its peer does not take counts against all its streams
		close(at.abandon)
	}
}

// release gives the connection and the agent back. It is called once.
func (at *attempt) release() {
	at.watch.stop()
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
	e := &Error{
		Phase: PhaseSend, Sent: at.sent(err), Proxy: at.agent.proxy, Addr: at.agent.key.Host,
		Code: alertCode(err), HTTP2: at.conn.h2(), Err: err,
	}
	if at.wrote.Load() && e.Sent != SentNo { // net/http calls it written when it is in a buffer
		e.Phase = PhaseWait
	}
	if !at.conn.h2() {
		at.censor(e)
	}
	at.explain(e)
	e.unspoken = e.HTTP2 && e.Code == 0 && at.Err() == nil && !e.Timeout() && !at.agent.isClosed() && at.conn.word.notSpoken(err)
	return e
}

// censor corrects a failure of a request on HTTP/1.1 by what is known of the peer. A
// proxy that was sent the request itself and ends TLS with an alert has not looked at
// it. Who answers what is not HTTP may be repeating our credentials, and net/http
// quotes it.
func (at *attempt) censor(e *Error) {
	proxied := at.agent.absolute()
	var known net.Error
	switch {
	case proxied && e.Code != 0:
		e.Phase, e.Sent = PhaseProxyTLS, SentNo
	case !at.wrote.Load() && !proxied: // the request's own body may have failed
	case e.Code == 0 && at.Err() == nil && !errors.As(e.Err, &known) && !cutOff(e.Err):
		e.Err = &quietError{e.Err}
	}
}

// sent says whether anything reached the wire: written bytes tell. On HTTP/2 they may
// be another stream's; then only the peer's word that it did not process the stream
// is proof. net/http waits there for what it was writing, unless it was interrupted.
func (at *attempt) sent(err error) Sent {
	silent := at.conn.sentBytes() == at.before
	if !at.conn.h2() {
		if silent {
			return SentNo
		}
		return SentYes
	}
	var reset http2.StreamError
	if errors.As(err, &reset) && (reset.Code == http2.ErrCodeRefusedStream || reset.Code == http2.ErrCodeHTTP11Required) {
		return SentNo
	}
	if silent && at.Err() == nil && !at.stalled.Load() && !at.agent.isClosed() {
		return SentNo
	}
	return SentUnknown
}

// closed tells whether the Transport was closed meanwhile. The end of a connection
// that we closed ourselves may look like the end of the answer.
func (at *attempt) closed() bool {
	return errors.Is(context.Cause(at.Context), ErrClosed) || at.agent.isClosed()
}

// explain puts the true cause in the place of what net/http made of it.
func (at *attempt) explain(e *Error) {
	switch {
	case at.Err() != nil:
		e.Err = orContext(at.Context, e.Err)
	case at.agent.isClosed():
		e.Err = ErrClosed
	case at.stalled.Load() || !at.conn.h2() && at.conn.written.stalled.Load():
		e.Err = &idleError{at.watch.limit, waitsForUpload}
	}
}

// unhealthy retires an agent whose TLS failed: the next request gets a new one,
// with a new look at names and certificates.
func (at *attempt) unhealthy(err error) {
	var e *Error
	if errors.As(err, &e) && e.Phase == PhaseTargetTLS && e.Err != nil && at.Err() == nil {
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
