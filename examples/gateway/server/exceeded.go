package server

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/quota"
)

// exceeded tells of a limit of the key: which one it is, how far it is used, and what to do.
// Money is told as the key is charged it, at its price rate.
func exceeded(over *quota.ExceededError, rate float64) *dialect.Problem {
	p := &dialect.Problem{Code: dialect.CodeQuotaExceeded, RetryAt: over.RetryAt, Err: over}
	switch {
	case over.Limit.Unit == quota.InFlight:
		p.Code, p.Message = dialect.CodeRateLimitExceeded, "This API key has as many requests in flight as it may: "+strconv.FormatInt(over.Limit.Max, 10)+"."
		p.RetryAt = time.Now().Add(time.Second)
		return p
	case over.Limit.Unit == quota.Requests:
		p.Code, p.Message = dialect.CodeRateLimitExceeded, "This API key makes more requests than it may: "+over.Limit.String()+"."
		return p
	case over.Limit.Window.Kind() == quota.WindowDaily:
		p.Code = dialect.CodeDailyLimitExceeded
	}
	shown := amounts{over.Limit.Unit, rate}
	p.Message = "This API key may use " + shown.text(over.Limit.Max, math.Round) + " " + over.Limit.Window.String() + ". "
	if over.Asked > over.Limit.Max {
		p.Message += "The request alone may take " + shown.text(over.Asked, math.Ceil) + ": ask for fewer tokens."
		return p
	}
	p.Message += "Used: " + shown.text(over.Used, math.Ceil) + ". Left: " + shown.text(over.Left, math.Floor) + ". "
	room, less := "There is room again at ", ""
	if over.Left > 0 {
		p.Message += "The request may take " + shown.text(over.Asked, math.Ceil) + ". "
		room, less = "There is room for it at ", "ask for fewer tokens"
	}
	switch {
	case !over.RetryAt.IsZero():
		p.Message += room + over.RetryAt.Add(time.Second-1).UTC().Truncate(time.Second).Format(time.RFC3339) + after("; sooner, ", less) + "."
	default:
		p.Message += "There is no more until the limit is raised" + after(": ", less) + "."
	}
	return p
}

// after is a text behind another one, if there is any.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// amounts writes what a limit counts, for people.
type amounts struct {
	unit quota.Unit
	rate float64 // of prices
}

// text is an amount with its unit; money is rounded to millionths of a dollar.
func (a amounts) text(n int64, round func(float64) float64) string {
	switch a.unit {
	case quota.Cost:
		dollars := strconv.FormatFloat(round(float64(n)*a.rate/1e3)/1e6, 'f', 6, 64)
		return "$" + strings.TrimSuffix(strings.TrimRight(dollars, "0"), ".")
	case quota.InputTokens:
		return strconv.FormatInt(n, 10) + " input tokens"
	case quota.OutputTokens:
		return strconv.FormatInt(n, 10) + " output tokens"
	}
	return strconv.FormatInt(n, 10) + " tokens"
}
