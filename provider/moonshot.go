package provider

// moonshotRules follow Moonshot's pages and bodies seen (provider-facts 9.2,
// 9.4). Empty accounts are 429 by the bodies and 403 by the help page; both are
// taken, by the type (14). A key of the other region gives the same 401 as a
// wrong one: the account cannot serve, but the key is not dead.
var moonshotRules = []rule{
	{typ: "exceeded_current_quota_error", class: ClassQuotaExhausted},
	{status: 403, text: "insufficient balance", class: ClassQuotaExhausted},
	{typ: "rate_limit_reached_error", text: "concurrency", class: ClassCapacity},    // the wording is unsure
	{typ: "rate_limit_reached_error", class: ClassRateLimited, scope: ScopeAccount}, // shared by all its keys
	{typ: "engine_overloaded_error", class: ClassOverloaded},
	{status: 400, typ: "content_filter", class: ClassContentPolicy},
	{typ: "invalid_authentication_error", class: ClassAuthInvalid},            // or of the other region
	{status: 404, typ: "resource_not_found_error", class: ClassModelNotFound}, // or not topped up enough for it

	// Kimi Code, the subscription, is another product with the same type of key.
	{status: 402, class: ClassQuotaExhausted}, // membership unavailable
	{status: 403, text: "usage limit for this billing cycle", class: ClassQuotaExhausted},
	{status: 403, text: "only available for coding agents", class: ClassPermission, scope: ScopeNone}, // the caller's program
	{status: 429, text: "usage limit for this period", class: ClassQuotaExhausted},
}

var (
	moonshotProtocol          = openaiProtocol.with(moonshotRules, openaiTexts)
	moonshotAnthropicProtocol = anthropicProtocol.with(moonshotRules)
)

// moonshotPlaces: responses are documented for the international base alone.
var moonshotPlaces = []*Provider{
	speaks(OpenAI.API, moonshotProtocol, Provider{
		Name: "moonshot", BaseURL: "https://api.moonshot.cn/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpModels, OpFiles, OpBatches},
		Source:     "provider-facts 9.1, 9.2, 9.4 [T][D]; platform.kimi.ai/docs/api: operations",
	}),
	speaks(OpenAI.API, moonshotProtocol, Provider{
		Name: "moonshot-intl", BaseURL: "https://api.moonshot.ai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpResponses, OpModels, OpFiles, OpBatches},
		Source:     "platform.kimi.ai/docs/api: base and operations; provider-facts 9.1, 9.2, 9.4 [D]",
	}),
	speaks(Anthropic.API, moonshotAnthropicProtocol, Provider{
		Name: "moonshot-anthropic", BaseURL: "https://api.moonshot.cn/anthropic", Authorize: bearer,
		Operations: onlyMessages,
		Source:     "provider-facts 9.1, 9.4 [T]: base; the key goes as for Claude Code, as ANTHROPIC_AUTH_TOKEN",
	}),
	speaks(Anthropic.API, moonshotAnthropicProtocol, Provider{
		Name: "moonshot-intl-anthropic", BaseURL: "https://api.moonshot.ai/anthropic", Authorize: bearer,
		Operations: onlyMessages,
		Source:     "platform.kimi.ai/docs: base, ANTHROPIC_AUTH_TOKEN; provider-facts 9.1, 9.4 [D]",
	}),
}
