package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// A row says how an error must be judged that an API sends with a status, type
// (Gemini: status string), code and message. It is written from the vendors'
// pages, not from the tables in the package.
type row struct {
	status          int
	typ, code, text string
	class           provider.Class
	scope           provider.Scope
}

const (
	rate       = provider.ClassRateLimited
	quota      = provider.ClassQuotaExhausted
	auth       = provider.ClassAuthInvalid
	permission = provider.ClassPermission
	egress     = provider.ClassEgressBlocked
	noModel    = provider.ClassModelNotFound
	tooLong    = provider.ClassContextTooLong
	tooLarge   = provider.ClassTooLarge
	invalid    = provider.ClassInvalidRequest
	policy     = provider.ClassContentPolicy
	overloaded = provider.ClassOverloaded
	transient  = provider.ClassTransient
	timeout    = provider.ClassTimeout

	none     = provider.ScopeNone
	account  = provider.ScopeAccount
	pair     = provider.ScopeAccountModel
	provided = provider.ScopeProviderModel
	route    = provider.ScopeRoute
)

var openaiRows = []row{
	{400, "invalid_request_error", "context_length_exceeded", "", tooLong, none},
	{400, "invalid_request_error", "", "This model's maximum context length is 8192 tokens.", tooLong, none},
	{400, "invalid_request_error", "string_above_max_length", "", invalid, none},
	{400, "invalid_request_error", "content_policy_violation", "", policy, none},
	{400, "invalid_request_error", "moderation_blocked", "", policy, none},
	{400, "invalid_request_error", "invalid_prompt", "", policy, none},
	{400, "image_generation_user_error", "image_content_policy_violation", "", policy, none},
	{400, "invalid_request_error", "bio_policy", "", policy, none},
	{400, "invalid_request_error", "cyber_policy", "", policy, none},
	{400, "invalid_request_error", "misalignment_policy_violation", "", policy, none},
	{400, "", "content_filter", "", policy, none},
	{400, "invalid_request_error", "invalid_service_tier", "", permission, none},
	{400, "invalid_request_error", "previous_response_not_found", "", invalid, none},
	{404, "invalid_request_error", "previous_response_not_found", "", invalid, none},
	{400, "invalid_request_error", "invalid_encrypted_content", "", invalid, none},
	{400, "invalid_request_error", "image_too_small", "", invalid, none},
	{400, "invalid_request_error", "", "", invalid, none},
	{401, "invalid_request_error", "invalid_api_key", "", auth, account},
	{401, "invalid_request_error", "", "You didn't provide an API key.", permission, none},
	{401, "invalid_request_error", "", "Missing bearer or basic authentication in header", permission, none},
	{401, "", "ip_not_authorized", "", egress, route},
	{401, "", "", "You must be a member of an organization to use the API", auth, account},
	{401, "", "", "", auth, account},
	{403, "request_forbidden", "unsupported_country_region_territory", "", egress, route},
	{403, "request_forbidden", "", "", egress, route},
	{404, "", "", "model 'x' not found", noModel, pair},
	{403, "invalid_request_error", "model_not_found", "", permission, pair},
	{404, "invalid_request_error", "model_not_found", "", noModel, pair},
	{404, "", "DeploymentNotFound", "", noModel, pair},
	{409, "", "", "", transient, none},
	{413, "", "", "", tooLarge, none},
	{422, "", "", "", invalid, none},
	{429, "requests", "rate_limit_exceeded", "Rate limit reached", rate, pair},
	{429, "tokens", "rate_limit_exceeded", "Rate limit reached", rate, pair},
	{429, "rate_limit_error", "rate_limit_exceeded", "", rate, pair},
	{429, "requests", "", "", rate, pair},
	{429, "tokens", "", "", rate, pair},
	{429, "rate_limit_error", "", "", rate, pair},
	{429, "tokens", "rate_limit_exceeded", "Request too large for gpt-4o: Limit 30000, Requested 34307.", permission, none},
	{429, "insufficient_quota", "insufficient_quota", "", quota, account},
	{429, "insufficient_quota", "credit_balance_exhausted", "", quota, account},
	{429, "insufficient_quota", "organization_spend_limit_exceeded", "", quota, account},
	{429, "insufficient_quota", "project_spend_limit_exceeded", "", quota, account},
	{429, "insufficient_quota", "organization_usage_limit_exceeded", "", quota, account},
	{429, "insufficient_quota", "a_code_of_next_year", "", quota, account},
	{400, "", "billing_hard_limit_reached", "", quota, account},
	{429, "", "billing_hard_limit_reached", "", quota, account},
	{429, "", "billing_not_active", "", quota, account},
	{400, "", "account_deactivated", "", auth, account},
	{429, "rate_limit_error", "slow_down", "", rate, pair},
	{503, "", "slow_down", "", rate, pair},
	{200, "", "slow_down", "", rate, pair},
	{200, "", "insufficient_quota", "", quota, account},
	{200, "", "context_length_exceeded", "", tooLong, none},
	{200, "", "invalid_prompt", "", policy, none},
	{200, "", "image_parse_error", "", invalid, none},
	{200, "", "invalid_image_format", "", invalid, none},
	{200, "", "invalid_base64_image", "", invalid, none},
	{200, "", "unsupported_image_media_type", "", invalid, none},
	{200, "", "empty_image_file", "", invalid, none},
	{200, "", "failed_to_download_image", "", invalid, none},
	{400, "invalid_request_error", "unsupported_value", "Your organization must be verified to stream this model.", permission, pair},
	{429, "", "resource_unavailable", "", overloaded, none},
	{429, "", "flex_unavailable", "", overloaded, none},
	{500, "server_error", "", "", transient, account},
	{502, "", "", "", transient, account},
	{503, "service_unavailable_error", "server_is_overloaded", "", overloaded, provided},
	{503, "service_unavailable_error", "", "", overloaded, provided},
	{504, "", "", "", transient, account},
	{429, "usage_limit_reached", "", "", quota, account},
	{429, "usage_not_included", "", "", permission, pair},
	{400, "", "", "Selected model is at capacity. Please try a different model.", overloaded, provided},
	{403, "", "data_residency_mismatch", "", permission, pair},
	{500, "", "vector_store_timeout", "", transient, account},
	{500, "", "server_error", "", transient, account},
	{200, "invalid_request_error", "", "", invalid, none},
	{200, "server_error", "", "", transient, account},
	{200, "", "server_is_overloaded", "", overloaded, provided},
	{200, "", "rate_limit_exceeded", "", rate, pair},
	{200, "something_else", "", "", transient, account},
}

