package providertest

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Fake is one fake provider. It is an [http.Handler], and safe for concurrent
// use.
type Fake struct {
	config   Config
	protocol protocol
	shelf    shelf

	mu     sync.Mutex
	script script
	log    hitLog
}

// OpenAI is a fake api.openai.com, with the operations that the package's
// documentation lists. The credential is the bearer token.
func OpenAI(c Config) *Fake { return newFake(openAI{}, c) }

// Anthropic is a fake api.anthropic.com, with the operations that the package's
// documentation lists. The credential is x-api-key, else the bearer token; one
// that begins with sk-ant-oat is an OAuth token and needs its anthropic-beta
// header. Calls without a known anthropic-version are refused, except those of
// the layer that is compatible with OpenAI, and the answers have the fields of
// the version that is asked for.
func Anthropic(c Config) *Fake { return newFake(anthropic{}, c) }

// Gemini is a fake generativelanguage.googleapis.com, with the operations that
// the package's documentation lists. The credential is x-goog-api-key, else
// the query's key, else a bearer token that begins with ya29., as Google's
// OAuth tokens do: an API key is refused as a bearer token, except in the part
// that is compatible with OpenAI, where it comes as nothing else.
func Gemini(c Config) *Fake { return newFake(gemini{}, c) }

func newFake(p protocol, c Config) *Fake {
	c = c.withDefaults(p)
	f := &Fake{config: c, protocol: p}
	f.script.general, f.config.Script = c.Script, nil
	return f
}

// ServeHTTP answers one call, as the package's documentation says.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := f.receive(r)
	s, h := f.admit(c, r)
	if s.kind == kindHang {
		<-r.Context().Done()
	}
	if !wait(r.Context(), s.delay) {
		panic(http.ErrAbortHandler)
	}
	out := &output{ctx: r.Context(), w: w, at: c.at, wire: s.wire, started: func(status int) { f.settle(h, status) }}
	switch {
	case c.refusal != kindNone:
		out.send(f.protocol.fail(c, fault{kind: c.refusal}))
	case s.kind == kindRaw:
		out.sendAfter("", s.raw)
	case s.kind.isError() && !f.serves(c, s.kind):
		f.refuse(out, c, refuse(f.protocol, c, s))
	case c.problem != kindNone:
		f.refuse(out, c, f.protocol.fail(c, fault{kind: c.problem}))
	default:
		f.respond(out, c, s)
	}
}

// refuse gives an error, as the step wants it on the wire.
func (f *Fake) refuse(out *output, c *call, r reply) {
	out.sendAfter(signsOf(f.protocol).ahead(c), r.lengthened(out.wire.filler))
}

// respond gives the answer that was asked for, with the faults of the step.
func (f *Fake) respond(out *output, c *call, s Step) {
	c.blocked, c.broke = s.kind == kindContentPolicy, s.kind == kindQuota
	c.fill(s.wire.filler)
	a := f.protocol.answer(c)
	if a.problem == kindNone {
		a = s.wire.shape(f.protocol, c, a)
	}
	if s.ending != endError {
		f.remember(a)
	}
	switch {
	case a.problem != kindNone:
		f.refuse(out, c, f.protocol.fail(c, fault{kind: a.problem}))
		return
	case s.ending == endError && !c.stream:
		f.refuse(out, c, f.protocol.fail(c, s.inside))
		return
	}
	alive := signsOf(f.protocol)
	if s.wire.before == 0 && s.wire.between == 0 {
		out.wire.before = alive.usual
	}
	switch {
	case c.stream:
		out.stream(a, s, alive.stream, func(sent int) event { return f.protocol.failInside(c, s, sent) })
	case s.ending == endCut:
		out.cut(alive.ahead(c), a.whole())
	case s.ending == endEarly:
		out.sendAfter("", reply{status: http.StatusOK, header: a.whole().header})
	default:
		out.sendAfter(alive.ahead(c), a.whole())
	}
}

// remember does what an answer says is done.
func (f *Fake) remember(a answer) {
	for _, it := range a.keep {
		f.shelf.put(it)
	}
	if a.drop != nil {
		f.shelf.drop(a.drop)
	}
}

// serves tells whether a fault is told in an answer to this call rather than in
// an error.
func (f *Fake) serves(c *call, k kind) bool {
	if l, ok := f.protocol.(lenient); ok && l.serves(c, k) {
		return true
	}
	return k == kindContentPolicy && (c.op == opMessages || c.op == opGenerate)
}

// admit takes a call into the books and finds its step: one act, so that hits
// and steps stand in the same order.
func (f *Fake) admit(c *call, r *http.Request) (Step, *Hit) {
	h := c.hit(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	c.number = f.log.add(h)
	if c.refusal != kindNone {
		return Step{}, h
	}
	return f.script.next(c.key), h
}

func (f *Fake) settle(h *Hit, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.Status = status
}

// wait lets d pass, and tells whether the context is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return ctx.Err() == nil
}
