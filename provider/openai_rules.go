package provider

// openaiRules follow OpenAI's error page and its OpenAPI file (oai-docs,
// oai-spec) and bodies seen in public repositories; provider-facts 3.6 and
// 3.8. OpenAI says that code is to be inspected and not type, which holds the
// bucket ("tokens") on a rate limit.
var openaiRules = []rule{
	// The request.
	{code: "context_length_exceeded", class: ClassContextTooLong},
	{code: "content_policy_violation", class: ClassContentPolicy},
	{code: "moderation_blocked", class: ClassContentPolicy},
	{code: "invalid_prompt", class: ClassContentPolicy},
	{code: "image_content_policy_violation", class: ClassContentPolicy},
	{code: "bio_policy", class: ClassContentPolicy},
	{code: "cyber_policy", class: ClassContentPolicy},
	{code: "misalignment_policy_violation", class: ClassContentPolicy},
	{code: "content_filter", class: ClassContentPolicy}, // Azure
	{code: "invalid_service_tier", class: ClassPermission, scope: ScopeNone},
	{code: "previous_response_not_found", class: ClassInvalidRequest}, // it lives in another account
	{code: "invalid_encrypted_content", class: ClassInvalidRequest},   // likewise
	{code: "image_*", class: ClassInvalidRequest},
	{code: "invalid_image*", class: ClassInvalidRequest},
	{code: "invalid_base64_image", class: ClassInvalidRequest},
	{code: "unsupported_image_media_type", class: ClassInvalidRequest},
	{code: "empty_image_file", class: ClassInvalidRequest},
	{code: "failed_to_download_image", class: ClassInvalidRequest},
	{status: 400, text: "^your organization must be verified", class: ClassPermission}, // seen
	{code: "string_above_max_length", class: ClassInvalidRequest},

	// The credential, the way out, the model.
	{code: "ip_not_authorized", class: ClassEgressBlocked},
	{code: "unsupported_country_region_territory", class: ClassEgressBlocked},
	{code: "account_deactivated", class: ClassAuthInvalid, permanent: true},
	{code: "invalid_api_key", class: ClassAuthInvalid},
	{status: 401, text: "didn't provide an api key", class: ClassPermission, scope: ScopeNone}, // our header, not their key
	{status: 401, text: "missing bearer", class: ClassPermission, scope: ScopeNone},
	{status: 401, text: "member of an organization", class: ClassAuthInvalid},
	{status: 403, code: "model_not_found", class: ClassPermission}, // the project may not use it
	{code: "model_not_found", class: ClassModelNotFound},
	{code: "DeploymentNotFound", class: ClassModelNotFound}, // Azure
	{code: "data_residency_mismatch", class: ClassPermission},

	// Money. Any of the codes, at any status.
	{code: "insufficient_quota", class: ClassQuotaExhausted},
	{code: "credit_balance_exhausted", class: ClassQuotaExhausted},
	{code: "organization_spend_limit_exceeded", class: ClassQuotaExhausted},
	{code: "project_spend_limit_exceeded", class: ClassQuotaExhausted}, // other projects still work
	{code: "organization_usage_limit_exceeded", class: ClassQuotaExhausted},
	{code: "billing_hard_limit_reached", class: ClassQuotaExhausted},
	{code: "billing_not_active", class: ClassQuotaExhausted},
	{typ: "insufficient_quota", class: ClassQuotaExhausted},
	{typ: "usage_limit_reached", class: ClassQuotaExhausted}, // ChatGPT plan
	{typ: "usage_not_included", class: ClassPermission},      // ChatGPT plan

	// Rate and load.
	{status: 429, header: "X-Ratelimit-Type: UserConcurrentRequests", class: ClassCapacity},            // GitHub Models, Azure
	{code: "rate_limit_exceeded", text: "request too large", class: ClassPermission, scope: ScopeNone}, // never fits this account
	{code: "rate_limit_exceeded", class: ClassRateLimited},
	{code: "slow_down", class: ClassRateLimited},                             // 429 now, 503 in older docs
	{code: "resource_unavailable", class: ClassOverloaded, scope: ScopeNone}, // flex tier only
	{code: "flex_unavailable", class: ClassOverloaded, scope: ScopeNone},     // flex tier only
	{code: "server_is_overloaded", class: ClassOverloaded},
	{text: "selected model is at capacity", class: ClassOverloaded}, // ChatGPT plan
	{code: "vector_store_timeout", class: ClassTransient},
	{code: "server_error", class: ClassTransient},

	// Types, where the code said nothing.
	{typ: "service_unavailable_error", class: ClassOverloaded},
	{typ: "rate_limit_error", class: ClassRateLimited},
	{typ: "requests", class: ClassRateLimited},
	{typ: "tokens", class: ClassRateLimited},
	{typ: "server_error", class: ClassTransient},
	{typ: "request_forbidden", class: ClassEgressBlocked},
	{status: 404, text: "^model '", class: ClassModelNotFound}, // servers like it
	{status: 200, typ: "invalid_request_error", class: ClassInvalidRequest},
}

// openaiTexts are phrases that mean this at OpenAI and servers like it; at
// Gemini the first is on every rate limit.
var openaiTexts = []textRule{
	{anyRefusal, "exceeded your current quota", ClassQuotaExhausted, 0, false},
}
