package provider

// deepseekRules follow DeepSeek's error page (provider-facts 9.2, 9.3). Its type
// and code look swapped and say nothing about money, so the status speaks: the
// body of a 402 has unknown_error and invalid_request_error (13.5).
var deepseekRules = []rule{
	{status: 401, class: ClassAuthInvalid}, // plain text without a key
	{status: 402, class: ClassQuotaExhausted},
	{status: 422, class: ClassInvalidRequest},
	{status: 429, class: ClassRateLimited, scope: ScopeAccount}, // rate or concurrency, of the whole account
	{status: 500, class: ClassTransient},
	{status: 503, class: ClassOverloaded},
	{typ: "authentication_error", class: ClassAuthInvalid},
}

var (
	deepseekProtocol          = openaiProtocol.with(deepseekRules, openaiTexts)
	deepseekAnthropicProtocol = anthropicProtocol.with(deepseekRules)
)

// deepseekPlaces: completions with a suffix are a beta at /beta/completions,
// which is not where OpenAI's are, so they are not listed.
var deepseekPlaces = []*Provider{
	speaks(OpenAI.API, deepseekProtocol, Provider{
		Name: "deepseek", BaseURL: "https://api.deepseek.com", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpModels},
		Source:     "api-docs.deepseek.com: first call, error codes, list models; provider-facts 9.1-9.3 [D]",
	}),
	speaks(Anthropic.API, deepseekAnthropicProtocol, Provider{
		Name: "deepseek-anthropic", BaseURL: "https://api.deepseek.com/anthropic", Authorize: xAPIKey,
		Operations: onlyMessages,
		Source:     "api-docs.deepseek.com/guides/anthropic_api: base and x-api-key; provider-facts 9.1 [D]",
	}),
}
