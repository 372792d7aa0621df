package provider

// dashscopeRules follow Model Studio's pages of error codes (provider-facts 9.2,
// 9.5). insufficient_quota is the compatible endpoint's word for a throttle of
// tokens per minute; only its message tells when a free quota is used up. So
// OpenAI's phrase for that is not looked for here.
var dashscopeRules = []rule{
	// Money.
	{code: "Arrearage", class: ClassQuotaExhausted},
	{code: "AccessDenied.Unpurchased", class: ClassQuotaExhausted},
	{code: "BudgetLimitExceeded", class: ClassQuotaExhausted},
	{status: 429, text: "free quota", class: ClassQuotaExhausted},
	{status: 429, text: "free tier", class: ClassQuotaExhausted},

	// Rate and load.
	{code: "Throttling.ServiceOverloaded", class: ClassOverloaded},
	{code: "Throttling*", class: ClassRateLimited},
	{code: "LimitRequests", class: ClassRateLimited},
	{code: "insufficient_quota", class: ClassRateLimited},
	{typ: "insufficient_quota", class: ClassRateLimited},
	{code: "InternalError.Timeout", class: ClassTimeout},
	{code: "RequestTimeOut", class: ClassTimeout},
	{code: "ServiceUnavailable", class: ClassOverloaded},
	{text: "^<503> internalerror.algo", class: ClassOverloaded}, // an upstream's words
	{code: "InternalError*", class: ClassTransient},

	// The credential, the model, the request.
	{code: "InvalidApiKey", class: ClassAuthInvalid},
	{code: "invalid_api_key", class: ClassAuthInvalid}, // also a key of another region or plan
	{code: "AccessDenied*", class: ClassPermission},
	{code: "ModelNotFound", class: ClassModelNotFound},
	{code: "model_not_found", class: ClassModelNotFound},
	{code: "DataInspectionFailed", class: ClassContentPolicy},
	{code: "data_inspection_failed", class: ClassContentPolicy},
	{code: "InvalidParameter*", text: "range of input length", class: ClassContextTooLong},
	{code: "InvalidParameter*", class: ClassInvalidRequest},
}

var (
	dashscopeProtocol = openaiProtocol.with(dashscopeRules).but(func(pr *protocol) {
		pr.flat = true // a business code may come with status 200
	})
	dashscopeAnthropicProtocol = anthropicProtocol.with(dashscopeRules)
)

// dashscopePlaces: a workspace has a base of its own,
// https://{workspace}.{region}.maas.aliyuncs.com/compatible-mode/v1; use At.
var dashscopePlaces = []*Provider{
	speaks(OpenAI.API, dashscopeProtocol, Provider{
		Name: "dashscope", BaseURL: "https://dashscope.aliyuncs.com/compatible-mode/v1", Authorize: bearer,
		Operations: dashscopeOperations,
		Source:     "help.aliyun.com/model-studio: compatible chat, embedding, batch and files; provider-facts 9.1, 9.2, 9.5 [D]",
	}),
	speaks(OpenAI.API, dashscopeProtocol, Provider{
		Name: "dashscope-intl", BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Authorize: bearer,
		Operations: dashscopeOperations,
		Source:     "alibabacloud.com/help/model-studio: the same, in Singapore; provider-facts 9.1, 9.2, 9.5 [D]",
	}),
	speaks(OpenAI.API, dashscopeProtocol, Provider{
		Name: "dashscope-us", BaseURL: "https://dashscope-us.aliyuncs.com/compatible-mode/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpModels}, // no batches are documented in Virginia
		Source:     "provider-facts 9.1, 9.2, 9.5 [D]",
	}),
	speaks(OpenAI.API, dashscopeProtocol, Provider{
		Name: "dashscope-coding-intl", BaseURL: "https://coding-intl.dashscope.aliyuncs.com/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat},
		Source:     "provider-facts 9.1 [T]: keys of the coding plan are taken here only",
	}),
	speaks(Anthropic.API, dashscopeAnthropicProtocol, Provider{
		Name: "dashscope-anthropic", BaseURL: "https://dashscope.aliyuncs.com/apps/anthropic", Authorize: xAPIKey,
		Operations: onlyMessages,
		Source:     "help.aliyun.com/model-studio/anthropic-api-messages: base, /v1/messages below it, ANTHROPIC_API_KEY; provider-facts 9.1 [D]",
	}),
	speaks(Anthropic.API, dashscopeAnthropicProtocol, Provider{
		Name: "dashscope-intl-anthropic", BaseURL: "https://dashscope-intl.aliyuncs.com/apps/anthropic", Authorize: xAPIKey,
		Operations: onlyMessages,
		Source:     "alibabacloud.com/help/model-studio/anthropic-api-messages; provider-facts 9.5 [D]",
	}),
	speaks(Anthropic.API, dashscopeAnthropicProtocol, Provider{
		Name: "dashscope-us-anthropic", BaseURL: "https://dashscope-us.aliyuncs.com/apps/anthropic", Authorize: xAPIKey,
		Operations: onlyMessages,
		Source:     "help.aliyun.com/model-studio/anthropic-api-messages; provider-facts 9.5 [D]",
	}),
}

var dashscopeOperations = []OperationKind{OpChat, OpEmbeddings, OpModels, OpFiles, OpBatches}
