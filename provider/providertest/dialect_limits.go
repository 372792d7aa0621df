package providertest

import (
	"net/http"
	"strconv"
	"time"
)

// limitForm writes what is left into headers. A reset of 0 is not told.
type limitForm func(h http.Header, c *call, l left)

// usualLeft is what a good answer says that no step is about.
var usualLeft = left{requests: 499, tokens: 149984, reset: 2 * time.Second, known: true}

// retryAfter says how long to wait, and nothing else.
func retryAfter(h http.Header, _ *call, l left) {
	if l.reset > 0 {
		h.Set("Retry-After", wholeSeconds(l.reset))
	}
}

// groqLimits: the requests are those of a day, the tokens those of a minute;
// resets are Go durations.
func groqLimits(h http.Header, _ *call, l left) {
	h.Set("X-Ratelimit-Limit-Requests", "14400")
	h.Set("X-Ratelimit-Limit-Tokens", "150000")
	h.Set("X-Ratelimit-Remaining-Requests", decimal(l.requests))
	h.Set("X-Ratelimit-Remaining-Tokens", decimal(l.tokens))
	if l.reset > 0 {
		h.Set("X-Ratelimit-Reset-Requests", l.reset.String())
		h.Set("X-Ratelimit-Reset-Tokens", l.reset.String())
	}
}

// groqRefused has the daily requests as they were: it is the minute's that are
// used up, and no header tells of these.
func groqRefused(h http.Header, c *call, l left) {
	groqLimits(h, c, left{requests: usualLeft.requests, tokens: usualLeft.tokens, reset: l.reset})
	retryAfter(h, c, l)
}

// mistralLimits: by the minute, without a reset; not on streams.
func mistralLimits(h http.Header, c *call, l left) {
	if c.stream && l.known {
		return
	}
	h.Set("X-Ratelimit-Limit-Req-Minute", "500")
	h.Set("X-Ratelimit-Remaining-Req-Minute", decimal(l.requests))
	h.Set("X-Ratelimit-Limit-Tokens-Minute", "150000")
	h.Set("X-Ratelimit-Remaining-Tokens-Minute", decimal(l.tokens))
	h.Set("X-Ratelimit-Tokens-Query-Cost", "16")
}

// cerebrasLimits: requests by the day and tokens by the minute, resets in
// seconds with a fraction. (The names are unsure: the
// facts only say that there are some on good answers.)
func cerebrasLimits(h http.Header, _ *call, l left) {
	reset := strconv.FormatFloat(l.reset.Seconds(), 'f', -1, 64)
	h.Set("X-Ratelimit-Limit-Requests-Day", "14400")
	h.Set("X-Ratelimit-Limit-Tokens-Minute", "150000")
	h.Set("X-Ratelimit-Remaining-Requests-Day", decimal(l.requests))
	h.Set("X-Ratelimit-Remaining-Tokens-Minute", decimal(l.tokens))
	h.Set("X-Ratelimit-Reset-Requests-Day", reset)
	h.Set("X-Ratelimit-Reset-Tokens-Minute", reset)
}

// togetherLimits: resets in seconds.
func togetherLimits(h http.Header, _ *call, l left) {
	h.Set("X-Ratelimit-Limit", "500")
	h.Set("X-Ratelimit-Remaining", decimal(l.requests))
	if l.reset > 0 {
		h.Set("X-Ratelimit-Reset", wholeSeconds(l.reset))
	}
}

// openRouterRefused: when it is over as milliseconds since 1970.
func openRouterRefused(h http.Header, c *call, l left) {
	h.Set("X-Ratelimit-Limit", "20")
	h.Set("X-Ratelimit-Remaining", decimal(l.requests))
	if l.reset > 0 {
		h.Set("X-Ratelimit-Reset", strconv.FormatInt(c.at.Add(l.reset).UnixMilli(), 10))
	}
}
