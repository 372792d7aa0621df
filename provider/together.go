package provider

// togetherRules follow Together's page of error codes (provider-facts 9.2,
// 9.11). code is error_type.
var togetherRules = []rule{
	{status: 403, json: true, class: ClassContextTooLong}, // input and max_tokens do not fit; not the key
	{code: "dynamic_request_limited", class: ClassRateLimited},
	{code: "dynamic_token_limited", class: ClassRateLimited},
}

var togetherProtocol = openaiProtocol.with(togetherRules, openaiTexts).but(func(pr *protocol) {
	pr.reset = headerReset // in seconds
})

// togetherPlaces: https://api.together.xyz/v1, the older base, is in use too.
// Batches and fine-tuning are not as at OpenAI.
var togetherPlaces = []*Provider{
	speaks(OpenAI.API, togetherProtocol, Provider{
		Name: "together", BaseURL: "https://api.together.ai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpEmbeddings, OpImages, OpAudio, OpModels, OpFiles},
		Source:     "docs.together.ai/docs/inference/openai-compatibility: operations; provider-facts 9.1, 9.2, 9.11 [D]",
	}),
}
