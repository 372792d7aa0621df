package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

// maxTrail is how long a record's trail may be.
const maxTrail = 16 << 10

// finish writes the request's record and its line in the log.
func (x *exchange) finish() {
	attempts := x.ended()
	gone := !x.whole && x.r.Context().Err() != nil
	if x.problem == nil && !x.whole && x.answered { // it could not be written
		gone = true
	}
	if x.key == nil && x.whole && x.problem == nil {
		return // a greeting
	}
	r := x.record()
	r.ID, r.Start, r.Duration, r.FirstByte = x.id, x.start, time.Since(x.start), x.first
	gone = gone || x.problem != nil && x.r.Context().Err() != nil
	if r.Status = x.status; gone && !x.late() {
		r.Status = statusGone
	}
	if x.problem != nil {
		r.Code = x.problem.Code
		if r.Code == "" {
			r.Code = dialect.CodeInternal
		}
	}
	x.sum(&r, attempts)
	if x.key != nil { // what nobody with a key asks is in the log alone: anybody could fill the store
		x.s.cfg.Store.Record(r)
	}
	x.log(&r, attempts)
}

// late tells whether the client's own body kept us waiting: net/http takes a time limit for
// a client that has gone.
func (x *exchange) late() bool {
	p := x.broke.Load()
	return p != nil && p.Code == dialect.CodeRequestTimeout
}

// record is what is known of the request beside its attempts.
func (x *exchange) record() resource.Request {
	r := resource.Request{
		API: x.route.API.String(), Operation: x.operation(), Group: x.group,
		Model: x.op.Model, Stream: x.op.Stream, ClientIP: x.s.ClientIP(x.r), CostKnown: true,
	}
	if x.key != nil {
		r.KeyID, r.UserID = x.key.ID, x.key.UserID
	}
	if x.route.Local == dialect.LocalModel {
		r.Model = x.route.Model
	}
	return r
}

// sum adds up what the attempts used.
func (x *exchange) sum(r *resource.Request, attempts []balancer.Attempt) {
	for i := range attempts {
		a := &attempts[i]
		r.Account, r.UsedProxy = a.Account, a.Proxy
		r.InputTokens += a.Usage.Input
		r.CachedInputTokens += a.Usage.CachedInput
		r.OutputTokens += a.Usage.Output
		cost := min(a.Cost, resource.MaxCost)
		if u := x.unreported(a); u.Total() > 0 {
			more := min(x.s.price(a, u), resource.MaxCost)
			r.InputTokens, r.OutputTokens, cost = r.InputTokens+u.Input, r.OutputTokens+u.Output, cost+more
			x.book(u, more)
		}
		r.Cost += cost
		r.CostKnown = r.CostKnown && (a.CostKnown || a.Usage.Total() == 0 && !a.Answered && !a.MaybeExecuted)
		r.Attempts = append(r.Attempts, resource.Attempt{Account: a.Account, Cost: cost})
	}
	if x.key != nil {
		r.Charged = charged(r.Cost, x.key.Rate())
	}
	switch {
	case len(attempts) == 0:
	case plain(attempts, r):
		r.Trail = briefTrail(&attempts[0])
	default:
		r.Trail = trailOf(attempts)
	}
}

// plain tells whether all went well at once: a whole trail would say what the record says,
// and take as long to write as the rest of it.
func plain(attempts []balancer.Attempt, r *resource.Request) bool {
	a := &attempts[0]
	return len(attempts) == 1 && a.Class == provider.ClassOK && a.Model == r.Model && a.Retries == 0 && a.Fallback == "" && !a.Renewed
}

// briefTrail is the trail of one attempt that went well at once, without what the record
// says.
func briefTrail(a *balancer.Attempt) json.RawMessage {
	trail := make([]byte, 0, 160)
	trail = appendQuoted(append(trail, `[{"account":`...), a.Account)
	trail = appendQuoted(append(trail, `,"provider":`...), a.Provider)
	trail = appendQuoted(append(trail, `,"proxy":`...), a.Proxy)
	trail = appendQuoted(append(trail, `,"class":`...), a.Class.String())
	trail = append(trail, `,"status":`...)
	trail = strconv.AppendInt(trail, int64(a.Status), 10)
	return append(trail, `,"answered":true}]`...)
}