var anthropicRows = []row{
	{400, "invalid_request_error", "", "", invalid, none},
	{400, "invalid_request_error", "", "prompt is too long: 215684 tokens > 200000 maximum", tooLong, none},
	{400, "invalid_request_error", "", "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", tooLong, none},
	{400, "invalid_request_error", "", "You have reached your specified API usage limits.", quota, account},
	{400, "invalid_request_error", "", "You have reached your specified workspace API usage limits.", quota, account},
	{429, "rate_limit_error", "", "You have reached your specified workspace API usage limits.", quota, account},
	{400, "invalid_request_error", "", "Your credit balance is too low to access the Anthropic API.", quota, account},
	{400, "invalid_request_error", "organization_on_hold", "", auth, account},
	{400, "invalid_request_error", "", "This organization has been disabled.", auth, account},
	{400, "invalid_request_error", "claude_code_version_too_old", "", permission, none},
	{400, "invalid_request_error", "claude_code_key_creator_not_member", "", permission, account},
	{400, "invalid_request_error", "cmek_key_disabled", "", permission, account},
	{400, "invalid_request_error", "cmek_key_network_blocked", "", permission, account},
	{400, "invalid_request_error", "compaction_too_small", "", invalid, none},
	{409, "conflict_error", "thread_continue_in_flight", "", invalid, none},
	{404, "not_found_error", "thread_not_found", "", invalid, none},
	{400, "invalid_request_error", "tool_choice_unknown", "", invalid, none},
	{400, "invalid_request_error", "available_tools_limit_exceeded", "", invalid, none},
	{401, "authentication_error", "", "invalid x-api-key", auth, account},
	{401, "authentication_error", "", "OAuth authentication is currently not supported.", permission, none},
	{402, "billing_error", "", "", quota, account},
	{402, "billing_error", "linked_organization_billing_unavailable", "", quota, account},
	{402, "billing_error", "linked_organization_spend_limit_reached", "", quota, account},
	{402, "", "", "", quota, account},
	{403, "permission_error", "", "", permission, pair},
	{403, "permission_error", "user_profile_not_billable", "", permission, none},
	{403, "permission_error", "sandbox_egress_restricted", "", permission, none},
	{403, "permission_error", "oauth_not_allowed_for_organization", "", permission, account},
	{403, "forbidden", "", "", egress, route},
	{404, "not_found_error", "", "model: claude-nope-1", noModel, pair},
	{404, "not_found_error", "", "no file of that model: x", invalid, none},
	{409, "conflict_error", "", "", transient, none},
	{413, "request_too_large", "", "", tooLarge, none},
	{400, "invalid_request_error", "request_body_encoding_unsupported", "", invalid, none},
	{400, "invalid_request_error", "", "temperature: Extra inputs are not permitted", invalid, none},
	{400, "invalid_request_error", "thread_continue_in_flight", "", invalid, none},
	{413, "invalid_request_error", "request_body_too_large_after_decoding", "", tooLarge, none},
	{429, "rate_limit_error", "", "", rate, pair},
	{429, "rate_limit_error", "enforced_spend_limit_reached", "", quota, account},
	{429, "rate_limit_error", "contract_spend_limit_reached", "", quota, account},
	{429, "rate_limit_error", "ramp_limit_exceeded", "", rate, account},
	{429, "billing_error", "", "", quota, account},
	{500, "api_error", "", "", transient, account},
	{503, "api_error", "cmek_context_unavailable", "", transient, account},
	{503, "api_error", "cmek_key_unreachable", "", transient, account},
	{504, "timeout_error", "", "", timeout, account},
	{529, "overloaded_error", "", "Overloaded", overloaded, provided},
	{529, "overloaded_error", "compaction_unavailable", "", overloaded, provided},
	{529, "", "", "", overloaded, provided},
	{200, "overloaded_error", "", "Overloaded", overloaded, provided},
	{200, "api_error", "", "", transient, account},
	{200, "rate_limit_error", "", "", rate, pair},
	{200, "invalid_request_error", "", "", invalid, none},
}

