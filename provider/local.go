package provider

// vllmRules follow bodies seen (provider-facts 10). A missing key is a text
// under error, and code is the status.
var vllmRules = []rule{
	{status: 401, class: ClassAuthInvalid},
	{typ: "NotFoundError", class: ClassModelNotFound},
	{typ: "BadRequestError", class: ClassInvalidRequest},
}

// ollamaRules follow Ollama's pages (provider-facts 10): of its own API, whose
// errors are a text under error, and of its compatible one.
var ollamaRules = []rule{
	{status: 401, class: ClassAuthInvalid}, // the cloud, with a signin_url
	{status: 404, text: "^model ", class: ClassModelNotFound},
	{status: 404, typ: "not_found_error", class: ClassModelNotFound},
	{text: "server busy", class: ClassOverloaded},
	{status: 502, class: ClassTransient, scope: ScopeProviderModel}, // the cloud's model cannot be reached
	{status: 200, typ: "api_error", class: ClassTransient},
}

// llamacppRules: a server that loads a model is slow and not dead
// (provider-facts 10). The other type was seen in public repositories.
var llamacppRules = []rule{
	{typ: "unavailable_error", class: ClassOverloaded},
	{typ: "exceed_context_size_error", class: ClassContextTooLong},
}

var (
	vllmProtocol     = openaiProtocol.with(vllmRules, openaiTexts)
	ollamaProtocol   = openaiProtocol.with(ollamaRules, openaiTexts)
	llamacppProtocol = openaiProtocol.with(llamacppRules, openaiTexts)
)

// localPlaces are servers of one's own at the ports they choose; use At for
// another host. Those that want no key take any.
//
// LM Studio's errors are not documented and LiteLLM's are OpenAI's with the
// status as a string, so both are judged by OpenAI's table and the status.
var localPlaces = []*Provider{
	speaks(OpenAI.API, vllmProtocol, Provider{
		Name: "vllm", BaseURL: "http://localhost:8000/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpResponses, OpEmbeddings, OpAudio, OpModels, OpStored},
		Source:     "docs.vllm.ai/serving/online_serving: operations; provider-facts 10 [D][T]",
	}),
	speaks(OpenAI.API, ollamaProtocol, Provider{
		Name: "ollama", BaseURL: "http://localhost:11434/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpResponses, OpEmbeddings, OpModels},
		Source:     "docs.ollama.com/api/openai-compatibility: operations; provider-facts 10 [D][T]",
	}),
	speaks(OpenAI.API, openaiProtocol, Provider{
		Name: "lmstudio", BaseURL: "http://localhost:1234/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpResponses, OpEmbeddings, OpModels},
		Source:     "lmstudio.ai/docs/developer/openai-compat: operations; provider-facts 10 [D][U]",
	}),
	speaks(OpenAI.API, llamacppProtocol, Provider{
		Name: "llamacpp", BaseURL: "http://localhost:8080/v1", Authorize: bearer,
		Operations: []OperationKind{OpChat, OpCompletions, OpEmbeddings, OpModels},
		Source:     "provider-facts 10 [U]; llama.cpp's server README: operations",
	}),
	speaks(OpenAI.API, openaiProtocol, Provider{
		Name: "litellm", BaseURL: "http://localhost:4000/v1", Authorize: bearer,
		Source: "provider-facts 10 [T]; it may pass on any operation",
	}),
}
