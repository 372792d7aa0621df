package transport

import (
	"context"
	"time"
)

// Trace is told of what happens to the requests whose context carries it. Its funcs
// are called on the request's way and must return soon; each may be nil.
type Trace struct {
	Phase     func(Phase)      // a phase begins; those of a dial are told to the request that it was made for
	GotAgent  func(AgentInfo)  // the route is chosen; called for each sending
	Tunnel    func(TunnelInfo) // a proxy opened a tunnel; told to the request that it was made for
	Retry     func(*Error)     // about to send again what this failure left unsent
	Downgrade func(*Error)     // HTTP/2 failed in this way: HTTP/1.1 is used for a while
	Fallback  func(*Error)     // about to go direct because of this failure
	BodyDone  func(End)        // an answer's body has ended; called once for each answer that has one
}

// AgentInfo is the route of one sending.
type AgentInfo struct {
	Origin string // https://api.openai.com:443
	Proxy  *Proxy // nil: direct
	HTTP2  bool   // HTTP/2 is offered
}

// TunnelInfo is a tunnel through a proxy.
type TunnelInfo struct {
	Proxy *Proxy
	Addr  string        // host:port of its far end
	Took  time.Duration // from the dial of the proxy, its TLS included, to its consent
}

// End is how an answer's body ended.
type End struct {
	Bytes int64 // read by the caller
	Whole bool  // it was read to its end
	Err   error // what broke it off; nil if it is whole, or was closed early
}

type traceKey struct{}

// WithTrace is a context whose requests tell t. If ctx carries a Trace already,
// both are told, the earlier one last.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	if outer := traceOf(ctx); outer != nil {
		t = &Trace{
			Phase:     both(t.Phase, outer.Phase),
			GotAgent:  both(t.GotAgent, outer.GotAgent),
			Tunnel:    both(t.Tunnel, outer.Tunnel),
			Retry:     both(t.Retry, outer.Retry),
			Downgrade: both(t.Downgrade, outer.Downgrade),
			Fallback:  both(t.Fallback, outer.Fallback),
			BodyDone:  both(t.BodyDone, outer.BodyDone),
		}
	}
	return context.WithValue(ctx, traceKey{}, t)
}

func both[T any](a, b func(T)) func(T) {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(v T) { a(v); b(v) }
}

// silent is told where nobody listens.
var silent = &Trace{}

func (t *Trace) phase(p Phase) {
	if t.Phase != nil {
		t.Phase(p)
	}
}

func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}
