package provider

// minimaxRules follow MiniMax's codes, which come as base_resp.status_code with
// status 200 (provider-facts 9.2, 9.11).
var minimaxRules = []rule{
	{code: "1008", class: ClassQuotaExhausted},
	{code: "1002", class: ClassRateLimited},
	{code: "1039", class: ClassRateLimited},
	{code: "1041", class: ClassRateLimited},
	{code: "2056", class: ClassRateLimited},
	{code: "1001", class: ClassTimeout},
	{code: "1000", class: ClassTransient}, // this and the next three are like a 500
	{code: "1013", class: ClassTransient},
	{code: "1024", class: ClassTransient},
	{code: "1033", class: ClassTransient},
	{code: "1004", class: ClassAuthInvalid},
	{code: "2049", class: ClassAuthInvalid},
	{code: "2013", text: "context", class: ClassContextTooLong}, // the code alone is unsure; either way the request is at fault
	{code: "2013", class: ClassInvalidRequest},
	{code: "1026", class: ClassContentPolicy}, // of the input
	{code: "1027", class: ClassContentPolicy}, // of the output
	{code: "1042", class: ClassInvalidRequest},
}

var (
	minimaxProtocol          = openaiProtocol.with(minimaxRules, openaiTexts)
	minimaxAnthropicProtocol = anthropicProtocol.with(minimaxRules)
)

var minimaxPlaces = []*Provider{
	speaks(OpenAI.API, minimaxProtocol, Provider{
		Name: "minimax", BaseURL: "https://api.minimaxi.com/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpModels},
		Source:     "platform.minimaxi.com/docs: OpenAI API, list models; provider-facts 9.1, 9.2, 9.11 [D][T]",
	}),
	speaks(OpenAI.API, minimaxProtocol, Provider{
		Name: "minimax-intl", BaseURL: "https://api.minimax.io/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpResponses, OpModels},
		Source:     "platform.minimax.io/docs: OpenAI API, responses, list models; provider-facts 9.2 [D]",
	}),
	speaks(Anthropic.API, minimaxAnthropicProtocol, Provider{
		Name: "minimax-anthropic", BaseURL: "https://api.minimaxi.com/anthropic", Authorize: bearer,
		Operations: minimaxAnthropicOperations,
		Source:     "platform.minimaxi.com/docs: Anthropic API, list models with a bearer token; provider-facts 9.1 [D]",
	}),
	speaks(Anthropic.API, minimaxAnthropicProtocol, Provider{
		Name: "minimax-intl-anthropic", BaseURL: "https://api.minimax.io/anthropic", Authorize: bearer,
		Operations: minimaxAnthropicOperations,
		Source:     "platform.minimax.io/docs: Anthropic API, with a bearer token in its example; provider-facts 9.2 [D]",
	}),
}

// minimaxAnthropicOperations stand at /anthropic/v1/messages and
// /anthropic/v1/models.
var minimaxAnthropicOperations = []OperationKind{OpMessages, OpModels}
