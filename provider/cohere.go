package provider

// cohereRules are about Cohere's flat {message, id}, whose status speaks
// (provider-facts 9.2, 9.11).
var cohereRules = []rule{
	{status: 400, text: "too many tokens", class: ClassContextTooLong},
	{status: 402, class: ClassQuotaExhausted},
	{status: 429, class: ClassRateLimited}, // without headers
}

// cohereFinish are the finish reasons that say of a good answer that it is none
// (seen), in the case of Cohere's own API and in that of OpenAI's.
var cohereFinish = map[string]Class{
	"ERROR": ClassTransient, "error": ClassTransient,
	"TIMEOUT": ClassTimeout, "timeout": ClassTimeout,
}

var cohereProtocol = openaiProtocol.with(cohereRules, openaiTexts).but(func(pr *protocol) {
	pr.finish = cohereFinish
})

// coherePlaces: the base has chat and embeddings; Cohere's own API is another.
var coherePlaces = []*Provider{
	speaks(OpenAI.API, cohereProtocol, Provider{
		Name: "cohere", BaseURL: "https://api.cohere.ai/compatibility/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpEmbeddings},
		Source:     "docs.cohere.com/docs/compatibility-api: base, operations; provider-facts 9.2, 9.11 [D]",
	}),
}
