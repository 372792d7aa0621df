package provider

// geminiRules follow Google's error pages and bodies seen in public
// repositories; provider-facts 5.4. typ is error.status, code the reason of an
// ErrorInfo or, in the interactions API, error.code.
var geminiRules = []rule{
	// The credential: a bad key is 400.
	{text: "api key expired", class: ClassAuthInvalid, permanent: true},
	{text: "reported as leaked", class: ClassAuthInvalid, permanent: true},
	{code: "CONSUMER_SUSPENDED", class: ClassAuthInvalid, permanent: true},
	{code: "API_KEY_INVALID", class: ClassAuthInvalid},
	{text: "api key not valid", class: ClassAuthInvalid},
	{code: "SERVICE_DISABLED", class: ClassAuthInvalid},
	{typ: "UNAUTHENTICATED", class: ClassAuthInvalid},
	{code: "authentication", class: ClassAuthInvalid},
	{typ: "PERMISSION_DENIED", text: "or it may not exist", class: ClassInvalidRequest},              // a file of another project; unsure
	{typ: "PERMISSION_DENIED", text: "not found (or permission denied)", class: ClassInvalidRequest}, // cached content; unsure
	{typ: "PERMISSION_DENIED", class: ClassAuthInvalid},
	{code: "permission_denied", class: ClassPermission},

	// The way out.
	{typ: "FAILED_PRECONDITION", text: "user location is not supported", class: ClassEgressBlocked},
	{typ: "FAILED_PRECONDITION", text: "billing", class: ClassQuotaExhausted}, // no free tier in the country

	// The request.
	{status: 400, text: "exceeds the maximum number of tokens", class: ClassContextTooLong},
	{code: "invalid_request", class: ClassInvalidRequest},
	{code: "failed_precondition", class: ClassInvalidRequest},
	{code: "model_not_found", class: ClassModelNotFound},
	{code: "not_found", class: ClassInvalidRequest},
	{typ: "NOT_FOUND", text: "is not found for api version", class: ClassModelNotFound},
	{typ: "NOT_FOUND", text: "no longer available to new users", class: ClassModelNotFound},
	{typ: "NOT_FOUND", text: "^models/", class: ClassModelNotFound},
	{typ: "NOT_FOUND", class: ClassInvalidRequest},

	// Money, quota, rate: the same status and often the same text.
	{code: "payment_required", class: ClassQuotaExhausted},
	{text: "prepayment credits are depleted", class: ClassQuotaExhausted}, // 402 by the docs, 429 in the wild
	{typ: "RESOURCE_EXHAUSTED", text: "limit: 0", class: ClassPermission}, // the tier has none of it
	{code: "MODEL_CAPACITY_EXHAUSTED", class: ClassOverloaded},
	{text: "no capacity available for model", class: ClassOverloaded},
	{typ: "RESOURCE_EXHAUSTED", quota: "PerDay", class: ClassQuotaExhausted, scope: ScopeAccountModel},
	{code: "quota_exceeded", class: ClassQuotaExhausted, scope: ScopeAccountModel}, // per day
	{status: 402, class: ClassQuotaExhausted},
	{typ: "RESOURCE_EXHAUSTED", quota: "PerMinute", class: ClassRateLimited},
	{typ: "RESOURCE_EXHAUSTED", class: ClassRateLimited},
	{code: "rate_limit_exceeded", class: ClassRateLimited},
	{code: "too_many_requests", class: ClassRateLimited},

	// The provider.
	{typ: "CANCELLED", class: ClassCanceled},
	{typ: "INTERNAL", class: ClassTransient},
	{typ: "UNAVAILABLE", class: ClassOverloaded},
	{code: "service_unavailable", class: ClassOverloaded},
	{typ: "DEADLINE_EXCEEDED", class: ClassTimeout},
	{typ: "INVALID_ARGUMENT", class: ClassInvalidRequest},
}
