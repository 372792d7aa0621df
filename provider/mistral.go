package provider

import (
	"net/http"
	"time"
)

// mistralRules follow Mistral's error glossary and bodies seen (provider-facts
// 9.2, 9.7). The envelope is flat; the gateway's 401 and 422 have a detail.
var mistralRules = []rule{
	{code: "3505", class: ClassOverloaded}, // the provider's capacity, not our quota
	{typ: "service_tier_capacity_exceeded", class: ClassOverloaded},
	{status: 429, text: "monthly", class: ClassQuotaExhausted}, // the monthly cap is a 429 too; its wording is unsure
	{code: "1300", class: ClassRateLimited},
	{status: 402, class: ClassQuotaExhausted}, // no credit, monthly limit, unpaid invoice
	{status: 401, class: ClassAuthInvalid},
	{typ: "authentication_error", class: ClassAuthInvalid},
	{code: "unknown_model", class: ClassModelNotFound},
	{status: 422, class: ClassInvalidRequest},
	{typ: "invalid_request_error", class: ClassInvalidRequest},
}

var mistralProtocol = openaiProtocol.with(mistralRules, openaiTexts).but(func(pr *protocol) {
	pr.reset = mistralReset
})

// mistralReset: a rate limit has no hint; the window is the minute of the clock
// (measured; provider-facts 9.7). The cap of a month ends with it, in UTC, which
// is unsure.
func mistralReset(v Verdict, p *problem, h http.Header, now time.Time) time.Time {
	if t := openaiReset(v, p, h, now); !t.IsZero() {
		return t
	}
	switch {
	case v.Class == ClassRateLimited:
		return now.Truncate(time.Minute).Add(time.Minute)
	case v.Class == ClassQuotaExhausted && p.status == http.StatusTooManyRequests:
		return nextMonth(now)
	}
	return time.Time{}
}

// mistralPlaces: filling in the middle is at /fim/completions, which is not
// where OpenAI's completions are, so they are not listed.
var mistralPlaces = []*Provider{
	speaks(OpenAI.API, mistralProtocol, Provider{
		Name: "mistral", BaseURL: "https://api.mistral.ai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpEmbeddings, OpModeration, OpAudio, OpModels, OpFiles, OpFineTuning, OpStored},
		Source:     "Mistral's OpenAPI file: operations; provider-facts 9.1, 9.2, 9.7 [D][T]",
	}),
}
