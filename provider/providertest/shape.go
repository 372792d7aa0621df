package providertest

import (
	"encoding/base64"
	"net/http"
	"strings"
)

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

// shape is a good answer with what the step wants to be told or kept silent.
func (w wire) shape(p protocol, c *call, a answer) answer {
	if l, ok := p.(limiter); ok && w.left.known {
		l.remain(a.header, c, w.left)
	}
	switch w.telling {
	case tellNever:
		return a.untold()
	case tellEach:
		return a.toldOnEach()
	default:
		return a
	}
}

// fill makes an answer large, where that is natural for the API.
func (c *call) fill(n int) {
	switch {
	case n == 0:
	case c.op == opResponses:
		c.echo = strings.Repeat("x", n)
	case c.op == opImages || c.op == opImageEdits || c.op == opImageVariation:
		c.bulk = n
	default:
		config := *c.Config
		config.Text += " " + strings.Repeat("x", n)
		c.Config = &config
	}
}

// picture is the picture that is shown, with zeros after it if it has to be
// large; who decodes it does not look at them.
func (c *call) picture() string {
	if c.bulk == 0 {
		return picture
	}
	file, err := base64.StdEncoding.DecodeString(picture)
	if err != nil {
		return picture
	}
	return base64.StdEncoding.EncodeToString(append(file, make([]byte, c.bulk*3/4)...))
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
