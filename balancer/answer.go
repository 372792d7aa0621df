package balancer

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
)

// answer is the body of the answer that the caller gets. It counts usage as the
// bytes come, and keeps the books at the end: at EOF, at an error, or at Close.
type answer struct {
	io.ReadCloser               // pulled, or what was read ahead of it
	raw           io.ReadCloser // the provider's
	at            *attempt
	meter         provider.Meter
	finds         *provider.ObjectFinder
	kept          int      // of what finds has found
	ends          bool     // the answer is of a kind of which the meter sees the end
	done          finisher // of whoever it was given to; nil: nobody yet
	once          sync.Once

	mu      sync.Mutex // Close may come while a Read waits
	renewed time.Time
	over    bool // the books are closed, or kept by somebody else

	head ahead // what was read ahead of it, if anything was
}

// finisher is told that an answer is over.
type finisher interface{ finish() }

// winner is the attempt whose answer the caller has: the request ends with it.
type winner try

func (w *winner) finish() {
	w.cancel(nil)
	w.s.end()
}

// runnerUp is an attempt whose answer is kept, should nobody give a better one.
type runnerUp try

func (r *runnerUp) finish() { r.cancel(nil) }

// newAnswer begins to meter an attempt's good answer.
func (at *attempt) newAnswer(resp *http.Response) *answer {
	a := &at.body
	a.raw, a.at, a.renewed = resp.Body, at, time.Now()
	a.meter, a.finds, a.ends = at.newMeter(at.r.Operation, resp.Header), at.finder(resp), hasEnd(resp.Header)
	a.ReadCloser = (*pulled)(a)
	return a
}

// pulled are the provider's bytes, metered as they come.
type pulled answer

func (p *pulled) Read(b []byte) (int, error) {
	a := (*answer)(p)
	n, err := a.raw.Read(b)
	if n > 0 {
		renew, found := a.passed(b[:n])
		if renew {
			a.at.renew()
		}
		a.at.settled(found) // before the caller can ask for it
	}
	return n, err
}

func (p *pulled) Close() error { return p.raw.Close() }

// deliver gives an attempt's good answer to the caller. done ends the request.
func (at *attempt) deliver(resp *http.Response, done finisher) {
	if resp.Body == http.NoBody {
		at.succeed(provider.Verdict{Class: provider.ClassOK}, provider.Usage{Complete: true})
		done.finish()
		return
	}
	if time.Since(at.started) > at.t.cfg.ttl()/4 {
		at.renew() // it thought for long, and may go on to talk for long
	}
	a, held := resp.Body.(*answer)
	if !held {
		a = at.newAnswer(resp)
	}
	a.present(resp, done)
}

// present makes the answer the response's body, as the caller is to see it.
func (a *answer) present(resp *http.Response, done finisher) {
	a.done = done
	resp.Body = a
	switch w, ok := a.raw.(io.Writer); {
	case ok && resp.StatusCode == http.StatusSwitchingProtocols:
		resp.Body = struct {
			io.ReadCloser
			io.Writer
		}{a, w}
	case a.at.askedUsage: // whatever the content type says
		resp.Body = provider.WithoutUsage(a)
		resp.ContentLength = -1
		resp.Header.Del("Content-Length")
	}
}

// Read passes on what the provider says.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		a.end(err)
		err = a.at.t.calls.explain(err)
	}
	return n, err
}

// passed looks at bytes on their way. It tells whether the reservation should be
// renewed, and the ids of things that now live in the account.
func (a *answer) passed(p []byte) (renew bool, found []string) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false, nil
	}
	_, _ = a.meter.Write(p) // never fails
	if a.finds != nil {
		_, _ = a.finds.Write(p) // neither
		all := a.finds.Objects()
		found, a.kept = all[a.kept:], len(all)
	}
	a.at.record.AnswerBytes += int64(len(p))
	if a.at.record.FirstByte == 0 {
		a.at.heard.Store(true)
		a.at.record.FirstByte = now.Sub(a.at.started)
		a.at.counters.speed.add(a.at.record.FirstByte, now)
	}
	if a.at.probing && a.proves() {
		a.at.probing = false
		a.at.recovered()
	}
	if now.Sub(a.renewed) > a.at.t.cfg.ttl()/4 {
		a.renewed, renew = now, true
	}
	return renew, found
}

// proves tells whether what has come shows that the account is well: content, and no
// error. Where that cannot be told, the first byte does.
func (a *answer) proves() bool {
	m, ok := a.meter.(contentMeter)
	if !ok {
		return true
	}
	if !m.Content() {
		return false
	}
	_, failed := m.Failure()
	return !failed
}

// recovered tells of a probe that it has succeeded: others wait for that, and a
// stream may be long.
func (at *attempt) recovered() {
	for i := range at.checks {
		if k := &at.checks[i]; k.claim {
			at.report(k, health.Outcome{Kind: health.OutcomeSuccess})
		}
	}
}

// Close ends the answer. What was not read is not counted.
func (a *answer) Close() error {
	err := a.ReadCloser.Close()
	a.end(nil)
	return err
}

// end keeps the books, once. A nil error is a caller who stopped reading.
func (a *answer) end(err error) {
	a.once.Do(func() {
		if a.done != nil { // it was given to somebody
			defer a.done.finish() // also when a hook or a store panics
		}
		if a.closeBooks() {
			a.at.succeed(a.verdict(err), a.meter.Usage())
		}
	})
}

// closeBooks ends the metering, and tells whether nobody has done so before.
func (a *answer) closeBooks() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	open := !a.over
	a.over = true
	return open
}

// verdict is what the whole answer, and not its status alone, says.
func (a *answer) verdict(err error) provider.Verdict {
	v := a.outcome(err)
	v.Message, v.Code = a.at.mask(v.Message), a.at.mask(v.Code)
	return v
}

func (a *answer) outcome(err error) provider.Verdict {
	if f, ok := a.meter.(interface {
		Failure() (provider.Verdict, bool)
	}); ok {
		if v, failed := f.Failure(); failed { // an error inside a 200
			return v
		}
	}
	switch {
	case err == nil && a.at.callerGone():
		return provider.Verdict{Class: provider.ClassCanceled, Scope: provider.ScopeNone, Message: "the caller went away", MaybeExecuted: true}
	case err == nil: // the caller has seen enough
		return provider.Verdict{Class: provider.ClassOK}
	case !errors.Is(err, io.EOF):
		return a.at.judgeError(a.at.t.calls.ctx, err)
	case a.cutShort():
		return provider.Verdict{
			Class: provider.ClassTransient, Scope: provider.ScopeAccount, MaybeExecuted: true,
			Message: "the answer ended before it was complete",
		}
	default:
		return provider.Verdict{Class: provider.ClassOK}
	}
}

// cutShort tells whether an answer came to an end that its API does not give it.
func (a *answer) cutShort() bool {
	m, ok := a.meter.(interface{ Ended() bool })
	if !ok || !a.ends || m.Ended() {
		return false
	}
	switch a.at.r.Operation.Kind {
	case provider.OpChat, provider.OpResponses, provider.OpCompletions, provider.OpMessages, provider.OpGenerate:
		return true
	default:
		return false
	}
}

// hasEnd tells whether an answer's own words say where it ends.
func hasEnd(h http.Header) bool {
	kind := mediaType(h)
	return (kind == "text/event-stream" || isJSON(kind)) && header(h, "Content-Encoding") == ""
}
