package provider_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

// TestFixtures judges every error of testdata.
func TestFixtures(t *testing.T) {
	september := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	pacificMidnight := time.Date(2026, 8, 19, 7, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		file   string
		status int
		header http.Header
		class  provider.Class
		scope  provider.Scope
		code   string
		until  time.Time
	}{
		{"openai/401-invalid-api-key.json", 401, headers("Content-Type", "text/plain"), provider.ClassAuthInvalid, provider.ScopeAccount, "invalid_api_key", time.Time{}},
		{"openai/429-tokens-per-minute.json", 429, nil, provider.ClassRateLimited, provider.ScopeAccountModel, "rate_limit_exceeded", noon.Add(1146 * time.Millisecond)},
		{"openai/429-request-too-large.json", 429, nil, provider.ClassPermission, provider.ScopeNone, "rate_limit_exceeded", time.Time{}},
		{"openai/429-insufficient-quota.json", 429, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "insufficient_quota", time.Time{}},
		{"openai/429-project-spend-limit.json", 429, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "project_spend_limit_exceeded", time.Time{}},
		{"openai/503-overloaded.json", 503, nil, provider.ClassOverloaded, provider.ScopeProviderModel, "server_is_overloaded", time.Time{}},
		{"openai/429-slow-down.json", 429, nil, provider.ClassRateLimited, provider.ScopeAccountModel, "slow_down", time.Time{}},
		{"openai/400-context.json", 400, nil, provider.ClassContextTooLong, provider.ScopeNone, "context_length_exceeded", time.Time{}},
		{"openai/403-model.json", 403, nil, provider.ClassPermission, provider.ScopeAccountModel, "model_not_found", time.Time{}},
		{"openai/404-model.json", 404, nil, provider.ClassModelNotFound, provider.ScopeAccountModel, "model_not_found", time.Time{}},
		{"openai/403-country.json", 403, nil, provider.ClassEgressBlocked, provider.ScopeRoute, "unsupported_country_region_territory", time.Time{}},
		{"openai/429-chatgpt-plan.json", 429, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "usage_limit_reached", time.Unix(1787196550, 0)},

		{"anthropic/404-resource.json", 404, nil, provider.ClassInvalidRequest, provider.ScopeNone, "not_found_error", time.Time{}},
		{"anthropic/429-spend-cap.json", 429, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "enforced_spend_limit_reached", september},
		{"anthropic/400-own-limit.json", 400, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "invalid_request_error", september},
		{"anthropic/400-own-workspace-limit.json", 400, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "invalid_request_error", september},
		{"anthropic/400-credit.json", 400, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "invalid_request_error", time.Time{}},
		{"anthropic/400-context.json", 400, nil, provider.ClassContextTooLong, provider.ScopeNone, "invalid_request_error", time.Time{}},
		{"anthropic/404-model.json", 404, nil, provider.ClassModelNotFound, provider.ScopeAccountModel, "not_found_error", time.Time{}},
		{"anthropic/401-oauth-header.json", 401, nil, provider.ClassPermission, provider.ScopeNone, "authentication_error", time.Time{}},
		{"anthropic/429-rate.json", 429, header(t, "anthropic/429-headers.http"), provider.ClassRateLimited, provider.ScopeAccountModel, "rate_limit_error", noon.Add(17 * time.Second)},
		{"anthropic/429-rate.json", 429, header(t, "anthropic/429-model-window-headers.http"), provider.ClassQuotaExhausted, provider.ScopeAccountModel, "rate_limit_error", noon.Add(121180 * time.Second)},
		{"anthropic/200-refusal.json", 200, nil, provider.ClassContentPolicy, provider.ScopeNone, "refusal", time.Time{}},

		{"gemini/400-bad-key.json", 400, nil, provider.ClassAuthInvalid, provider.ScopeAccount, "API_KEY_INVALID", time.Time{}},
		{"gemini/429-per-minute.json", 429, nil, provider.ClassRateLimited, provider.ScopeAccountModel, "RESOURCE_EXHAUSTED", noon.Add(45 * time.Second)},
		{"gemini/429-per-day.json", 429, nil, provider.ClassQuotaExhausted, provider.ScopeAccountModel, "RESOURCE_EXHAUSTED", pacificMidnight},
		{"gemini/400-context.json", 400, nil, provider.ClassContextTooLong, provider.ScopeNone, "INVALID_ARGUMENT", time.Time{}},
		{"gemini/503-overloaded.json", 503, nil, provider.ClassOverloaded, provider.ScopeProviderModel, "UNAVAILABLE", time.Time{}},
		{"gemini/402-prepaid.json", 402, nil, provider.ClassQuotaExhausted, provider.ScopeAccount, "RESOURCE_EXHAUSTED", time.Time{}},
		{"gemini/200-blocked.json", 200, nil, provider.ClassContentPolicy, provider.ScopeNone, "PROHIBITED_CONTENT", time.Time{}},
		{"gemini/400-interactions.json", 400, nil, provider.ClassInvalidRequest, provider.ScopeNone, "invalid_request", time.Time{}},
		{"gemini/200-interactions-error.json", 200, nil, provider.ClassInvalidRequest, provider.ScopeNone, "not_found", time.Time{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			v := providerOf(c.file).API.Classify(provider.Answer{
				Op: provider.Operation{Model: "m"}, Status: c.status, Header: c.header, Body: fixture(t, c.file), At: noon,
			})
			assert.Equal(t, c.class.String(), v.Class.String())
			assert.Equal(t, c.scope.String(), v.Scope.String())
			assert.Equal(t, c.code, v.Code)
			assert.WithinDuration(t, c.until, v.Until, 0)
			assert.NotEmpty(t, v.Message+v.Code)
			assert.NotContains(t, v.Message, "6789")
			assert.NotContains(t, v.Message, "XXXX")
		})
	}
}

