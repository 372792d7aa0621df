package provider

// cerebrasRules follow measurements (provider-facts 9.2, 9.11). The envelope is
// flat. x-should-retry: false stands on the 429 that is the soonest to clear, so
// nothing here looks at it.
var cerebrasRules = []rule{
	{code: "queue_exceeded", class: ClassCapacity},
	{code: "request_quota_exceeded", class: ClassRateLimited}, // with retry-after
	{code: "token_quota_exceeded", class: ClassRateLimited},   // with retry-after
	{code: "payment_required", class: ClassQuotaExhausted},
}

var cerebrasProtocol = openaiProtocol.with(cerebrasRules, openaiTexts)

var cerebrasPlaces = []*Provider{
	speaks(OpenAI.API, cerebrasProtocol, Provider{
		Name: "cerebras", BaseURL: "https://api.cerebras.ai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpModels},
		Source:     "inference-docs.cerebras.ai and its OpenAPI file: base, operations; provider-facts 9.1, 9.2, 9.11 [D][T]",
	}),
}
