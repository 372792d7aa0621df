package providertest

import (
	"net/http"
	"time"
)

// Step is one scripted answer. Make one with [OK], [RateLimited] and the other
// functions of this package; the zero Step is a normal answer in a script, and
// nothing at all for [Fake.Always]. A Step is a value that never changes: it
// may be used in several scripts and by several goroutines.
//
// A func says what is answered, and the methods how it is put on the wire. Each
// method returns another Step, so they can be put together in any order:
// CutStream(1).KeepAlive(2, 0, time.Second).Lines(Lines{End: "\r\n"}).
//
//	what is answered                                   in which way
//	OK                                                 After            a wait ahead of it
//	RateLimited, Capacity, QuotaExhausted,             ByteByByte       a byte a write
//	  SpendLimitReached, Unauthorized,                 KeepAlive        pings, comments, empty lines
//	  PermissionDenied, ModelNotFound,                 Lines            CRLF, BOM, no space, two data lines, no last blank line
//	  ContextTooLong, TooLarge, InvalidRequest,        Endless          a body that never ends
//	  ContentPolicy, ServerError, Overloaded           Header           any header, another Content-Type
//	ErrorInStream, FailInStream  an error after events RetryAfter       each form of saying how long
//	CutStream, EndStream         no end after events   Remaining        what is left, on a good answer
//	Trickle                      a wait between events BigEvent         an event of megabytes
//	Redirect, Firewall, Status   not the provider      NoUsage          as if nothing had been used
//	Hang                         no answer             UsageOnEach      usage so far on each chunk
//	                                                   In200            an error inside a good answer
type Step struct {
	fault
	delay  time.Duration // before the answer
	gap    time.Duration // between a stream's events
	ending ending        // of the stream
	events int           // before that ending
	inside fault         // the error that ends the stream
	failed bool          // and that the Responses API tells as response.failed
	raw    reply
	wire   wire
}

// ending is how a stream ends.
type ending uint8

const (
	endWell ending = iota
	endError
	endCut
	endEarly // as if it had come to its end
)

// OK is a normal answer: in a script, a call between two faults; with
// [Fake.AlwaysFor], a credential that is spared what [Fake.Always] says.
func OK() Step { return step(kindOK) }

// RateLimited is the provider's own 429 for too many requests: with
// retry-after (in whole seconds, rounded up; OpenAI also retry-after-ms), with
// x-ratelimit-* or anthropic-ratelimit-* headers, and from Gemini, which has
// no such headers, with RetryInfo in the body. A reset of 0 or less: the
// answer does not say how long.
func RateLimited(reset time.Duration) Step {
	return Step{fault: fault{kind: kindRateLimited, reset: max(reset, 0)}}
}

// QuotaExhausted says that the money is out: OpenAI's 429 insufficient_quota,
// Anthropic's 400 about the credit balance, Gemini's 402.
func QuotaExhausted() Step { return step(kindQuota) }

// SpendLimitReached says that a limit is out which the calendar ends: OpenAI's
// 429 project_spend_limit_exceeded, Anthropic's 429
// enforced_spend_limit_reached without retry-after, Gemini's 429 for a quota
// by the day, with the short retryDelay that is not to be trusted.
func SpendLimitReached() Step { return step(kindSpendLimit) }

// Unauthorized is the answer to a wrong credential: 401, from Gemini 400 with
// API_KEY_INVALID.
func Unauthorized() Step { return step(kindUnauthorized) }

// PermissionDenied is the provider's own 403.
func PermissionDenied() Step { return step(kindPermission) }

// ModelNotFound is the provider's own 404 for the model of the call.
func ModelNotFound() Step { return step(kindModelNotFound) }

// ContextTooLong is the provider's own 400 for a prompt that is too long.
func ContextTooLong() Step { return step(kindContextTooLong) }

// InvalidRequest is the provider's own 400 for a parameter it does not like.
func InvalidRequest() Step { return step(kindInvalid) }

// ContentPolicy is a refusal for what was asked: OpenAI's 400
// content_policy_violation; from Anthropic and Gemini a 200 that says so
// (stop_reason refusal, promptFeedback.blockReason), streamed if the call is.
func ContentPolicy() Step { return step(kindContentPolicy) }

// ServerError is the provider's own 500.
func ServerError() Step { return step(kindServerError) }

// Overloaded is OpenAI's 503 server_is_overloaded, Anthropic's 529
// overloaded_error, Gemini's 503 UNAVAILABLE.
func Overloaded() Step { return step(kindOverloaded) }

