package provider_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestJudge(t *testing.T) {
	const (
		openaiList   = `{"object":"list","data":[{"id":"gpt-5"}]}`
		restricted   = `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error","param":null,"code":"missing_scope"}}`
		country      = `{"error":{"code":"unsupported_country_region_territory","message":"Country not supported","param":null,"type":"request_forbidden"}}`
		wrongKey     = `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`
		page         = `<!DOCTYPE html><html><title>Sign in</title></html>`
		challenge    = `<html><title>Just a moment...</title></html>`
		noScope      = `{"type":"error","error":{"type":"permission_error","message":"OAuth token does not meet scope requirement user:profile"}}`
		sessionEnded = `{"type":"error","error":{"type":"permission_error","message":"Invalid authorization","details":{"error_code":"account_session_invalid"}}}`
	)
	later := noon.Add(2 * time.Hour)
	tests := map[string]struct {
		probe  string
		at     *provider.Provider
		status int
		header []string
		body   string
		class  provider.Class
		scope  provider.Scope
		says   string
		until  time.Time
	}{
		"a list":                      {probe: "openai key", status: 200, body: openaiList, class: provider.ClassOK, scope: provider.ScopeNone},
		"a bare array":                {probe: "openai key", status: 200, body: `[{"id":"m"}]`, class: provider.ClassOK, scope: provider.ScopeNone},
		"a list that was cut":         {probe: "openai key", status: 200, body: openaiList[:30], class: provider.ClassOK, scope: provider.ScopeNone},
		"blank lines before it":       {probe: "openai key", status: 200, body: "\n\n" + openaiList, class: provider.ClassOK, scope: provider.ScopeNone},
		"a page in its place":         {probe: "openai key", status: 200, body: page, class: provider.ClassEgressBlocked, scope: provider.ScopeRoute, says: "web page"},
		"something else in its place": {probe: "openai key", status: 200, body: `{"ok":true}`, class: provider.ClassUnknown, scope: provider.ScopeNone, says: "not what"},
		"nothing in its place":        {probe: "openai key", status: 204, class: provider.ClassUnknown, scope: provider.ScopeNone, says: "not what"},
		"an error in a good answer":   {probe: "openai key", status: 200, body: `{"data":null,"error":{"code":"invalid_api_key","message":"no"}}`, class: provider.ClassAuthInvalid, scope: provider.ScopeAccount},
		"a wrong key":                 {probe: "openai key", status: 401, body: wrongKey, class: provider.ClassAuthInvalid, scope: provider.ScopeAccount, says: "Incorrect"},
		"a restricted key":            {probe: "openai key", status: 403, body: restricted, class: provider.ClassPermission, scope: provider.ScopeNone, says: "may be good for the rest"},
		"403 for the country":         {probe: "openai key", status: 403, body: country, class: provider.ClassEgressBlocked, scope: provider.ScopeRoute},
		"403 of a firewall":           {probe: "openai key", status: 403, body: challenge, class: provider.ClassEgressBlocked, scope: provider.ScopeRoute},
		"no such list":                {probe: "openai key", status: 404, body: page, class: provider.ClassUnknown, scope: provider.ScopeNone, says: "nothing was learnt"},
		"a redirect":                  {probe: "openai key", status: 302, header: []string{"Location", "https://login.example.com/?token=sk-123456789"}, class: provider.ClassUnknown, scope: provider.ScopeNone, says: "to login.example.com"},
		"a redirect to nowhere":       {probe: "openai key", status: 307, class: provider.ClassUnknown, scope: provider.ScopeNone, says: "redirects elsewhere"},
		"too often":                   {probe: "openai key", status: 429, header: []string{"Retry-After", "7200"}, body: `{"error":{"type":"requests","code":"rate_limit_exceeded","message":"slow"}}`, class: provider.ClassRateLimited, scope: provider.ScopeAccount, until: later},
		"overloaded":                  {probe: "openai key", status: 503, class: provider.ClassOverloaded, scope: provider.ScopeProviderModel},
		"a model":                     {probe: "openai model", status: 200, body: `{"id":"m"}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"no such model":               {probe: "openai model", status: 404, body: `{"error":{"code":"model_not_found","message":"no","type":"invalid_request_error"}}`, class: provider.ClassModelNotFound, scope: provider.ScopeAccountModel},
		"anthropic":                   {probe: "anthropic key", at: provider.Anthropic, status: 200, body: `{"data":[],"has_more":false}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"anthropic: tokens":           {probe: "anthropic count tokens", at: provider.Anthropic, status: 200, body: `{"input_tokens":8}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"anthropic: no such model":    {probe: "anthropic count tokens", at: provider.Anthropic, status: 404, body: `{"type":"error","error":{"type":"not_found_error","message":"model: m"}}`, class: provider.ClassModelNotFound, scope: provider.ScopeAccountModel},
		"gemini":                      {probe: "gemini key", at: provider.Gemini, status: 200, body: `{"models":[{"name":"models/g"}]}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"gemini: a wrong key is 400":  {probe: "gemini key", at: provider.Gemini, status: 400, body: `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid."}}`, class: provider.ClassAuthInvalid, scope: provider.ScopeAccount},
		"gemini: a model":             {probe: "gemini model", at: provider.Gemini, status: 200, body: `{"name":"models/m"}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"deepseek: money":             {probe: "deepseek balance", at: deepseek, status: 200, body: `{"is_available":true,"balance_infos":[]}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"deepseek: no money":          {probe: "deepseek balance", at: deepseek, status: 200, body: `{"is_available":false,"balance_infos":[]}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount, says: "used up"},
		"moonshot: money":             {probe: "moonshot balance", at: moonshot, status: 200, body: `{"code":0,"data":{"available_balance":0.5}}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"moonshot: none":              {probe: "moonshot balance", at: moonshot, status: 200, body: `{"code":0,"data":{"available_balance":0}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount},
		"moonshot: debt":              {probe: "moonshot balance", at: moonshot, status: 200, body: `{"code":0,"data":{"available_balance":-1.5}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount},
		"openrouter: no limit":        {probe: "openrouter key", at: openrouter, status: 200, body: `{"data":{"limit":null,"limit_remaining":null,"usage":3}}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"openrouter: used up":         {probe: "openrouter key", at: openrouter, status: 200, body: `{"data":{"limit":3,"limit_remaining":0,"usage":3}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount},
		"openrouter: budget":          {probe: "openrouter key", at: openrouter, status: 200, body: `{"data":{"limit":null,"limit_remaining":null,"usage":3,"effective_budget":{"remaining_usd":0}}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount, says: "budget"},
		"vllm: an empty 200":          {probe: "vllm health", at: vllm, status: 200, class: provider.ClassOK, scope: provider.ScopeNone},
		"vllm: 503":                   {probe: "vllm health", at: vllm, status: 503, class: provider.ClassOverloaded, scope: provider.ScopeProviderModel},
		"ollama":                      {probe: "ollama version", status: 200, body: `{"version":"0.40.0"}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"llama.cpp: loads":            {probe: "llama.cpp health", status: 503, body: `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, class: provider.ClassOverloaded, scope: provider.ScopeProviderModel, says: "loads its model"},
		"lm studio":                   {probe: "lm studio models", status: 200, body: `{"data":[]}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"openai welcome":              {probe: "openai welcome", status: 200, body: `{"message":"hi"}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"claude plan: room":           {probe: "claude plan usage", at: provider.Anthropic, status: 200, body: `{"five_hour":{"utilization":99.5,"resets_at":"2026-08-18T14:00:00Z"},"seven_day":{"utilization":1}}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"claude plan: not begun":      {probe: "claude plan usage", at: provider.Anthropic, status: 200, body: `{"five_hour":null,"seven_day":null}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"claude plan: five hours":     {probe: "claude plan usage", at: provider.Anthropic, status: 200, body: `{"five_hour":{"utilization":100,"resets_at":"2026-08-18T14:00:00.000000+00:00"},"seven_day":{"utilization":1}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount, says: "five hours", until: later},
		"claude plan: both":           {probe: "claude plan usage", at: provider.Anthropic, status: 200, body: `{"five_hour":{"utilization":100,"resets_at":"2026-08-18T13:00:00Z"},"seven_day":{"utilization":100,"resets_at":"2026-08-18T14:00:00Z"}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount, says: "seven days", until: later},
		"claude plan: throttled":      {probe: "claude plan usage", at: provider.Anthropic, status: 429, body: `{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`, class: provider.ClassRateLimited, scope: provider.ScopeNone, says: "nothing about the account"},
		"claude plan: scope":          {probe: "claude plan usage", at: provider.Anthropic, status: 403, body: noScope, class: provider.ClassPermission, scope: provider.ScopeNone, says: "user:profile"},
		"claude.ai":                   {probe: "claude.ai organizations", at: provider.Anthropic, status: 200, body: `[{"uuid":"u","name":"n"}]`, class: provider.ClassOK, scope: provider.ScopeNone},
		"claude.ai: none":             {probe: "claude.ai organizations", at: provider.Anthropic, status: 200, body: `[]`, class: provider.ClassUnknown, scope: provider.ScopeNone},
		"claude.ai: ended":            {probe: "claude.ai organizations", at: provider.Anthropic, status: 403, body: sessionEnded, class: provider.ClassAuthInvalid, scope: provider.ScopeAccount, says: "ended"},
		"claude.ai: firewall":         {probe: "claude.ai organizations", at: provider.Anthropic, status: 403, header: []string{"Cf-Mitigated", "challenge"}, body: challenge, class: provider.ClassEgressBlocked, scope: provider.ScopeRoute},
		"chatgpt":                     {probe: "chatgpt account", status: 200, body: `{"accounts":{"default":{"account":{"is_deactivated":false},"entitlement":{"has_active_subscription":true}}}}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"chatgpt: by id":              {probe: "chatgpt account", status: 200, body: `{"accounts":{"0-1":{"account":{}}}}`, class: provider.ClassOK, scope: provider.ScopeNone},
		"chatgpt: no plan":            {probe: "chatgpt account", status: 200, body: `{"accounts":{"default":{"entitlement":{"has_active_subscription":false}}}}`, class: provider.ClassQuotaExhausted, scope: provider.ScopeAccount, says: "no active plan"},
		"chatgpt: token expired":      {probe: "chatgpt account", status: 401, body: `{"detail":"Unauthorized"}`, class: provider.ClassAuthInvalid, scope: provider.ScopeAccount},
		"gemini oauth":                {probe: "gemini oauth models", at: provider.Gemini, status: 200, body: `{"models":[]}`, class: provider.ClassOK, scope: provider.ScopeNone},
	}
	seen := map[string]bool{}
	for name, tt := range tests {
		seen[tt.probe] = true
		t.Run(name, func(t *testing.T) {
			if tt.at == nil {
				tt.at = provider.OpenAI
			}
			p := preset(t, tt.probe)
			v := p.Judge(tt.at, provider.Answer{Status: tt.status, Header: headers(tt.header...), Body: []byte(tt.body), At: noon})
			assert.Equal(t, tt.class.String(), v.Class.String())
			assert.Equal(t, tt.scope.String(), v.Scope.String())
			assert.Contains(t, v.Message, tt.says)
			assert.NotContains(t, v.Message, "sk-")
			assert.True(t, tt.until.Equal(v.Until), "%s", v.Until)
		})
	}
	for _, p := range provider.ProbePresets() {
		assert.True(t, seen[p.Name], "%s has no row", p.Name)
	}
}

func TestJudgeADeactivatedAccount(t *testing.T) {
	p := preset(t, "chatgpt account")
	v := p.Judge(provider.OpenAI, provider.Answer{Status: 200, Body: []byte(`{"accounts":{"default":{"account":{"is_deactivated":true}}}}`)})
	assert.Equal(t, provider.ClassAuthInvalid, v.Class)
	assert.True(t, v.Permanent)
}

func TestJudgeNoAnswer(t *testing.T) {
	p := preset(t, "openai key")
	v := p.Judge(provider.OpenAI, provider.Answer{Err: context.DeadlineExceeded})
	assert.Equal(t, provider.ClassTimeout, v.Class, "no rule is about an answer that did not come")
}

// TestRulesOfOnesOwn: tests compare as they say, and only a rule that names the
// failure it is about turns one into a good answer.
func TestRulesOfOnesOwn(t *testing.T) {
	tests := map[string]struct {
		rule provider.ProbeRule
		body string
		want provider.Class
	}{
		"equals a text":       {provider.ProbeRule{JSON: "a", Test: provider.TestEquals, Value: "x", Class: provider.ClassTimeout}, `{"a":"x"}`, provider.ClassTimeout},
		"equals a number":     {provider.ProbeRule{JSON: "a", Test: provider.TestEquals, Value: "1.5", Class: provider.ClassTimeout}, `{"a":1.5}`, provider.ClassTimeout},
		"not below":           {provider.ProbeRule{JSON: "a", Test: provider.TestBelow, Value: "1", Class: provider.ClassTimeout}, `{"a":1}`, provider.ClassInvalidRequest},
		"below, in a string":  {provider.ProbeRule{JSON: "a", Test: provider.TestBelow, Value: "1", Class: provider.ClassTimeout}, `{"a":"0.99"}`, provider.ClassTimeout},
		"null is no number":   {provider.ProbeRule{JSON: "a", Test: provider.TestBelow, Value: "1", Class: provider.ClassTimeout}, `{"a":null}`, provider.ClassInvalidRequest},
		"text is no number":   {provider.ProbeRule{JSON: "a", Test: provider.TestAtLeast, Value: "1", Class: provider.ClassTimeout}, `{"a":"many"}`, provider.ClassInvalidRequest},
		"NaN is not at least": {provider.ProbeRule{JSON: "a", Test: provider.TestAtLeast, Value: "1", Class: provider.ClassTimeout}, `{"a":"NaN"}`, provider.ClassInvalidRequest},
		"no JSON":             {provider.ProbeRule{JSON: "a", Class: provider.ClassTimeout}, `a`, provider.ClassInvalidRequest},
		"good, unasked":       {provider.ProbeRule{Class: provider.ClassOK}, `{}`, provider.ClassInvalidRequest},
		"good, as said":       {provider.ProbeRule{From: provider.ClassInvalidRequest, Class: provider.ClassOK}, `{}`, provider.ClassOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := provider.Probe{Name: "own", Path: "/", Rules: []provider.ProbeRule{tt.rule}}
			require.NoError(t, p.Validate())
			v := p.Judge(provider.OpenAI, provider.Answer{Status: 400, Body: []byte(tt.body), At: noon})
			assert.Equal(t, tt.want.String(), v.Class.String())
		})
	}
}

func TestClassAndScopeAreRead(t *testing.T) {
	for c := provider.ClassUnknown; c <= provider.ClassProxyFailed; c++ {
		text, err := c.MarshalText()
		require.NoError(t, err)
		var got provider.Class
		require.NoError(t, got.UnmarshalText(text))
		assert.Equal(t, c, got)
	}
	for s := provider.ScopeUnknown; s <= provider.ScopeRoute; s++ {
		text, err := s.MarshalText()
		require.NoError(t, err)
		var got provider.Scope
		require.NoError(t, got.UnmarshalText(text))
		assert.Equal(t, s, got)
	}
	var c provider.Class
	assert.ErrorContains(t, c.UnmarshalText([]byte("nonsense")), "nonsense")
	var s provider.Scope
	assert.ErrorContains(t, s.UnmarshalText([]byte("nonsense")), "nonsense")
}
