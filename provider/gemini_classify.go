package provider

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

var geminiProtocol = &protocol{
	rules:    geminiRules,
	texts:    indexTexts(commonTexts),
	refusal:  geminiRefusal,
	reset:    geminiReset,
	event:    geminiEvent,
	document: geminiDocument,
}

// geminiReset reads RetryInfo.retryDelay, then ErrorInfo's quotaResetDelay,
// then "retry in …" in the message, then retry-after, which is not documented.
// For a quota per day all of them lie, and it is the next midnight in
// California (provider-facts 5.4; one report says midnight UTC).
func geminiReset(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
	if v.Class == ClassQuotaExhausted && (strings.Contains(p.quota, "PerDay") || p.code == "quota_exceeded") {
		return nextMidnight(now, california())
	}
	if t := parseReset(p.retry, now); !t.IsZero() {
		return t
	}
	if t := waitInText(p.text, now); !t.IsZero() {
		return t
	}
	return retryAfter(h, now)
}

// california is where Gemini's days end; eight hours behind UTC, which is
// right in winter and an hour late in summer, where no time zones are
// installed.
var california = sync.OnceValue(func() *time.Location {
	if l, err := time.LoadLocation("America/Los_Angeles"); err == nil {
		return l
	}
	return time.FixedZone("PST", -8*60*60)
})

func nextMidnight(now time.Time, in *time.Location) time.Time {
	now = now.In(in)
	return time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, in)
}

// geminiRefusals are the finish reasons that are about the content (genai).
var geminiRefusals = map[string]bool{
	"SAFETY": true, "RECITATION": true, "LANGUAGE": true, "BLOCKLIST": true,
	"PROHIBITED_CONTENT": true, "SPII": true, "IMAGE_SAFETY": true, "IMAGE_PROHIBITED_CONTENT": true, "IMAGE_RECITATION": true,
}

// geminiRefusal finds a prompt or an answer that was blocked, which comes with
// 200.
func geminiRefusal(e ending) (code, message string, ok bool) {
	if r := e.promptFeedback.get("blockReason"); r.hasText() {
		return r.text(), e.promptFeedback.get("blockReasonMessage").text(), true
	}
	if r := e.finishReason; geminiRefusals[string(r.plain())] {
		return r.text(), e.candidates.first().get("finishMessage").text(), true
	}
	return "", "", false
}