// Capacity is a refusal for too much at the same time, which clears in about a
// second: Zhipu's 429 with 1302, Cerebras's queue_exceeded, OpenRouter's 402
// for what is in flight; from OpenAI, Anthropic and Gemini, which have no such
// error, the one nearest to it (slow_down, ramp_limit_exceeded,
// MODEL_CAPACITY_EXHAUSTED). Where nothing is known to tell it apart it is a
// rate limit that says nothing of its end.
func Capacity() Step { return step(kindCapacity) }

// TooLarge is the provider's own 413 (Gemini: 400) for a body of too many bytes.
func TooLarge() Step { return step(kindTooLarge) }

// Status is a raw answer, for instance an HTML 502 of something in between.
// The header is copied; without a Content-Type in it net/http guesses one. A
// code outside 200 to 599 is answered as 500.
func Status(code int, header http.Header, body string) Step {
	if code < 200 || code > 599 {
		code = http.StatusInternalServerError
	}
	return Step{
		fault: fault{kind: kindRaw},
		raw:   reply{status: code, header: header.Clone(), body: []byte(body)},
	}
}

// Redirect is an answer that sends the client elsewhere, with a status of 301,
// 302, 303, 307 or 308. Whoever follows it with a credential has lost one.
func Redirect(code int, location string) Step {
	return Status(code, http.Header{"Location": {location}, "Content-Type": {"text/html; charset=utf-8"}}, "")
}

// Firewall is the 403 with which a firewall before a provider refuses an
// address: a page in HTML with a challenge for browsers, as Cloudflare has
// them.
func Firewall() Step {
	h := http.Header{
		"Content-Type": {"text/html; charset=UTF-8"}, "Server": {"cloudflare"},
		"Cf-Ray": {"8f00000000000000-FRA"}, "Cf-Mitigated": {"challenge"}, "Cache-Control": {"no-store"},
	}
	return Status(http.StatusForbidden, h, firewallPage)
}

const firewallPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Just a moment...</title></head>
<body>
<h1>Checking that you are not a machine</h1>
<p>This page goes on by itself once your browser has been looked at.</p>
<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1" id="cf-chl"></script>
</body>
</html>
`

// Hang never answers: the call ends when its context does. Its hit has the
// status 0.
func Hang() Step { return step(kindHang) }

// ErrorInStream is a 200 whose stream has that many events and then the
// provider's own error event for a server error: OpenAI's chat a data line with
// an error, its Responses API the flat event error, Anthropic the event error
// with api_error, Gemini a data line with an error. The stream ends there. If
// it has fewer events, the error stands in the place of the last one. A call
// that is not streamed gets [ServerError].
func ErrorInStream(afterEvents int) Step {
	s := FailInStream(afterEvents, ServerError())
	s.failed = false
	return s
}

// FailInStream is as [ErrorInStream], with the error that another step stands
// for: FailInStream(1, Overloaded()) is an overload that shows after the first
// event. On the Responses API it is told as response.failed. A step that is no
// error of the provider's stands for [ServerError].
func FailInStream(afterEvents int, with Step) Step {
	if !with.kind.isError() {
		with = ServerError()
	}
	s := step(kindOK)
	s.ending, s.events, s.inside, s.failed = endError, max(afterEvents, 0), with.fault, true
	return s
}

// CutStream is a 200 whose stream has that many events before the connection
// is cut. If it has fewer events, the cut comes before the last one. A call
// that is not streamed is cut in the middle of its body.
func CutStream(afterEvents int) Step {
	s := step(kindOK)
	s.ending, s.events = endCut, max(afterEvents, 0)
	return s
}

// EndStream is a 200 whose stream has that many events and then ends as if that
// were all: no error, no word of the end, no usage. If it has fewer events, the
// last one is missing. A call that is not streamed gets an empty body.
func EndStream(afterEvents int) Step {
	s := step(kindOK)
	s.ending, s.events = endEarly, max(afterEvents, 0)
	return s
}

// Trickle is a normal answer whose stream has a wait of d between two events;
// the first one comes at once. A call that is not streamed does not wait.
func Trickle(d time.Duration) Step {
	s := step(kindOK)
	s.gap = max(d, 0)
	return s
}

// After is the same step with a wait of d before the answer, headers included.
// The call ends early if its context does.
func (s Step) After(d time.Duration) Step {
	s.delay = max(d, 0)
	return s.good()
}

func step(k kind) Step { return Step{fault: fault{kind: k}} }
