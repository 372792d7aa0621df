package balancer

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// Hold is how far a good answer that streams is held back, so that an error inside it,
// before its first content, fails over as any other failure does. It is held until its
// first event with content (pings, comments, roles and announcements have none), until
// an error, until its end, or until a bound is reached; from then on no byte waits.
// Only streams of events and of JSON lines are held; and of answers in one piece JSON
// of at most 64 KiB, which is read whole if its length is known and there is no
// Config.Deadline, and else is waited for for a second. An answer is held only where
// another attempt could follow, and only if the provider's meter can tell content. If
// nobody does better, the caller gets the answer that failed, whole. Config.Deadline
// does not end what is held: it is passed on then.
//
// A negative number in any of them: nothing is held.
type Hold struct {
	Bytes int64         // of one answer; 0: 1 MiB
	Total int64         // of all answers; when it is used up they are not held; 0: 64 MiB
	Time  time.Duration // from an answer's first byte, or from its headers where FirstByteTimeout does not count; 0: 15 s
}

const (
	defaultHoldBytes = 1 << 20
	defaultHoldTotal = 64 << 20
	defaultHoldTime  = 15 * time.Second

	// An answer in one piece is looked at when it is whole within these bounds: no
	// error is longer.
	wholeBytes = 64 << 10
	wholeTime  = time.Second

	defaultFirstByteTimeout = 120 * time.Second
)

func (h Hold) withDefaults() Hold {
	if h.Bytes == 0 {
		h.Bytes = defaultHoldBytes
	}
	if h.Total == 0 {
		h.Total = defaultHoldTotal
	}
	if h.Time == 0 {
		h.Time = defaultHoldTime
	}
	return h
}

func (h Hold) off() bool { return h.Bytes < 0 || h.Total < 0 || h.Time < 0 }

// contentMeter is a meter that can tell what holding needs to know.
type contentMeter interface {
	Content() bool
	Failure() (provider.Verdict, bool)
}

// shown tells whether it is known what to do with an answer that is held: it has
// content, or an error.
func (a *answer) shown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.meter.(contentMeter)
	if a.over || !ok || m.Content() {
		return true
	}
	_, failed := m.Failure()
	return failed
}

// hasContent tells whether content has come. It must not be called once the caller
// has the answer.
func (a *answer) hasContent() bool {
	m, ok := a.meter.(contentMeter)
	return ok && m.Content()
}

// hold reads a good answer ahead, if that is of use, and has decide called once it is
// known what to do with it. aside: this goroutine may be the one that reads.
func (t *try) hold(aside bool) bool {
	if !t.follows || t.resp.StatusCode != http.StatusOK || t.resp.Body == http.NoBody || t.s.in.Method == http.MethodHead {
		return false
	}
	a := t.at.newAnswer(t.resp)
	most, limit, whole := t.bounds(a)
	if most == 0 {
		return false
	}
	if n := t.resp.ContentLength; whole && n >= 0 && t.s.t.cfg.Deadline <= 0 {
		return t.holdWhole(a, int(n))
	}
	if t.s.results == nil {
		t.s.results = make(chan *try, 2)
	}
	p := &a.head
	p.begin(a.ReadCloser, most, t.decide)
	p.purse = &t.s.t.held
	p.enough = func() bool {
		t.bound(limit)
		return limit == 0 || a.shown()
	}
	if !t.beginHold(a, p, limit) {
		return false
	}
	a.ReadCloser, t.resp.Body = p, a
	if aside {
		p.fill()
	} else {
		go p.fill()
	}
	return true
}

// holdWhole reads an answer in one piece of which the length is known, and judges it.
// Whoever asked for it waits for all of it anyway.
func (t *try) holdWhole(a *answer, n int) bool {
	p := &a.head
	p.begin(a.ReadCloser, n+1, nil)
	p.purse = &t.s.t.held
	a.ReadCloser, t.resp.Body = p, a
	p.fill()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer, t.ahead, t.looks = a, p, true
	t.judgeHeld()
	return false
}