// In these rows a code in capitals is the reason of an ErrorInfo, and one that
// holds "Per" is a quotaId.
var geminiRows = []row{
	{400, "INVALID_ARGUMENT", "API_KEY_INVALID", "", auth, account},
	{400, "INVALID_ARGUMENT", "", "API key not valid. Please pass a valid API key.", auth, account},
	{400, "INVALID_ARGUMENT", "", "API key expired. Please renew the API key.", auth, account},
	{400, "INVALID_ARGUMENT", "", "The input token count (1300000) exceeds the maximum number of tokens allowed (1048575).", tooLong, none},
	{400, "INVALID_ARGUMENT", "", "", invalid, none},
	{400, "FAILED_PRECONDITION", "", "User location is not supported for the API use.", egress, route},
	{400, "FAILED_PRECONDITION", "", "The free tier is not available in your country. Please enable billing.", quota, account},
	{400, "FAILED_PRECONDITION", "", "", invalid, none},
	{401, "UNAUTHENTICATED", "", "", auth, account},
	{403, "PERMISSION_DENIED", "", "", auth, account},
	{403, "PERMISSION_DENIED", "", "Your API key was reported as leaked. Please use another API key.", auth, account},
	{403, "PERMISSION_DENIED", "SERVICE_DISABLED", "", auth, account},
	{403, "PERMISSION_DENIED", "", "Requests to this API generativelanguage.googleapis.com method x are blocked.", auth, account},
	{403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED", "", auth, account},
	{403, "PERMISSION_DENIED", "", "You do not have permission to access the File x or it may not exist.", invalid, none},
	{403, "PERMISSION_DENIED", "", "CachedContent not found (or permission denied)", invalid, none},
	{404, "NOT_FOUND", "", "models/x is not found for API version v1beta", noModel, pair},
	{404, "NOT_FOUND", "", "This model is no longer available to new users.", noModel, pair},
	{404, "NOT_FOUND", "", "models/x was not found", noModel, pair},
	{404, "NOT_FOUND", "", "File not found", invalid, none},
	{429, "RESOURCE_EXHAUSTED", "GenerateRequestsPerMinutePerProjectPerModel", "", rate, pair},
	{429, "RESOURCE_EXHAUSTED", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "", quota, pair},
	{429, "RESOURCE_EXHAUSTED", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "Quota exceeded, limit: 0, model: x", permission, pair},
	{429, "RESOURCE_EXHAUSTED", "", "", rate, pair},
	{429, "RESOURCE_EXHAUSTED", "", "Spend limit of the tier for 10 minutes reached.", rate, pair},
	{402, "RESOURCE_EXHAUSTED", "", "Your prepayment credits are depleted.", quota, account},
	{429, "RESOURCE_EXHAUSTED", "", "Your prepayment credits are depleted.", quota, account},
	{402, "RESOURCE_EXHAUSTED", "", "", quota, account},
	{429, "RESOURCE_EXHAUSTED", "MODEL_CAPACITY_EXHAUSTED", "", overloaded, provided},
	{429, "", "", "No capacity available for model x", overloaded, provided},
	{499, "CANCELLED", "", "", provider.ClassCanceled, none},
	{500, "INTERNAL", "", "", transient, account},
	{503, "UNAVAILABLE", "", "The model is overloaded. Please try again later.", overloaded, provided},
	{504, "DEADLINE_EXCEEDED", "", "", timeout, account},
	{400, "", "invalid_request", "", invalid, none},
	{400, "", "failed_precondition", "", invalid, none},
	{400, "", "failed_precondition", "User location is not supported for the API use.", egress, route},
	{401, "", "authentication", "", auth, account},
	{402, "", "payment_required", "", quota, account},
	{403, "", "permission_denied", "", permission, pair},
	{404, "", "model_not_found", "", noModel, pair},
	{404, "", "not_found", "", invalid, none},
	{429, "", "rate_limit_exceeded", "", rate, pair},
	{429, "", "quota_exceeded", "", quota, pair},
	{429, "", "too_many_requests", "", rate, pair},
	{503, "", "service_unavailable", "", overloaded, provided},
	{200, "UNAVAILABLE", "", "The model is overloaded.", overloaded, provided},
	{200, "INTERNAL", "", "", transient, account},
}

// headedRows are rows that a header decides, by API.
var headedRows = map[string][]struct {
	header string
	row
}{
	"openai": {
		{"X-Ratelimit-Type: UserConcurrentRequests", row{429, "", "RateLimitReached", "", provider.ClassCapacity, account}},
		{"X-Ratelimit-Type: UserByMinute", row{429, "", "RateLimitReached", "", rate, pair}},
	},
	"anthropic": {
		{"Anthropic-Fast-Input-Tokens-Limit: 1000", row{429, "rate_limit_error", "", "", rate, none}},
		{"Anthropic-Fast-Input-Tokens-Limit: 1000", row{529, "overloaded_error", "", "", overloaded, none}},
		{"Anthropic-Fast-Input-Tokens-Limit: 1000", row{429, "rate_limit_error", "enforced_spend_limit_reached", "", quota, account}},
	},
}

// TestErrorTables judges every row, and sees that no row of the package's own
// tables goes without one here.
func TestErrorTables(t *testing.T) {
	for _, c := range []struct {
		p    *provider.Provider
		rows []row
		body func(row) string
	}{
		{provider.OpenAI, openaiRows, openaiBody},
		{provider.Anthropic, anthropicRows, anthropicBody},
		{provider.Gemini, geminiRows, geminiBody},
	} {
		n, find := provider.Rules(c.p.Name)
		used := make([]bool, n)
		rows := headedRows[c.p.Name]
		for _, r := range c.rows {
			rows = append(rows, struct {
				header string
				row
			}{"", r})
		}
		for _, r := range rows {
			a := provider.Answer{Op: provider.Operation{Model: "m"}, Status: r.status, Body: []byte(c.body(r.row)), At: noon}
			require.True(t, json.Valid(a.Body), "%s", a.Body)
			if name, value, ok := strings.Cut(r.header, ": "); ok {
				a.Header = headers(name, value)
			}
			v := c.p.API.Classify(a)
			assert.Equal(t, r.class.String(), v.Class.String(), "%s %+v", c.p.Name, r)
			assert.Equal(t, r.scope.String(), v.Scope.String(), "%s %+v", c.p.Name, r)
			if i := find(a); i >= 0 {
				used[i] = true
			}
		}
		for i, ok := range used {
			assert.True(t, ok, "no row of the test meets rule %d of %s", i, c.p.Name)
		}
	}
}

func openaiBody(r row) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%s,"param":null,"code":%s}}`, r.text, orNull(r.typ), orNull(r.code))
}

func anthropicBody(r row) string {
	details := "null"
	if r.code != "" {
		details = fmt.Sprintf(`{"error_code":%q}`, r.code)
	}
	return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%q,"details":%s},"request_id":"req_1"}`, r.typ, r.text, details)
}

