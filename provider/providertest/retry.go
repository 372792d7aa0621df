package providertest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryForm is a form in which an answer says how long to wait.
type RetryForm uint8

// The forms, by example of a wait of a second and a half at 12:00:00. Whole
// seconds are rounded up.
const (
	RetrySeconds      RetryForm = iota // Retry-After: 2
	RetryFraction                      // Retry-After: 1.5
	RetryDate                          // Retry-After: Sat, 21 Nov 2026 12:00:02 GMT
	RetryMilliseconds                  // Retry-After-Ms: 1500, as OpenAI
	ResetSeconds                       // X-RateLimit-Reset: 2, as Together
	ResetEpoch                         // X-RateLimit-Reset: 1795262402
	ResetEpochMs                       // X-RateLimit-Reset: 1795262401500, as OpenRouter
	ResetDuration                      // X-RateLimit-Reset-Requests: 1.5s, as OpenAI and Groq
)

// retryHint is a wait in one form.
type retryHint struct {
	wait  time.Duration
	form  RetryForm
	known bool
}

// RetryAfter is the same step whose answer says in this form that one is to wait
// for d. All other headers about it are removed; what bodies say stays, so begin
// with RateLimited(0), whose body says nothing. A d below 0 is a time that is
// past, where the form can have it.
func (s Step) RetryAfter(d time.Duration, form RetryForm) Step {
	s.wire.retry = retryHint{wait: d, form: form, known: true}
	return s.good()
}

// apply writes the hint into the headers of an answer that is given at a time.
func (r retryHint) apply(h http.Header, at time.Time) {
	if !r.known {
		return
	}
	for name := range h {
		if strings.HasPrefix(name, "Retry-After") || isReset(name) {
			h.Del(name)
		}
	}
	then := at.Add(r.wait)
	whole := then.Add(time.Second - 1).Truncate(time.Second)
	switch r.form {
	case RetrySeconds:
		h.Set("Retry-After", wholeSeconds(r.wait))
	case RetryFraction:
		h.Set("Retry-After", strings.TrimSuffix(seconds(r.wait), "s"))
	case RetryDate:
		h.Set("Retry-After", whole.UTC().Format(http.TimeFormat))
	case RetryMilliseconds:
		h.Set("Retry-After-Ms", strconv.FormatFloat(r.wait.Seconds()*1000, 'f', -1, 64))
	case ResetSeconds:
		h.Set("X-Ratelimit-Reset", wholeSeconds(r.wait))
	case ResetEpoch:
		h.Set("X-Ratelimit-Reset", strconv.FormatInt(whole.Unix(), 10))
	case ResetEpochMs:
		h.Set("X-Ratelimit-Reset", strconv.FormatInt(then.UnixMilli(), 10))
	case ResetDuration:
		h.Set("X-Ratelimit-Reset-Requests", r.wait.String())
	}
}

// isReset tells whether a header says when a rate limit is reset.
func isReset(name string) bool {
	return strings.HasPrefix(name, "X-Ratelimit-Reset") ||
		strings.HasPrefix(name, "Anthropic-Ratelimit-") && strings.HasSuffix(name, "-Reset")
}
