package provider

import (
	"net/http"
	"time"
)

// A RateLimit is one bucket as the headers of an answer tell of it.
type RateLimit struct {
	Name      string    // as the header spells it, lower case: requests, tokens, input-tokens, unified-5h
	Limit     int64     // what fits into it; -1: not said
	Remaining int64     // what is left; -1: not said
	Used      float64   // the share that is used, 0 to 1 and above; -1: not said
	Reset     time.Time // when it is full again; zero: not said
}

// RateLimits reads the rate limit headers of an answer that came at now, in the
// forms of every provider that is known: x-ratelimit-*, anthropic-ratelimit-* and
// x-codex-*. At most 16, sorted by name; nil: it has none.
func RateLimits(h http.Header, now time.Time) []RateLimit {
	return nil
}