func geminiBody(r row) string {
	switch {
	case r.typ == "" && r.code != "": // interactions
		return fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, r.code, r.text)
	case strings.Contains(r.code, "Per"):
		return fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":%q,"details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":%q}]}]}}`, r.status, r.typ, r.text, r.code)
	case r.code != "":
		return fmt.Sprintf(`[{"error":{"code":%d,"status":%q,"message":%q,"details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q}]}}]`, r.status, r.typ, r.text, r.code)
	}
	return fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":%q}}`, r.status, r.typ, r.text)
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return fmt.Sprintf("%q", s)
}

// TestStatusAlone judges answers of which nothing but the status and the kind
// of body is known.
func TestStatusAlone(t *testing.T) {
	const page = "<!DOCTYPE html><html><body>error</body></html>"
	for _, c := range []struct {
		status int
		body   string
		class  provider.Class
	}{
		{400, "", invalid}, {404, "", invalid}, {405, "", invalid}, {415, "", invalid}, {422, "", invalid},
		{418, "", invalid}, {401, "", auth}, {401, "Authentication Fails (governor)", auth}, {402, "", quota},
		{403, `{"error":"x"}`, permission}, {403, "", egress}, {403, page, egress}, {403, "no", egress},
		{407, "", provider.ClassProxyFailed}, {408, "", timeout}, {409, "", transient}, {413, page, tooLarge},
		{425, "", rate}, {429, "", rate}, {498, "", overloaded}, {499, "", provider.ClassCanceled},
		{500, "", transient}, {502, page, transient}, {504, page, transient}, {520, page, transient},
		{524, page, transient}, {503, "", overloaded}, {529, "", overloaded}, {599, "", transient},
		{503, "<html><title>Just a moment...</title>", egress}, {429, `<script src="/cf-chl-x">`, egress},
		{302, "", provider.ClassUnknown}, {100, "", provider.ClassUnknown}, {304, "", provider.ClassOK},
		{200, `{"error":"boom"}`, transient},
		{200, `{"choices":[{"error":{"code":502,"message":"gone"}}]}`, transient},
		{200, `{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`, transient},
	} {
		for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
			v := p.API.Classify(provider.Answer{Status: c.status, Body: []byte(c.body)})
			assert.Equal(t, c.class.String(), v.Class.String(), "%s %d %q", p.Name, c.status, c.body)
			assert.NotEqual(t, pair, v.Scope, "without a model there is no pair")
		}
	}
}

