package provider

// openrouterRules follow OpenRouter's pages on errors and limits (provider-facts
// 9.2, 9.10). code is metadata.error_type, whose vocabulary is stable; error.code
// is an integer and the status that counts in a good answer.
var openrouterRules = []rule{
	// Which limit it was decides, not 402 or 403.
	{quota: "openrouter_in_flight_budget", class: ClassCapacity},
	{quota: "in_flight_budget_exhausted", class: ClassCapacity},
	{quota: "weight_exceeds_budget", class: ClassPermission, scope: ScopeNone}, // this request alone is too dear
	{quota: "openrouter_credits", class: ClassQuotaExhausted},
	{quota: "openrouter_key_limit", class: ClassQuotaExhausted},
	{quota: "openrouter_guardrail_budget", class: ClassQuotaExhausted}, // 403, until resets_at
	{quota: "openrouter_workspace_budget", class: ClassQuotaExhausted}, // 403, until resets_at
	{status: 402, header: "Retry-After", class: ClassCapacity},         // in flight, to be waited for

	{code: "context_length_exceeded", class: ClassContextTooLong},
	{code: "authentication", class: ClassAuthInvalid},
	{code: "payment_required", class: ClassQuotaExhausted},
	{code: "rate_limit_exceeded", class: ClassRateLimited},
	{code: "provider_overloaded", class: ClassOverloaded},
	{code: "provider_unavailable", class: ClassTransient, scope: ScopeProviderModel}, // it failed behind OpenRouter
	{code: "content_policy_violation", class: ClassContentPolicy},
	{code: "server", class: ClassTransient},
	{code: "timeout", class: ClassTimeout},

	{status: 402, class: ClassQuotaExhausted},
	{status: 403, json: true, class: ClassContentPolicy}, // moderation or a guardrail; never the key
}

var openrouterProtocol = openaiProtocol.with(openrouterRules, openaiTexts).but(func(pr *protocol) {
	pr.reset = headerReset // free models: epoch milliseconds
})

var openrouterPlaces = []*Provider{
	speaks(OpenAI.API, openrouterProtocol, Provider{
		Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpResponses, OpCompletions, OpEmbeddings, OpModels},
		Source:     "openrouter.ai/docs/api-reference, @openrouter/ai-sdk-provider: operations; provider-facts 9.1, 9.2, 9.10 [D]",
	}),
}