// appendQuoted appends a text as JSON.
func appendQuoted(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			quoted, _ := json.Marshal(text) // strings always can be
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

// charged is a cost at a price rate, rounded up.
func charged(cost int64, rate float64) int64 {
	if rate == 1 {
		return cost
	}
	nano := math.Ceil(float64(cost) * rate)
	if nano >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(nano)
}

// trailOf is the attempts as JSON, without those in the middle where it would be too long.
func trailOf(attempts []balancer.Attempt) json.RawMessage {
	parts := make([]json.RawMessage, 0, len(attempts))
	total := len("[]")
	for i := range attempts {
		part, err := attempts[i].MarshalJSON() // json.Marshal would read it once more
		if err != nil {
			continue // it always can be marshalled
		}
		parts, total = append(parts, part), total+len(part)+len(",")
	}
	for total > maxTrail && len(parts) > 0 {
		middle := len(parts) / 2
		total -= len(parts[middle]) + len(",")
		parts = append(parts[:middle], parts[middle+1:]...)
	}
	trail := make([]byte, 0, total)
	trail = append(trail, '[')
	for i, part := range parts {
		if i > 0 {
			trail = append(trail, ',')
		}
		trail = append(trail, part...)
	}
	return append(trail, ']')
}

// recordLate keeps what an attempt cost that ended after its request: it had been left for
// another one, and was paid all the same.
func (x *exchange) recordLate(a balancer.Attempt) {
	attempts := []balancer.Attempt{a}
	r := x.record()
	r.ID, r.Start, r.Duration, r.Status, r.Code = newID(), a.Start, a.Duration, statusGone, "late_attempt"
	x.sum(&r, attempts)
	x.s.cfg.Store.Record(r)
	x.log(&r, attempts)
}

// log writes the request's line.
func (x *exchange) log(r *resource.Request, attempts []balancer.Attempt) {
	ctx, level := context.WithoutCancel(x.r.Context()), slog.LevelInfo
	if r.Status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	if !x.s.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 24)
	attrs = append(attrs,
		slog.String("request_id", r.ID), slog.String("user_id", r.UserID), slog.String("key_id", r.KeyID),
		slog.String("path", shown(x.r.URL.Path)), slog.String("model", shown(r.Model)),
		slog.String("account", r.Account), slog.Int("status", r.Status), slog.String("client_ip", r.ClientIP),
		slog.Int64("input_tokens", r.InputTokens), slog.Int64("output_tokens", r.OutputTokens), slog.Int64("cost", r.Cost),
		slog.Int64("first_byte_us", r.FirstByte.Microseconds()), slog.Int64("duration_us", r.Duration.Microseconds()),
		slog.String("trail", brief(attempts)))
	if r.UsedProxy != "" {
		attrs = append(attrs, slog.String("used_proxy", r.UsedProxy))
	}
	if x.key == nil { // what it was to be is of interest, and stands nowhere else
		attrs = append(attrs, slog.String("method", shown(x.r.Method)), slog.String("api", r.API))
	}
	if r.Code != "" {
		attrs = append(attrs, slog.String("code", r.Code))
	}
	if r.Code == dialect.CodeClientNotAllowed {
		attrs = append(attrs, slog.String("user_agent", shown(x.r.UserAgent())))
	}
	if id := x.r.Header.Get("X-Request-Id"); id != "" {
		attrs = append(attrs, slog.String("client_request_id", shown(id)))
	}
	if x.problem != nil && x.problem.Err != nil {
		attrs = append(attrs, slog.String("error", shownError(x.problem.Err)))
	}
	line := slog.NewRecord(time.Now(), level, "Request", 0) // without the place in the code, which takes long to find and is always this one
	line.AddAttrs(attrs...)
	_ = x.s.log.Handler().Handle(ctx, line) // as Logger does
}

// brief is the attempts in a few words: "main 429 rate limited, spare 200 ok".
func brief(attempts []balancer.Attempt) string {
	var b strings.Builder
	for i := range attempts {
		a := &attempts[i]
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.Account)
		b.WriteByte(' ')
		if a.Status != 0 {
			b.WriteString(statusText(a.Status))
			b.WriteByte(' ')
		}
		b.WriteString(a.Class.String())
		if b.Len() > 2000 {
			b.WriteString(", …")
			break
		}
	}
	return b.String()
}

// shownError is an error's text, not too long.
func shownError(err error) string {
	const most = 1000
	text := err.Error()
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