// Cloudflare says so when it answers in the API's place.
func TestChallengeHeader(t *testing.T) {
	v := provider.OpenAI.API.Classify(provider.Answer{Status: 503, Header: headers("Cf-Mitigated", "challenge"), Body: []byte("<html>")})
	assert.Equal(t, egress, v.Class)
	assert.Equal(t, route, v.Scope)
	assert.Empty(t, v.Message, "a page is no message")
}

// An answer whose upstream was lost may have been executed.
func TestMaybeExecuted(t *testing.T) {
	for status, want := range map[int]bool{408: true, 502: true, 504: true, 524: true, 500: false, 503: false, 429: false, 400: false} {
		v := provider.Anthropic.API.Classify(provider.Answer{Status: status})
		assert.Equal(t, want, v.MaybeExecuted, status)
	}
}

// TestTexts judges by the last resort, and sees that no phrase of the package's
// own lists goes without a row here.
func TestTexts(t *testing.T) {
	used := map[string][]bool{}
	for _, name := range []string{"openai", "common"} {
		n, _ := provider.Texts(name)
		used[name] = make([]bool, n)
	}
	for _, c := range []struct {
		status int
		text   string
		class  provider.Class
	}{
		{400, "prompt is too long", tooLong}, {400, "exceed context limit", tooLong},
		{400, "maximum context length is 8192 tokens", tooLong}, {400, "context_length_exceeded", tooLong},
		{400, "input token count (9) exceeds the maximum number of tokens", tooLong},
		{400, "This model's maximum prompt length is 131072", tooLong},
		{400, "Input is too long for requested model.", tooLong}, {400, "Range of input length should be [1, 6000]", tooLong},
		{400, "too many tokens: 5000", tooLong}, {422, "`inputs tokens + max_new_tokens must be <= 4096`", tooLong},
		{404, "models/x is not found for API version v1", noModel}, {404, "no longer available to new users", noModel},
		{404, "The model `x` does not exist or you do not have access to it.", noModel},
		{400, "Model Not Exist", noModel}, {404, "Not found the model x or permission denied", noModel},
		{400, "invalid params, unknown model 'x'", noModel}, {404, "No endpoints found for x.", noModel},
		{404, "Unable to access model x.", noModel}, {400, "Prompt exceeds max length", tooLong},
		{400, "Request payload size exceeds the limit: 20971520 bytes.", provider.ClassTooLarge},
		{400, "Content Exists Risk", provider.ClassContentPolicy},
		{400, "credit balance is too low", quota}, {400, "specified API usage limits", quota},
		{400, "specified workspace API usage limits", quota}, {429, "exceeded your current quota", quota},
		{429, "prepayment credits are depleted", quota}, {403, "used all available credits", quota},
		{403, "has run out of credits", quota}, {429, "Insufficient Balance", quota},
		{403, "reached its monthly spending limit", quota}, {403, "usage limit for this billing cycle", quota},
		{400, "This organization has been disabled.", auth}, {403, "key was reported as leaked", auth},
		{403, "account_deactivated", auth}, {400, "API key expired.", auth},
		{400, "OAuth authentication is currently not supported", permission}, {400, "You didn't provide an API key", permission},
		{400, "missing bearer", permission}, {403, "unsupported_country_region_territory", egress},
		{400, "User location is not supported", egress}, {403, "ip_not_authorized", egress},
		{429, "Overloaded", overloaded}, {429, "No capacity available", overloaded},
		{429, "selected model is at capacity", overloaded}, {429, "Service tier capacity exceeded for this model.", overloaded},
		{429, "The engine is currently overloaded", overloaded}, {429, "due to high demand", overloaded},
		{429, "server is busy", overloaded}, {429, "Request too large for model `x`", permission}, {429, "limit: 0, model: x", permission},
		// Words that mean something else where they stand here.
		{400, "the operator Overloaded is not defined", invalid}, {429, "too many tokens per minute", rate},
		{500, "maximum context length", transient},
	} {
		for name := range used {
			_, find := provider.Texts(name)
			body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": c.text}})
			if i := find(provider.Answer{Status: c.status, Body: body}); i >= 0 {
				used[name][i] = true
			}
		}
		body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": c.text}})
		v := provider.OpenAI.API.Classify(provider.Answer{Status: c.status, Body: body})
		assert.Equal(t, c.class.String(), v.Class.String(), "%d %q", c.status, c.text)
	}
	for name := range used {
		for i, ok := range used[name] {
			assert.True(t, ok, "no row of the test meets text %d of %s", i, name)
		}
	}
}

