package provider

// nvidiaRules are about NVIDIA's flat {status, title} (provider-facts 9.2, 9.11).
// Rate limits carry no headers, and clear after about a minute.
var nvidiaRules = []rule{
	{status: 401, class: ClassAuthInvalid},
	{status: 402, class: ClassQuotaExhausted}, // unsure
	{status: 403, json: true, class: ClassAuthInvalid},
	{status: 429, class: ClassRateLimited},
}

var nvidiaProtocol = openaiProtocol.with(nvidiaRules, openaiTexts)

var nvidiaPlaces = []*Provider{
	speaks(OpenAI.API, nvidiaProtocol, Provider{
		Name: "nvidia", BaseURL: "https://integrate.api.nvidia.com/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpEmbeddings, OpModels},
		Source:     "build.nvidia.com: base; docs.nvidia.com/nim: operations; provider-facts 9.2, 9.11 [D][T]",
	}),
}
