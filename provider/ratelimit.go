package provider

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A RateLimit is one bucket, or one window of a plan, as the headers of an answer
// tell of it.
type RateLimit struct {
	// Name is as the header spells it, in lower case: requests, tokens,
	// input-tokens, priority-output-tokens, unified-5h, codex-primary. Empty: the
	// header names none.
	Name string `json:"name"`

	Limit     int64     `json:"limit"`              // what fits into it; -1: not said
	Remaining int64     `json:"remaining"`          // what is left; -1: not said
	Used      float64   `json:"used"`               // the share that is used, 0 to 1, and above where more was used; -1: not said
	Reset     time.Time `json:"reset,omitzero"`     // when it is full again, at most 40 days ahead; zero: not said, or past
	Exhausted bool      `json:"exhausted,omitzero"` // nothing is left, or the provider says that it refuses
}

// maxRateLimits bounds what is read of the headers of one answer.
const maxRateLimits = 16

// RateLimits reads the rate limit headers of an answer that came at now, a good
// one or not, in every form that is known (provider-facts 3.7, 3.10, 4.7, 4.8 and
// 9): x-ratelimit-*, anthropic-ratelimit-*, anthropic-priority-*,
// anthropic-fast-* and x-codex-*. What is negative or unreadable counts as not
// said: Azure sends -1 for what it does not know. Sorted by name; at most 16; nil:
// there are none.
//
// Reset is when the bucket is full again. Most buckets refill all the time, so
// that a request may fit long before.
func RateLimits(h http.Header, now time.Time) []RateLimit {
	var limits []RateLimit
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		bucket, field, ok := rateLimitName(name)
		if !ok {
			continue
		}
		i := slices.IndexFunc(limits, func(l RateLimit) bool { return strings.EqualFold(l.Name, bucket) })
		if i < 0 {
			if len(limits) == maxRateLimits {
				continue
			}
			i = len(limits)
			limits = append(limits, RateLimit{Name: bucket, Limit: -1, Remaining: -1, Used: -1})
		}
		limits[i].read(field, strings.TrimSpace(values[0]), now)
	}
	if limits = slices.DeleteFunc(limits, RateLimit.saysNothing); len(limits) == 0 {
		return nil
	}
	for i := range limits {
		limits[i].Name = strings.ToLower(limits[i].Name)
	}
	slices.SortFunc(limits, func(a, b RateLimit) int { return cmp.Compare(a.Name, b.Name) })
	return limits
}

// rateLimitName takes a header's name, in its canonical form, apart: the bucket
// and what is said of it.
func rateLimitName(name string) (bucket, field string, ok bool) {
	if rest, found := strings.CutPrefix(name, "X-Ratelimit-"); found {
		field, bucket, _ = strings.Cut(rest, "-")
		return bucket, field, field == "Limit" || field == "Remaining" || field == "Reset"
	}
	if rest, found := strings.CutPrefix(name, "X-Codex-"); found {
		window, field, _ := strings.Cut(rest, "-")
		return "Codex-" + window, field, window == "Primary" || window == "Secondary"
	}
	rest, found := strings.CutPrefix(name, "Anthropic-")
	if !found {
		return "", "", false
	}
	last := strings.LastIndexByte(rest, '-')
	if last < 0 {
		return "", "", false
	}
	bucket, field = rest[:last], rest[last+1:]
	if bucket, ok = strings.CutPrefix(bucket, "Ratelimit-"); ok {
		if window, ok := strings.CutPrefix(bucket, "Unified"); ok { // overage, slow and grace are no windows
			return bucket, field, window == "" || len(window) > 1 && window[1] >= '0' && window[1] <= '9'
		}
		return bucket, field, true
	}
	return bucket, field, strings.HasPrefix(bucket, "Priority-") || strings.HasPrefix(bucket, "Fast-")
}

// read takes what one header says of the bucket.
func (l *RateLimit) read(field, value string, now time.Time) {
	switch field {
	case "Limit":
		l.Limit = rateLimitCount(value)
	case "Remaining":
		l.Remaining = rateLimitCount(value)
		l.Exhausted = l.Exhausted || l.Remaining == 0
	case "Reset", "Reset-At", "Reset-After-Seconds":
		if t := parseReset(value, now); t.After(l.Reset) {
			l.Reset = t
		}
	case "Utilization":
		l.Used = rateLimitShare(value, 1)
	case "Used-Percent":
		l.Used = rateLimitShare(value, 100)
		l.Exhausted = l.Exhausted || l.Used >= 1
	case "Status":
		l.Exhausted = l.Exhausted || rejected(value)
	}
}

func (l RateLimit) saysNothing() bool {
	return l.Limit < 0 && l.Remaining < 0 && l.Used < 0 && l.Reset.IsZero() && !l.Exhausted
}

// rateLimitCount reads a number of requests or tokens, or -1.
func rateLimitCount(value string) int64 {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 0) { // NaN too
		return -1
	}
	return int64(min(f, maxCount))
}

// maxShare is the largest share believed.
const maxShare = 1000

// rateLimitShare reads a share of a whole, or -1.
func rateLimitShare(value string, whole float64) float64 {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 0) || f/whole > maxShare {
		return -1
	}
	return f / whole
}
