package provider

// groqRules follow Groq's error page and bodies seen (provider-facts 9.2, 9.8).
var groqRules = []rule{
	{status: 413, code: "rate_limit_exceeded", class: ClassPermission, scope: ScopeNone}, // more tokens than the tier has in a minute: never
	{code: "capacity_exceeded", class: ClassOverloaded, scope: ScopeNone},                // 498: the flex tier is full
	{status: 424, class: ClassInvalidRequest},                                            // the caller's MCP server failed
	{code: "organization_restricted", class: ClassQuotaExhausted},
	{status: 403, text: "restricted", class: ClassQuotaExhausted}, // the organisation; rare
}

// groqProtocol: the reset of x-ratelimit-reset-requests is that of the day, and
// the limits per minute of requests show in the message alone, so the message
// comes before the headers, as at OpenAI.
var groqProtocol = openaiProtocol.with(groqRules, openaiTexts)

var groqPlaces = []*Provider{
	speaks(OpenAI.API, groqProtocol, Provider{
		Name: "groq", BaseURL: "https://api.groq.com/openai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpResponses, OpAudio, OpModels, OpFiles, OpBatches},
		Source:     "console.groq.com/docs/openai, groq-python api.md: operations; provider-facts 9.1, 9.2, 9.8 [D]",
	}),
}
