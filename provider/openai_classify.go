package provider

import (
	"net/http"
	"strings"
	"time"
)

var openaiProtocol = &protocol{
	rules:    openaiRules,
	texts:    indexTexts(openaiTexts, commonTexts),
	reset:    openaiReset,
	event:    openaiEvent,
	document: openaiDocument,
}

// openaiReset reads, in this order, retry-after-ms and retry-after, resets_at
// and its like in the body, "try again in …" in the message, and on a rate
// limit the reset of the bucket that is empty (provider-facts 3.7).
func openaiReset(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
	if t := retryAfter(h, now); !t.IsZero() {
		return t
	}
	if t := bodyReset(p, now); !t.IsZero() {
		return t
	}
	if t := waitInText(p.text, now); !t.IsZero() {
		return t
	}
	if v.Class != ClassRateLimited {
		return time.Time{}
	}
	return bucketReset(h, now, openaiResetName)
}

// bodyReset reads the fields beside the message that say when.
func bodyReset(p *problem, now time.Time) time.Time {
	if t := parseReset(p.resetsAt, now); !t.IsZero() {
		return t
	}
	if p.resetsIn > 0 {
		return inSeconds(p.resetsIn, now)
	}
	return time.Time{}
}

// openaiResetName turns x-ratelimit-remaining-<bucket> into
// x-ratelimit-reset-<bucket>. The buckets are requests, tokens,
// project-tokens, tokens_usage_based and whatever comes next.
func openaiResetName(name string) (string, bool) {
	bucket, ok := strings.CutPrefix(name, "X-Ratelimit-Remaining")
	return "X-Ratelimit-Reset" + bucket, ok
}
