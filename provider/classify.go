package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// A protocol is what tells one API's errors and usage from another's.
type protocol struct {
	rules []rule
	texts *textIndex

	// finish says of a finish_reason that comes with 200 what has gone wrong.
	// Nil: none of them has.
	finish map[string]Class

	// flat says that an error with status 200 may have no envelope: {code, message}.
	flat bool

	// adjust corrects a verdict by the headers. Nil: nothing to correct.
	adjust func(v *Verdict, h http.Header)

	// refusal finds an answer that was refused for its content although its
	// status is good, and says why.
	refusal func(e ending) (code, message string, ok bool)

	// reset finds out when a failure ends. Zero: not said.
	reset func(v Verdict, p *problem, h http.Header, now time.Time) time.Time

	event    func(t *tally, name, data []byte, cut bool) // one event of a stream
	document func(t *tally, doc []byte, cut bool)        // a whole body
}

// classify is API.Classify. The order is that of provider-facts 11.1: the
// transport's error, the machine's fields, the headers, the status, and the
// text as the last resort.
func (pr *protocol) classify(a Answer) Verdict {
	if a.At.IsZero() {
		a.At = time.Now()
	}
	if a.Status == 0 {
		return noAnswer(a.Err)
	}
	if a.Status >= 400 {
		p := readProblem(a.Status, a.Body)
		return pr.judge(a, &p)
	}
	if a.Status < 200 || a.Status >= 300 && a.Status != http.StatusNotModified {
		return Verdict{}
	}
	if body := trimHead(a.Body); len(body) > 0 && !a.Op.Kind.keeps() && (body[0] == '{' || body[0] == '[') {
		var o object
		o.read(body)
		if v, ok := pr.inGood(&a.Op, body, &o, a.Header, a.At); ok {
			return v
		}
	}
	return Verdict{Class: ClassOK, Scope: ScopeNone}
}

// inGood judges JSON that came with a good status, of which o was read. ok is false if
// there is nothing wrong with it. A zero now is the present.
func (pr *protocol) inGood(op *Operation, root node, o *object, h http.Header, now time.Time) (v Verdict, ok bool) {
	if root.isArray() { // Gemini, whose streams may be one, and whose errors in them
		return pr.inArray(op, root, h, now)
	}
	if v, ok := pr.problemIn(op, o, h, now); ok {
		return v, true
	}
	if pr.finish != nil {
		if class := pr.finish[string(o.first.finish.plain())]; class != ClassUnknown {
			v := Verdict{Class: class, Scope: classes[class].scope, Code: redact(o.first.finish.text(), maxCode)}
			v.narrow(*op)
			return v, true
		}
	}
	return pr.refusedBy(o)
}

// inArray is inGood for an array: its first element may be an error, and its last may
// say that an answer was refused.
func (pr *protocol) inArray(op *Operation, root node, h http.Header, now time.Time) (v Verdict, ok bool) {
	var first, last object
	first.read(root.first())
	if v, ok := pr.problemIn(op, &first, h, now); ok {
		return v, true
	}
	last.read(root.last())
	last.stopReason, last.delta = nil, nil // Anthropic's come in no array
	return pr.refusedBy(&last)
}

// problemIn judges the error that o is or has.
func (pr *protocol) problemIn(op *Operation, o *object, h http.Header, now time.Time) (v Verdict, ok bool) {
	if !o.suspect() && !pr.flat {
		return Verdict{}, false
	}
	p, ok := findProblem(o)
	if !ok && pr.flat {
		p, ok = findFlat(o)
	}
	if !ok {
		return Verdict{}, false
	}
	if now.IsZero() {
		now = time.Now()
	}
	return pr.judge(Answer{Op: *op, Status: http.StatusOK, Header: h, At: now}, &p), true
}

// refusedBy judges an answer that was refused for its content.
func (pr *protocol) refusedBy(o *object) (v Verdict, ok bool) {
	if pr.refusal == nil {
		return Verdict{}, false
	}
	code, message, ok := pr.refusal(o.ending)
	if !ok {
		return Verdict{}, false
	}
	return Verdict{
		Class: ClassContentPolicy, Scope: ScopeNone,
		Code: redact(code, maxCode), Message: redact(message, maxMessage),
	}, true
}

const (
	maxCode    = 64
	maxMessage = 300
)

// judge puts a verdict on a problem.
func (pr *protocol) judge(a Answer, p *problem) Verdict {
	p.header = a.Header
	if p.message == "" {
		p.message = a.Header.Get("X-Error-Message") // Hugging Face, whose 402 says it there
	}
	v := Verdict{Code: redact(p.word(), maxCode), Message: redact(p.message, maxMessage)}
	if i := pr.find(p); i >= 0 {
		v.Class, v.Scope, v.Permanent = pr.rules[i].class, pr.rules[i].scope, pr.rules[i].permanent
	} else {
		v.Class, v.Scope = classOfStatus(p)
	}
	if v.Class == ClassInvalidRequest && p.status == http.StatusRequestEntityTooLarge { // whatever the code
		v.Class, v.Scope = ClassTooLarge, ScopeUnknown
	}
	if p.form != formJSON && isChallenge(a.Header, p.text) {
		v.Class, v.Scope, v.Permanent = ClassEgressBlocked, ScopeUnknown, false
	}
	if pr.adjust != nil {
		pr.adjust(&v, a.Header)
	}
	if generic(v.Class) && p.form != formHTML {
		if r := pr.texts.find(v.Class, p.text, p.echoes()); r != nil {
			v.Class, v.Scope, v.Permanent = r.class, r.scope, r.permanent
		}
	}
	if v.Scope == ScopeUnknown {
		v.Scope = classes[v.Class].scope
	}
	v.narrow(a.Op)
	if p.form == formHTML {
		v.Message = ""
	}
	if classes[v.Class].waits && pr.reset != nil {
		v.Until = pr.reset(v, p, a.Header, a.At)
	}
	switch p.status { // a gateway lost sight of what it had passed on
	case 408, 502, 504, 520, 521, 522, 523, 524:
		v.MaybeExecuted = true
	}
	return v
}

// narrow takes the model out of the scope where the request names none.
func (v *Verdict) narrow(op Operation) {
	if v.Scope == ScopeAccountModel && op.Model == "" {
		v.Scope = ScopeAccount
	}
}

// find returns the index of the first rule that matches, or -1.
func (pr *protocol) find(p *problem) int {
	for i := range pr.rules {
		if pr.rules[i].matches(p) {
			return i
		}
	}
	return -1
}

// isChallenge reports whether a firewall answered in the API's place.
// Cf-Mitigated is Cloudflare's own word for it.
func isChallenge(h http.Header, text string) bool {
	if h.Get("Cf-Mitigated") == "challenge" {
		return true
	}
	for _, c := range challenges {
		if strings.Contains(text, c) {
			return true
		}
	}
	return false
}

// noAnswer judges a transport's error by its kind. The request may have been
// executed: whoever knows that it was never sent must say so.
func noAnswer(err error) Verdict {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return Verdict{}
	case errors.Is(err, context.Canceled):
		return Verdict{Class: ClassCanceled, Scope: ScopeNone, MaybeExecuted: true}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Verdict{Class: ClassTimeout, Scope: ScopeAccount, MaybeExecuted: true}
	}
	return Verdict{Class: ClassTransient, Scope: ScopeRoute, MaybeExecuted: true}
}
