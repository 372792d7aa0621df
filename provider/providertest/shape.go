package providertest

import "net/http"

// limiter is a protocol whose good answers say what is left.
type limiter interface {
	remain(h http.Header, c *call, l left)
}

// quiet is a protocol that tells an error in a 200 in a way of its own.
type quiet interface {
	failIn200(c *call, f fault) reply
}

// lenient is a protocol that answers some calls although the account is at
// fault.
type lenient interface {
	serves(c *call, k kind) bool
}

// living is a protocol with signs of life of its own.
type living interface {
	signs() signs
}

// signs are what a provider sends while there is nothing to say yet.
type signs struct {
	stream string // a block of a server-sent stream, its lines ended by \n
	plain  string // ahead of JSON; "": nothing
	usual  int    // how many there are before an answer that no step is about
}

var usualSigns = signs{stream: ": keep-alive\n\n"}

// ahead are the signs ahead of an answer in one piece; "": silence.
func (s signs) ahead(c *call) string {
	if c.op == opChat {
		return s.plain
	}
	return ""
}

// signsOf are the signs of a protocol.
func signsOf(p protocol) signs {
	if l, ok := p.(living); ok {
		return l.signs()
	}
	return usualSigns
}

// refuse is the error of a step, in a 200 if the step wants it there.
func refuse(p protocol, c *call, s Step) reply {
	if !s.wire.in200 {
		return p.fail(c, s.fault)
	}
	if q, ok := p.(quiet); ok {
		return q.failIn200(c, s.fault)
	}
	r := p.fail(c, s.fault)
	r.status = http.StatusOK
	return r
}

// shape is a good answer with what the step wants to be told or kept silent, in
// the size that it wants.
func (w wire) shape(p protocol, c *call, a answer) answer {
	if l, ok := p.(limiter); ok && w.left.known {
		l.remain(a.header, c, w.left)
	}
	switch w.telling {
	case tellNever:
		a = a.untold()
	case tellEach:
		a = a.toldOnEach()
	}
	return a.spaced(w.filler)
}

func (openAI) remain(h http.Header, _ *call, l left) {
	h.Set("X-Ratelimit-Remaining-Requests", decimal(l.requests))
	h.Set("X-Ratelimit-Reset-Requests", l.reset.String())
	h.Set("X-Ratelimit-Remaining-Tokens", decimal(l.tokens))
	h.Set("X-Ratelimit-Reset-Tokens", l.reset.String())
}

// failIn200 is a response that failed; a chat has its error alone.
func (p openAI) failIn200(c *call, f fault) reply {
	r := p.fail(c, f)
	r.status = http.StatusOK
	if c.op == opResponses {
		e := openAIErrors[f.kind]
		code := e.code
		if code == "" {
			code = "server_error"
		}
		r.body = encode(response(c, "failed", object{{"code", code}, {"message", e.message(c, f)}}))
	}
	return r
}

func (p anthropic) remain(h http.Header, c *call, l left) {
	p.limits(h, c.at, l.tokens, l.reset)
	h.Set("Anthropic-Ratelimit-Requests-Remaining", decimal(l.requests))
	h.Set("Anthropic-Ratelimit-Requests-Reset", h.Get("Anthropic-Ratelimit-Tokens-Reset"))
	h.Set("Anthropic-Ratelimit-Tokens-Remaining", decimal(l.tokens))
}

func (anthropic) signs() signs {
	return signs{stream: "event: ping\ndata: {\"type\":\"ping\"}\n\n"}
}