// beginHold puts an answer under the limits of time, unless it is too late for that.
func (t *try) beginHold(a *answer, p *ahead, limit time.Duration) bool {
	awaits := t.awaitsFirstByte()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != tryAnswered || t.s.isLate() || t.s.ctx.Err() != nil {
		return false
	}
	t.phase, t.answer, t.ahead, t.looks = tryHolding, a, p, limit > 0
	if !awaits {
		t.startTimer(max(limit, 1))
		return true
	}
	select {
	case t.s.look <- struct{}{}: // the alarm may have rung while nothing could be done
	default:
	}
	return true
}

// bound lets go of an answer after a while.
func (t *try) bound(limit time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == tryHolding && limit > 0 {
		t.startTimer(limit)
	}
}

func (t *try) startTimer(limit time.Duration) {
	if t.timer == nil {
		t.timer = time.AfterFunc(limit, t.release)
	}
}

// bounds tells how much of an answer may be held, and for how long; 0 bytes: there is
// nothing to wait for; a limit of 0: its first byte is all that is waited for. whole: it is
// an answer in one piece.
func (t *try) bounds(a *answer) (most int, limit time.Duration, whole bool) {
	hold := t.s.t.cfg.Hold
	kind := mediaType(t.resp.Header)
	_, tells := a.meter.(contentMeter)
	switch {
	case hold.off() || !tells:
	case streamTypes[kind] || isJSON(kind) && t.s.Operation.Stream: // an array, piece by piece
		return int(min(hold.Bytes, math.MaxInt)), hold.Time, false
	case isJSON(kind) && t.resp.ContentLength <= wholeBytes && generates(t.s.Operation.Kind):
		return wholeBytes + 1, wholeTime, true
	}
	if t.awaitsFirstByte() {
		return aheadPart, 0, false
	}
	return 0, 0, false
}

// awaitsFirstByte tells whether the attempt may be left for its silence.
func (t *try) awaitsFirstByte() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.aside && t.follows && !t.patient && t.s.mayBeSilent()
}

// decide judges what was read ahead, unless somebody has let go of it before.
func (t *try) decide() {
	t.mu.Lock()
	if t.phase == tryHolding {
		t.judgeHeld()
	}
	t.mu.Unlock()
	t.report()
}

// judgeHeld says what an answer means of which enough, or all, was read.
func (t *try) judgeHeld() {
	if t.resp == nil { // broken off
		return
	}
	panicked, err := t.ahead.outcome()
	if panicked != nil {
		t.panicked, t.panic = true, panicked
		return
	}
	switch cause := context.Cause(t.ctx); {
	case isOurs(cause): // what has come at the last moment breaks off
		t.breakOff(cause)
	case t.looks && t.answer.hasContent():
	case cause != nil: // ended by us, by Close, or by the caller
		t.breakOff(cause)
	case t.looks: // a nil error: it goes on, with an error inside or too long to be held
		t.verdict = t.answer.verdict(err)
		if t.verdict.Class == provider.ClassTransient || t.verdict.Class == provider.ClassTimeout {
			t.verdict.MaybeExecuted = true // it broke while it worked on it
		}
	}
}

// breakOff ends an answer that was held and that nobody is to get.
func (t *try) breakOff(cause error) {
	_ = t.ahead.Close()
	t.resp, t.err = nil, cause
	t.verdict = t.at.judge(t.ctx, nil, cause)
}

// book closes the books of an answer that was held, and is what it used so far.
func (t *try) book() quota.Amount {
	t.answer.closeBooks()
	at, u := t.at, t.answer.meter.Usage()
	at.record.Usage = u
	at.record.Cost, at.record.CostKnown = at.cost(u)
	return quota.Amount{Requests: 1, InputTokens: u.Input, OutputTokens: u.Output, Cost: at.record.Cost}
}

// streamTypes are the content types of answers that come piece by piece.
var streamTypes = map[string]bool{
	"text/event-stream":    true,
	"application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/x-jsonlines": true,
}

// isJSON tells whether a content type is of one JSON value.
func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

// mediaType is the content type of an answer, without its parameters.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(header(h, "Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// generates tells whether an answer is made for the request, so that an error in it
// is the request's own and not that of something that the provider keeps.
func generates(k provider.OperationKind) bool {
	switch k {
	case provider.OpChat, provider.OpResponses, provider.OpCompletions, provider.OpEmbeddings, provider.OpImages, provider.OpAudio,
		provider.OpModeration, provider.OpMessages, provider.OpCountTokens, provider.OpGenerate, provider.OpInteractions:
		return true
	default:
		return false
	}
}
