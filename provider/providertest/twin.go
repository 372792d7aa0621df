package providertest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const twinSuffix = "-anthropic"

// twin speaks Anthropic's messages at a provider of another dialect.
type twin struct {
	anthropic
	of *dialect
}

func (t twin) name() string { return t.of.id + twinSuffix }

// credential is x-api-key, else the bearer token, whatever it begins with.
func (twin) credential(h http.Header, _ url.Values) (string, kind) {
	if key := h.Get("X-Api-Key"); key != "" {
		return key, kindNone
	}
	return bearer(h), kindNone
}

// route finds Anthropic's paths below any prefix: messages and models; and, at
// the same host, the balance of the account.
func (t twin) route(c *call) (operation, string) {
	path := c.path
	if t.of.balance != nil && strings.HasSuffix(path, t.of.balance.path) {
		return opBalance, http.MethodGet
	}
	defer func() { c.path = path }()
	if i := strings.LastIndex(path, "/v1/"); i > 0 {
		c.path = path[i:]
	}
	op, allow := t.anthropic.route(c)
	switch op {
	case opMessages, opCountTokens, opModels, opModel:
		return op, allow
	}
	return opUnknown, ""
}

// inspect asks for no version.
func (t twin) inspect(c *call) {
	t.anthropic.inspect(c)
	if c.problem != kindNoVersion && c.problem != kindBadVersion {
		return
	}
	n := anthropicNeeds[c.op]
	if c.problem = c.read(n); n&namesModel != 0 {
		c.checkModel()
	}
}

func (t twin) answer(c *call) answer {
	if c.op == opBalance {
		return t.of.answer(c)
	}
	a := t.anthropic.answer(c)
	a.header = make(http.Header)
	return a
}

func (twin) remain(http.Header, *call, left) {}

// serves tells whether a fault is no error to this call: an account without
// money can read its balance.
func (twin) serves(c *call, k kind) bool { return k == kindQuota && c.op == opBalance }

// fail has the status and the words of the dialect in Anthropic's envelope. The
// facts quote no such body; this is what the format leaves to choose. Of the
// balance it has the dialect's own.
func (t twin) fail(c *call, f fault) reply {
	if c.op == opBalance {
		return t.of.fail(c, f)
	}
	e := t.failure(f.kind)
	h := http.Header{"Content-Type": {"application/json"}}
	if f.kind == kindRateLimited && t.of.refused != nil {
		t.of.refused(h, c, left{reset: f.reset})
	}
	if f.kind == kindWrongMethod {
		h.Set("Allow", c.allow)
	}
	return reply{status: e.status, header: h, body: encode(t.body(c, f))}
}

func (t twin) failInside(c *call, s Step, _ int) event {
	return event{name: "error", data: encode(t.body(c, s.inside))}
}

// failure is what the dialect says, and Anthropic where it says nothing that
// fits: for a model, for MiniMax's 200, and for what it has no words for.
func (t twin) failure(k kind) failure {
	a := anthropicErrors[k]
	if k == kindModelNotFound {
		return failure{status: a.status, words: a.words}
	}
	e := t.of.failure(k)
	if e.words == "" {
		e.words = a.words
	}
	if e.status == http.StatusOK {
		e.status = a.status
	}
	return e
}

// body has the dialect's code as well where that is a number.
func (t twin) body(c *call, f fault) object {
	e := t.failure(f.kind)
	o := object{{"type", anthropicErrors[f.kind].typ}, {"message", e.said(c, f)}}
	if _, err := strconv.Atoi(e.code); err == nil {
		o = append(o, member{"code", e.code})
	}
	return object{{"type", "error"}, {"error", o}}
}
