package provider_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// TestEveryClassHasAdvice goes through all verdicts without a code.
func TestEveryClassHasAdvice(t *testing.T) {
	want := map[provider.Class]provider.Remedy{
		provider.ClassUnknown: provider.RemedyCheck, provider.ClassOK: provider.RemedyNothing,
		provider.ClassRateLimited: provider.RemedyWait, provider.ClassCapacity: provider.RemedyWait,
		provider.ClassQuotaExhausted: provider.RemedyPay, provider.ClassAuthInvalid: provider.RemedyLogin,
		provider.ClassPermission: provider.RemedyPermit, provider.ClassEgressBlocked: provider.RemedyRoute,
		provider.ClassModelNotFound: provider.RemedyModel, provider.ClassContextTooLong: provider.RemedyRequest,
		provider.ClassTooLarge: provider.RemedyRequest, provider.ClassInvalidRequest: provider.RemedyRequest,
		provider.ClassContentPolicy: provider.RemedyRequest, provider.ClassOverloaded: provider.RemedyWait,
		provider.ClassTransient: provider.RemedyWait, provider.ClassTimeout: provider.RemedyWait,
		provider.ClassCanceled: provider.RemedyNothing, provider.ClassProxyFailed: provider.RemedyRoute,
	}
	texts := map[string]provider.Class{}
	for c := range want {
		for _, permanent := range []bool{false, true} {
			for _, until := range []time.Time{{}, noon} {
				a := provider.Verdict{Class: c, Permanent: permanent, Until: until}.Advice()
				if permanent || until.IsZero() {
					assert.Equal(t, want[c], a.Do, "%s", c)
				}
				assert.NotContains(t, a.Text, "{", "%s", c)
				assert.Equal(t, until, a.Until)
				if other, ok := texts[a.Text]; ok {
					assert.Equal(t, other, c, "%q is said of two classes", a.Text)
				}
				texts[a.Text] = c
			}
		}
	}
	assert.Equal(t, "unknown", (provider.ClassProxyFailed + 1).String(), "a new class needs a row here and in the table")
	assert.Equal(t, provider.RemedyCheck, provider.Verdict{Class: 200}.Advice().Do)
}

func TestAdvice(t *testing.T) {
	tests := map[string]struct {
		v    provider.Verdict
		do   provider.Remedy
		says string
	}{
		"a plan's window ends":    {provider.Verdict{Class: provider.ClassQuotaExhausted, Until: noon}, provider.RemedyWait, "until 2026-08-18T12:00:00Z, or pay"},
		"a balance does not":      {provider.Verdict{Class: provider.ClassQuotaExhausted}, provider.RemedyPay, "top up"},
		"nor when it is for good": {provider.Verdict{Class: provider.ClassQuotaExhausted, Until: noon, Permanent: true}, provider.RemedyPay, "waiting does not help"},
		"a key that is gone":      {provider.Verdict{Class: provider.ClassAuthInvalid, Permanent: true}, provider.RemedyLogin, "for good"},
		"one project's limit":     {provider.Verdict{Class: provider.ClassQuotaExhausted, Code: "project_spend_limit_exceeded"}, provider.RemedyPay, "another project"},
		"a limit of the tier":     {provider.Verdict{Class: provider.ClassQuotaExhausted, Code: "enforced_spend_limit_reached", Until: noon}, provider.RemedyPay, "tier"},
		"by a pattern":            {provider.Verdict{Class: provider.ClassQuotaExhausted, Code: "linked_organization_spend_limit_reached"}, provider.RemedyPay, "linked"},
		"on hold":                 {provider.Verdict{Class: provider.ClassAuthInvalid, Code: "organization_on_hold"}, provider.RemedyCheck, "appeal"},
		"the API is not enabled":  {provider.Verdict{Class: provider.ClassAuthInvalid, Code: "SERVICE_DISABLED"}, provider.RemedyPermit, "enable the API"},
		"the country":             {provider.Verdict{Class: provider.ClassEgressBlocked, Code: "unsupported_country_region_territory"}, provider.RemedyRoute, "country"},
		"the address":             {provider.Verdict{Class: provider.ClassEgressBlocked, Code: "ip_not_authorized"}, provider.RemedyRoute, "list"},
		"too much for a minute":   {provider.Verdict{Class: provider.ClassPermission, Code: "rate_limit_exceeded"}, provider.RemedyRequest, "shorten"},
		"but not too often":       {provider.Verdict{Class: provider.ClassRateLimited, Code: "rate_limit_exceeded"}, provider.RemedyWait, "wait"},
		"a tier without it":       {provider.Verdict{Class: provider.ClassPermission, Code: "RESOURCE_EXHAUSTED"}, provider.RemedyModel, "tier"},
		"requests under way":      {provider.Verdict{Class: provider.ClassQuotaExhausted, Code: "in_flight_budget_exhausted"}, provider.RemedyWait, "under way"},
		"a word nobody knows":     {provider.Verdict{Class: provider.ClassRateLimited, Code: "brand_new"}, provider.RemedyWait, "wait a minute"},
		"a good answer":           {provider.Verdict{Class: provider.ClassOK, Code: "organization_on_hold"}, provider.RemedyNothing, "nothing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := tt.v.Advice()
			assert.Equal(t, tt.do, a.Do)
			assert.Contains(t, a.String(), tt.says)
		})
	}
	text, err := json.Marshal(provider.Verdict{Class: provider.ClassOK}.Advice())
	require.NoError(t, err)
	assert.JSONEq(t, `{"do":"nothing","text":"nothing is to be done"}`, string(text))
}

// TestAdviceOnWhatNeverClears: the words of real answers lead to these rows.
func TestAdviceOnWhatNeverClears(t *testing.T) {
	tooLarge := provider.OpenAI.API.Classify(provider.Answer{Status: 429, Header: headers(),
		Body: []byte(`{"error":{"message":"Request too large for gpt-5 on tokens per min (TPM): Limit 30000, Requested 34307.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`)})
	assert.Equal(t, provider.RemedyRequest, tooLarge.Advice().Do)
	none := provider.Gemini.API.Classify(provider.Answer{Status: 429, Header: headers(),
		Body: []byte(`{"error":{"code":429,"message":"You exceeded your current quota. * Quota exceeded for metric: x, limit: 0","status":"RESOURCE_EXHAUSTED"}}`)})
	assert.Equal(t, provider.RemedyModel, none.Advice().Do)
}

// TestAdviceOnAMissingBeta: a token refused because a header is missing is not dead.
func TestAdviceOnAMissingBeta(t *testing.T) {
	v := provider.Anthropic.API.Classify(provider.Answer{Status: 401, Header: headers(),
		Body: []byte(`{"type":"error","error":{"type":"authentication_error","message":"OAuth authentication is currently not supported."}}`)})
	a := v.Advice()
	assert.Equal(t, provider.RemedyPermit, a.Do)
	assert.Contains(t, a.Text, "oauth-2025-04-20")
	dead := provider.Anthropic.API.Classify(provider.Answer{Status: 401, Header: headers(),
		Body: []byte(`{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`)})
	assert.Equal(t, provider.RemedyLogin, dead.Advice().Do)
}
