package transport

import "context"

// Trace is told of what happens to the requests whose context carries it. Its funcs
// are called on the request's way and must return soon; each may be nil.
type Trace struct {
	Phase    func(Phase)     // a phase begins; those of a dial are told to the request that it was made for
	GotAgent func(AgentInfo) // the route is chosen; called for each sending
	Retry    func(*Error)    // about to send again what this failure left unsent
	Fallback func(*Error)    // about to go direct because of this failure
}

// AgentInfo is the route of one sending.
type AgentInfo struct {
	Origin string // https://api.openai.com:443
	Proxy  *Proxy // nil: direct
	HTTP2  bool   // HTTP/2 is offered
}

type traceKey struct{}

// WithTrace is a context whose requests tell t. If ctx carries a Trace already,
// both are told, the earlier one last.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	if outer := traceOf(ctx); outer != nil {
		t = &Trace{
			Phase:    both(t.Phase, outer.Phase),
			GotAgent: both(t.GotAgent, outer.GotAgent),
			Retry:    both(t.Retry, outer.Retry),
			Fallback: both(t.Fallback, outer.Fallback),
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

func traceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}
