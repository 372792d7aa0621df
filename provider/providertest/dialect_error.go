package providertest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// failure is an error in a dialect's words. In words and body {…} are filled
// in; see call.fillers.
type failure struct {
	status    int
	typ, code string
	words     string
	body      string            // the whole of it, where it is not in the envelope; not JSON: text
	headers   map[string]string // that only this error has
}

// instead is the error whose type, code and status stand in for one that a
// dialect has none of its own for, and the words for it.
var instead = map[kind]struct {
	of     kind
	status int // 0: that of the other
	words  string
}{
	kindSpendLimit:    {of: kindQuota},
	kindInvalid:       {of: kindInvalid, status: http.StatusBadRequest, words: "The request is not valid"}, // of the kinds that are not here
	kindNoObject:      {of: kindInvalid, status: http.StatusNotFound, words: "There is no such object"},
	kindCapacity:      {of: kindRateLimited, words: "Too many concurrent requests"},
	kindNoCredential:  {of: kindUnauthorized},
	kindOAuthBeta:     {of: kindUnauthorized},
	kindBadToken:      {of: kindUnauthorized},
	kindPermission:    {of: kindInvalid, status: http.StatusForbidden, words: "You are not permitted to use {model}"},
	kindUnknownPath:   {of: kindInvalid, status: http.StatusNotFound, words: "No such path: {method} {path}"},
	kindWrongMethod:   {of: kindInvalid, status: http.StatusMethodNotAllowed, words: "Only {allow} is allowed here"},
	kindTooLarge:      {of: kindInvalid, status: http.StatusRequestEntityTooLarge, words: "The request body is too large"},
	kindBrokenBody:    {of: kindInvalid, status: http.StatusBadRequest, words: "The request body is not valid JSON"},
	kindNoModel:       {of: kindInvalid, status: http.StatusBadRequest, words: "The field model is required"},
	kindStreamOptions: {of: kindInvalid, status: http.StatusBadRequest, words: "stream_options needs stream"},
	kindNoVersion:     {of: kindInvalid, status: http.StatusBadRequest, words: "anthropic-version: header is required"},
	kindBadVersion:    {of: kindInvalid, status: http.StatusBadRequest, words: "anthropic-version: not a valid version"},
}

// failure is what a dialect says about a fault.
func (d *dialect) failure(k kind) failure {
	if e, ok := d.errors[k]; ok {
		return e
	}
	in, ok := instead[k]
	if !ok {
		in = instead[kindInvalid]
	}
	e := d.errors[in.of]
	if in.words != "" {
		e.words, e.body = in.words, ""
	}
	e.status = cmp.Or(in.status, e.status)
	return e
}

// fillers are what stands for {…} in words.
func (c *call) fillers(f fault) []string {
	wait := ""
	if f.reset > 0 {
		wait = " Please try again in " + seconds(f.reset) + "."
	}
	year, month, _ := c.at.UTC().Date()
	next := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	return []string{
		"{model}", c.model, "{method}", c.method, "{path}", c.path, "{allow}", c.allow, "{wait}", wait,
		"{tail}", c.key[max(len(c.key)-4, 0):],
		"{ends}", c.key[:min(len(c.key), 2)] + "***" + c.key[max(len(c.key)-2, 0):],
		"{month}", next.Format(time.RFC3339), "{hours}", c.at.UTC().Add(5 * time.Hour).Format(time.DateTime),
		"{id}", c.id(""),
	}
}

// said are the words of an error, filled in.
func (e failure) said(c *call, f fault) string {
	return strings.NewReplacer(c.fillers(f)...).Replace(e.words)
}

// tell is the body of an error: in its envelope, or the one it has of its own.
func (e failure) tell(envelope string, c *call, f fault) []byte {
	fill := c.fillers(f)
	for i := 1; i < len(fill); i += 2 {
		quoted := encode(fill[i])
		fill[i] = string(quoted[1 : len(quoted)-1]) // it stands inside a JSON string
	}
	if e.body != "" {
		return []byte(strings.NewReplacer(fill...).Replace(e.body))
	}
	return []byte(strings.NewReplacer(append(fill,
		"{words}", string(encode(e.said(c, f))),
		"{type}", string(encode(orNull(e.typ))), "{code}", string(encode(orNull(e.code))),
		"{number}", cmp.Or(e.code, "0"), "{status}", strconv.Itoa(e.status))...).Replace(envelope))
}

// enveloped is an error as this call has it told, and its bytes.
func (d *dialect) enveloped(c *call, f fault) (failure, []byte) {
	e := d.failure(f.kind)
	envelope := d.envelope
	if d.native != "" && isNative(c.op) {
		envelope = d.native
	}
	return e, e.tell(envelope, c, f)
}

func (d *dialect) fail(c *call, f fault) reply {
	if d.google {
		return failGoogle(c, f)
	}
	e, body := d.enveloped(c, f)
	h := http.Header{"Content-Type": {"application/json"}}
	if body[0] != '{' {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if f.kind == kindRateLimited && d.refused != nil {
		d.refused(h, c, left{reset: f.reset})
	}
	for name, value := range e.headers {
		h.Set(name, value)
	}
	if f.kind == kindWrongMethod {
		h.Set("Allow", c.allow)
	}
	return reply{status: e.status, header: h, body: body}
}

// failInside is the error as a line of the stream, and what may follow it.
func (d *dialect) failInside(c *call, s Step, _ int) event {
	if d.google {
		return gemini{}.failInside(c, s, 0)
	}
	e, body := d.enveloped(c, s.inside)
	var then []byte
	if d.done && !isNative(c.op) {
		then = []byte("[DONE]")
	}
	if d.inside != nil {
		stream, _ := d.inside(e.said(c, s.inside), e)
		body = encode(append(chatHead(c, "chat.completion.chunk"), stream...))
	}
	return event{data: body, then: then}
}

// failIn200 is an error in a good answer: in a choice of it where the provider
// has a place for it there, else alone.
func (d *dialect) failIn200(c *call, f fault) reply {
	r := d.fail(c, f)
	r.status = http.StatusOK
	if d.inside != nil {
		e := d.failure(f.kind)
		_, whole := d.inside(e.said(c, f), e)
		r.body = encode(append(chatHead(c, "chat.completion"), whole...))
	}
	return r
}

// failGoogle is an error of Gemini's where OpenAI's chat is spoken: in an array
// of one.
func failGoogle(c *call, f fault) reply {
	_, known := geminiErrors[f.kind]
	if !known && f.kind != kindUnknownPath && f.kind != kindWrongMethod {
		f.kind = kindInvalid
	}
	r := gemini{}.fail(c, f)
	if r.body[0] == '{' {
		r.body = slices.Concat([]byte{'['}, r.body, []byte{']'})
	}
	return r
}
