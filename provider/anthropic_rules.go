package provider

// anthropicRules follow Anthropic's pages on errors, rate limits and Claude
// Code (ant-docs) and the error codes in its SDK (ant-ts); provider-facts 4.6.
// Several conditions have no code, so their rows go by the text.
var anthropicRules = []rule{
	// 400 that is not about the request.
	{status: 400, text: "specified api usage limits", class: ClassQuotaExhausted},           // self-set limit
	{status: 400, text: "specified workspace api usage limits", class: ClassQuotaExhausted}, // self-set limit
	{status: 400, text: "credit balance is too low", class: ClassQuotaExhausted},
	{status: 400, text: "organization has been disabled", class: ClassAuthInvalid, permanent: true},
	{code: "organization_on_hold", class: ClassAuthInvalid, permanent: true},
	{code: "claude_code_version_too_old", class: ClassPermission, scope: ScopeNone}, // the caller's program
	{code: "claude_code_key_creator_not_member", class: ClassPermission, scope: ScopeAccount},
	{code: "cmek_key_disabled", class: ClassPermission, scope: ScopeAccount},
	{code: "cmek_key_network_blocked", class: ClassPermission, scope: ScopeAccount},

	// 400 that is.
	{status: 400, text: "prompt is too long", class: ClassContextTooLong},
	{status: 400, text: "exceed context limit", class: ClassContextTooLong},
	{code: "compaction_unavailable", class: ClassOverloaded},
	{code: "compaction_*", class: ClassInvalidRequest},
	{code: "thread_*", class: ClassInvalidRequest},
	{code: "tool_*", class: ClassInvalidRequest},
	{code: "available_tools_limit_exceeded", class: ClassInvalidRequest},

	// 401 to 413.
	{status: 401, text: "oauth authentication is currently not supported", class: ClassPermission, scope: ScopeNone}, // the beta header is missing
	{typ: "authentication_error", class: ClassAuthInvalid},
	{code: "linked_organization_billing_unavailable", class: ClassQuotaExhausted},
	{code: "linked_organization_spend_limit_reached", class: ClassQuotaExhausted},
	{typ: "billing_error", class: ClassQuotaExhausted}, // 402, and 429 of the Claude apps gateway
	{code: "user_profile_not_billable", class: ClassPermission, scope: ScopeNone},
	{code: "sandbox_egress_restricted", class: ClassPermission, scope: ScopeNone},
	{code: "oauth_not_allowed_for_organization", class: ClassPermission, scope: ScopeAccount},
	{typ: "permission_error", class: ClassPermission},
	{status: 403, typ: "forbidden", class: ClassEgressBlocked},
	{typ: "not_found_error", text: "^model:", class: ClassModelNotFound},
	{typ: "not_found_error", class: ClassInvalidRequest},
	{typ: "conflict_error", class: ClassTransient, scope: ScopeNone}, // between requests
	{code: "request_body_too_large_after_decoding", class: ClassTooLarge},
	{typ: "request_too_large", class: ClassTooLarge},

	// 429 and above.
	{code: "enforced_spend_limit_reached", class: ClassQuotaExhausted}, // until the month ends
	{code: "contract_spend_limit_reached", class: ClassQuotaExhausted},
	{code: "ramp_limit_exceeded", class: ClassRateLimited, scope: ScopeAccount},            // growing too fast
	{typ: "rate_limit_error", header: fastMode, class: ClassRateLimited, scope: ScopeNone}, // the fast bucket only
	{typ: "rate_limit_error", class: ClassRateLimited},
	{code: "cmek_context_unavailable", class: ClassTransient},
	{code: "cmek_key_unreachable", class: ClassTransient},
	{typ: "timeout_error", class: ClassTimeout},
	{typ: "overloaded_error", header: fastMode, class: ClassOverloaded, scope: ScopeNone},
	{typ: "overloaded_error", class: ClassOverloaded},
	{typ: "api_error", class: ClassTransient},
	{status: 200, typ: "invalid_request_error", class: ClassInvalidRequest},
}

// fastMode is a header of the bucket that requests with speed "fast" draw from;
// at standard speed the account goes on serving (ant-docs; provider-facts 4.6
// and 4.7). That an answer at standard speed lacks it is inferred.
const fastMode = "Anthropic-Fast-Input-Tokens-Limit"