// TestPermanent lists what neither waiting nor asking again will mend, and what
// looks like it.
func TestPermanent(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"openai", 400, `{"error":{"code":"account_deactivated"}}`, true},
		{"openai", 401, `{"error":{"code":"invalid_api_key"}}`, false},
		{"openai", 403, `{"error":{"message":"account_deactivated"}}`, true},
		{"openai", 429, `{"error":{"code":"insufficient_quota"}}`, false},
		{"anthropic", 400, anthropicBody(row{typ: "invalid_request_error", code: "organization_on_hold"}), true},
		{"anthropic", 400, anthropicBody(row{typ: "invalid_request_error", text: "This organization has been disabled."}), true},
		{"anthropic", 403, anthropicBody(row{typ: "permission_error", text: "This organization has been disabled."}), true},
		{"anthropic", 401, anthropicBody(row{typ: "authentication_error"}), false},
		{"gemini", 403, geminiBody(row{status: 403, typ: "PERMISSION_DENIED", code: "CONSUMER_SUSPENDED"}), true},
		{"gemini", 403, geminiBody(row{status: 403, typ: "PERMISSION_DENIED", text: "Your API key was reported as leaked."}), true},
		{"gemini", 400, geminiBody(row{status: 400, typ: "INVALID_ARGUMENT", code: "API_KEY_INVALID", text: "API key expired. Please renew the API key."}), true},
		{"gemini", 400, geminiBody(row{status: 400, typ: "INVALID_ARGUMENT", code: "API_KEY_INVALID", text: "API key not valid."}), false},
		{"gemini-openai", 403, "[" + geminiBody(row{status: 403, typ: "PERMISSION_DENIED", text: "Your API key was reported as leaked."}) + "]", true},
		{"deepseek", 403, `{"error":{"message":"This key was reported as leaked."}}`, true},
		{"zhipu", 429, zhipuBody("1110"), true}, {"zhipu", 429, zhipuBody("1112"), true}, {"zhipu", 429, zhipuBody("1121"), true},
		{"zhipu-anthropic", 429, zhipuBody("1121"), true},
		{"zhipu", 429, zhipuText("Your account has been locked"), true},
		{"zhipu", 401, zhipuBody("1003"), false},
		{"moonshot", 401, `{"error":{"type":"invalid_authentication_error"}}`, false},
		{"openai", 403, "<html>account_deactivated just a moment", false},
	} {
		v := classifierOf(t, c.name)(provider.Answer{Status: c.status, Body: []byte(c.body), At: noon})
		assert.Equal(t, c.want, v.Permanent, "%s %d %s", c.name, c.status, c.body)
		if c.want {
			assert.Equal(t, auth, v.Class, c.body)
			assert.Equal(t, account, v.Scope, c.body)
		}
	}
}

