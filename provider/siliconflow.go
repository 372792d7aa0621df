package provider

// siliconflowRules go by the text, since the envelope varies and may be missing
// (provider-facts 9.2).
var siliconflowRules = []rule{
	{text: "system is really busy", class: ClassOverloaded}, // with any status
	{text: "api key is invalid", class: ClassAuthInvalid},
	{status: 403, text: "balance", class: ClassQuotaExhausted}, // unsure
}

var siliconflowProtocol = openaiProtocol.with(siliconflowRules, openaiTexts)

var siliconflowPlaces = []*Provider{
	speaks(OpenAI.API, siliconflowProtocol, Provider{
		Name: "siliconflow", BaseURL: "https://api.siliconflow.cn/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpAudio, OpModels, OpFiles, OpBatches},
		Source:     "docs.siliconflow.cn/llms.txt: operations; provider-facts 9.1, 9.2 [T]",
	}),
}