func providerOf(file string) *provider.Provider {
	switch file[0] {
	case 'o':
		return provider.OpenAI
	case 'a':
		return provider.Anthropic
	}
	return provider.Gemini
}

// A subscription's five-hour window is out until its reset, the later of the
// two that are said.
func TestAnthropicWindowOfTheAccount(t *testing.T) {
	now := time.Unix(1774472400, 0).Add(-2090 * time.Second)
	v := provider.Anthropic.API.Classify(provider.Answer{
		Op: provider.Operation{Model: "m"}, Status: 429, Header: header(t, "anthropic/429-five-hours-headers.http"),
		Body: fixture(t, "anthropic/429-rate.json"), At: now,
	})
	assert.Equal(t, provider.ClassQuotaExhausted, v.Class)
	assert.Equal(t, provider.ScopeAccount, v.Scope)
	assert.WithinDuration(t, time.Unix(1774472400, 0), v.Until, 5*time.Second)
	assert.False(t, v.Until.Before(time.Unix(1774472400, 0)))
}

// A subscription's 429 without a rejected window is a short throttle.
func TestAnthropicThrottleIsNoWindow(t *testing.T) {
	h := header(t, "anthropic/200-headers.http")
	h.Set("Retry-After", "3")
	v := provider.Anthropic.API.Classify(provider.Answer{
		Op: provider.Operation{Model: "m"}, Status: 429, Header: h, Body: fixture(t, "anthropic/429-rate.json"), At: noon,
	})
	assert.Equal(t, provider.ClassRateLimited, v.Class)
	assert.Equal(t, noon.Add(3*time.Second), v.Until)
}

// Good answers are good, whatever their rate limit headers say.
func TestGoodAnswers(t *testing.T) {
	for _, c := range []struct {
		file string
		h    http.Header
	}{
		{"anthropic", header(t, "anthropic/200-headers.http")},
		{"openai", header(t, "openai/200-headers.http")},
		{"gemini", nil},
	} {
		for _, body := range []string{"", `{"id":"x","error":null}`, "not JSON"} {
			v := providerOf(c.file).API.Classify(provider.Answer{Status: 200, Header: c.h, Body: []byte(body), At: noon})
			assert.Equal(t, provider.Verdict{Class: provider.ClassOK, Scope: provider.ScopeNone}, v)
		}
	}
	// What is kept may have failed without this request having failed.
	v := provider.OpenAI.API.Classify(provider.Answer{
		Op: provider.Operation{Kind: provider.OpFineTuning}, Status: 200, Body: []byte(`{"status":"failed","error":{"code":"server_error","message":"x"}}`),
	})
	assert.Equal(t, provider.ClassOK, v.Class)
}

// The same words are about money at OpenAI and about a minute at Gemini.
func TestSameWordsOtherMeaning(t *testing.T) {
	body := []byte(`{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","type":"x"}}`)
	at := func(p *provider.Provider) provider.Class {
		return p.API.Classify(provider.Answer{Status: 429, Body: body, At: noon}).Class
	}
	assert.Equal(t, provider.ClassQuotaExhausted, at(provider.OpenAI))
	assert.Equal(t, provider.ClassRateLimited, at(provider.Gemini))
}

// The clouds speak dialects of the same protocols. What OpenAI's and Anthropic's
// tables make of them until each has its own (provider-facts 6, 7, 13.4).
func TestClouds(t *testing.T) {
	for _, c := range []struct {
		p      *provider.Provider
		file   string
		status int
		class  provider.Class
		until  time.Duration // negative: not said
	}{
		{provider.OpenAI, "azure/429-token-rate.json", 429, provider.ClassRateLimited, 22 * time.Second},
		{provider.OpenAI, "azure/400-content-filter.json", 400, provider.ClassContentPolicy, -1},
		{provider.OpenAI, "azure/404-deployment.json", 404, provider.ClassModelNotFound, -1},
		{provider.Anthropic, "bedrock/429-throttling.json", 429, provider.ClassRateLimited, -1},
	} {
		v := c.p.API.Classify(provider.Answer{Status: c.status, Body: fixture(t, c.file), At: noon})
		assert.Equal(t, c.class.String(), v.Class.String(), c.file)
		if c.until < 0 {
			assert.True(t, v.Until.IsZero(), c.file)
		} else {
			assert.WithinDuration(t, noon.Add(c.until), v.Until, 0, c.file)
		}
	}
	for _, file := range []string{"bedrock/last-chunk.json", "bedrock/converse-metadata.json"} {
		m := provider.Anthropic.API.NewMeter(provider.Operation{Kind: provider.OpMessages}, headers("Content-Type", "application/json"))
		_, _ = m.Write(fixture(t, file))
		u := m.Usage()
		assert.False(t, u.Complete, "%s: counts under names that are not known are not taken for none", file)
		_, failed := m.(interface {
			Failure() (provider.Verdict, bool)
		}).Failure()
		assert.False(t, failed, file)
	}
}
