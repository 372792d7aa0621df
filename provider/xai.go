package provider

// xaiRules go by the text, since xAI's codes are sentences or say
// permission-denied of an empty account (provider-facts 9.2, 9.9). The envelope
// is flat, with a text under error.
var xaiRules = []rule{
	// Money, with 403 or 429.
	{text: "used all available credits", class: ClassQuotaExhausted},
	{text: "reached its monthly spending limit", class: ClassQuotaExhausted},
	{text: "doesn't have any credits or licenses", class: ClassQuotaExhausted},
	{text: "run out of credits", class: ClassQuotaExhausted},
	{text: "need a grok subscription", class: ClassQuotaExhausted},

	// 400 that is not the request's fault.
	{text: "incorrect api key provided", class: ClassAuthInvalid},
	{text: "^model not found", class: ClassModelNotFound}, // 404 too

	{text: "content violates usage guidelines", class: ClassContentPolicy},
	{text: "maximum prompt length is", class: ClassContextTooLong},
	{text: "currently at capacity", class: ClassOverloaded},
	{code: "permission-denied", class: ClassPermission},
}

var xaiProtocol = openaiProtocol.with(xaiRules, openaiTexts)

var xaiPlaces = []*Provider{
	speaks(OpenAI.API, xaiProtocol, Provider{
		Name: "xai", BaseURL: "https://api.x.ai/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpResponses, OpCompletions, OpImages, OpVideos, OpModels, OpFiles, OpBatches, OpStored},
		Source:     "docs.x.ai REST reference: operations; provider-facts 9.1, 9.2, 9.9 [D][T]",
	}),
}