// Hugging Face says why in a header.
func TestMessageInHeader(t *testing.T) {
	v := provider.OpenAI.API.Classify(provider.Answer{Status: 402, Header: headers("X-Error-Message", "You have exceeded your monthly credits")})
	assert.Equal(t, quota, v.Class)
	assert.Equal(t, "You have exceeded your monthly credits", v.Message)
}

// TestNoAnswer judges by the kind of a transport's error.
func TestNoAnswer(t *testing.T) {
	judge := func(err error) provider.Class {
		v := provider.OpenAI.API.Classify(provider.Answer{Err: err})
		assert.Equal(t, err != nil, v.MaybeExecuted)
		return v.Class
	}
	assert.Equal(t, provider.ClassUnknown, judge(nil))
	assert.Equal(t, provider.ClassCanceled, judge(fmt.Errorf("x: %w", context.Canceled)))
	assert.Equal(t, timeout, judge(context.DeadlineExceeded))
	assert.Equal(t, timeout, judge(&net.DNSError{IsTimeout: true}))
	assert.Equal(t, transient, judge(errors.New("connection reset")))
}

// TestRetryable lists the classes that another account may answer.
func TestRetryable(t *testing.T) {
	want := map[provider.Class]bool{
		rate: true, provider.ClassCapacity: true, quota: true, auth: true, permission: true, egress: true,
		noModel: true, overloaded: true, transient: true, timeout: true, provider.ClassProxyFailed: true,
	}
	for c := provider.ClassUnknown; c <= provider.ClassProxyFailed+1; c++ {
		assert.Equal(t, want[c], c.Retryable(), c)
		assert.NotEmpty(t, c.String())
	}
	assert.Equal(t, "rate limited", rate.String())
	assert.Equal(t, "unknown", provider.Class(200).String())
	assert.Equal(t, "unknown", provider.Scope(200).String())
	assert.Equal(t, "account and model", pair.String())
}
