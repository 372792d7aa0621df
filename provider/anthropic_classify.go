package provider

import (
	"net/http"
	"strings"
	"time"
)

var anthropicProtocol = &protocol{
	rules:    anthropicRules,
	texts:    indexTexts(commonTexts),
	adjust:   anthropicAdjust,
	refusal:  anthropicRefusal,
	reset:    anthropicReset,
	event:    anthropicEvent,
	document: anthropicDocument,
}

// anthropicAdjust tells the window of a subscription that is used up from a
// short throttle. Both are a 429 with rate_limit_error; the first has a
// rejected status among the unified headers (seen; provider-facts 4.8). These
// headers stand on good answers too, and there nothing looks at them.
func anthropicAdjust(v *Verdict, h http.Header) {
	if v.Class != ClassRateLimited || !rejected(h.Get(unified+"Status")) {
		return
	}
	v.Class, v.Scope = ClassQuotaExhausted, ScopeAccount
	account, model := rejectedWindows(h)
	if !account && !model { // only the claim names it: seven_day_opus is a model's, seven_day is not
		model = strings.HasPrefix(h.Get(unified+"Representative-Claim"), "seven_day_")
	}
	if model && !account {
		v.Scope = ScopeAccountModel
	}
}

const unified = "Anthropic-Ratelimit-Unified-"

func rejected(status string) bool { return status == "rejected" || status == "rate_limited" }

// rejectedWindows says whether a window of the whole account is used up (5h,
// 7d) and whether one of a model is (7d_oi, 7d_sonnet). Other members of the
// family (overage, slow, grace) are no windows.
func rejectedWindows(h http.Header) (account, model bool) {
	for name, values := range h {
		window, ok := unifiedWindow(name, "-Status")
		if !ok || len(values) == 0 || !rejected(values[0]) {
			continue
		}
		if strings.Contains(window, "_") {
			model = true
		} else {
			account = true
		}
	}
	return account, model
}

// unifiedWindow returns the window in Anthropic-Ratelimit-Unified-<window> and
// suffix. Windows start with a digit.
func unifiedWindow(name, suffix string) (string, bool) {
	w, ok := strings.CutPrefix(name, unified)
	if !ok || w == "" || w[0] < '0' || w[0] > '9' {
		return "", false
	}
	return strings.CutSuffix(w, suffix)
}

// anthropicReset reads retry-after and the resets of the rejected windows,
// whichever is latest; then the date in the message; then, for the tier's
// monthly limit, the end of the month in UTC (ant-docs); then, on a rate
// limit, the reset of the empty bucket, which is when it is full again and so
// the latest the wait can be.
func anthropicReset(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
	t := retryAfter(h, now)
	if w := windowReset(h, now); w.After(t) {
		t = w
	}
	if !t.IsZero() {
		return t
	}
	if t := dateInText(p.text, now); !t.IsZero() {
		return t
	}
	if p.code == "enforced_spend_limit_reached" {
		return nextMonth(now)
	}
	if v.Class != ClassRateLimited {
		return time.Time{}
	}
	return bucketReset(h, now, anthropicResetName)
}

// windowReset returns the latest reset of the rejected windows; unified resets
// are epoch seconds, unlike the others, which are RFC 3339.
func windowReset(h http.Header, now time.Time) (latest time.Time) {
	if !rejected(h.Get(unified + "Status")) {
		return time.Time{}
	}
	latest = parseReset(h.Get(unified+"Reset"), now)
	for name, values := range h {
		window, ok := unifiedWindow(name, "-Status")
		if !ok || len(values) == 0 || !rejected(values[0]) {
			continue
		}
		if t := parseReset(h.Get(unified+window+"-Reset"), now); t.After(latest) {
			latest = t
		}
	}
	return latest
}

// anthropicResetName turns anthropic-ratelimit-<bucket>-remaining into
// anthropic-ratelimit-<bucket>-reset.
func anthropicResetName(name string) (string, bool) {
	if !strings.HasPrefix(name, "Anthropic-Ratelimit-") {
		return "", false
	}
	bucket, ok := strings.CutSuffix(name, "-Remaining")
	return bucket + "-Reset", ok
}

// anthropicRefusal finds stop_reason refusal, which comes with 200 (ant-docs).
func anthropicRefusal(e ending) (code, message string, ok bool) {
	details := e.stopDetails
	if !e.stopReason.is("refusal") {
		if !e.delta.get("stop_reason").is("refusal") {
			return "", "", false
		}
		details = e.delta.get("stop_details")
	}
	return "refusal", details.get("explanation").text(), true
}
