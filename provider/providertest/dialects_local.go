package providertest

// local are the servers of provider-facts 10. They have no accounts: what is
// said about money and rates is what a proxy in front of them would say.
var local = []*dialect{vllm, ollama, lmStudio, llamaCpp, liteLLM}

// vllm has the status as an int in its code, and a string for an error when the
// key is missing.
var vllm = &dialect{
	id:       "vllm",
	models:   []string{"Qwen/Qwen3-8B"},
	envelope: `{"error":{"message":{words},"type":{type},"param":null,"code":{status}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "RateLimitError", words: "Too many requests"},
		kindQuota:          {status: 429, typ: "RateLimitError", words: "The budget is used up"},
		kindUnauthorized:   {status: 401, typ: "Unauthorized", body: `{"error":"Unauthorized"}`},
		kindPermission:     {status: 403, typ: "PermissionDeniedError", words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 404, typ: "NotFoundError", words: "The model `{model}` does not exist."},
		kindContextTooLong: {status: 400, typ: "BadRequestError", words: "This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens."},
		kindInvalid:        {status: 400, typ: "BadRequestError", words: "temperature must be non-negative, got -1.0."},
		kindContentPolicy:  {status: 400, typ: "BadRequestError", words: "The request was refused by moderation"},
		kindServerError:    {status: 500, typ: "InternalServerError", words: "Internal server error"},
		kindOverloaded:     {status: 503, typ: "ServiceUnavailableError", words: "The server is overloaded"},
	},
	local:  true,
	public: []string{"/health"},
	done:   true,
	also:   alsoAll,
}

var ollama = &dialect{
	id:       "ollama",
	models:   []string{"gemma4", "llama3.2"},
	envelope: `{"error":{"message":{words},"type":{type},"param":null,"code":null}}`,
	native:   `{"error":{words}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "api_error", words: "too many requests"},
		kindQuota:          {status: 402, typ: "api_error", words: "payment is required to use this model"},
		kindUnauthorized:   {status: 401, typ: "api_error", words: "unauthorized"},
		kindPermission:     {status: 403, typ: "api_error", words: "access to model '{model}' is denied"},
		kindModelNotFound:  {status: 404, typ: "not_found_error", words: "model '{model}' not found"},
		kindContextTooLong: {status: 400, typ: openAIInvalid, words: "the prompt exceeds the maximum context length"},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "invalid option: temperature"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, words: "the request was refused by moderation"},
		kindServerError:    {status: 500, typ: "api_error", words: "an error was encountered while running the model"},
		kindOverloaded:     {status: 503, typ: "api_error", words: "server busy, please try again. maximum pending requests exceeded"},
		kindCapacity:       {status: 503, typ: "api_error", words: "server busy, please try again. maximum pending requests exceeded"},
	},
	local:    true,
	greeting: "Ollama is running",
	ollama:   true,
	also:     alsoAll,
}

// lmStudio documents no form for errors; this is one of the two that are seen.
var lmStudio = &dialect{
	id:       "lmstudio",
	models:   []string{"qwen3-8b"},
	envelope: `{"error":{words}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, words: "Too many requests"},
		kindQuota:          {status: 429, words: "The budget is used up"},
		kindUnauthorized:   {status: 401, words: "Unauthorized"},
		kindModelNotFound:  {status: 404, words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, words: "The prompt exceeds the maximum context length of 8192 tokens"},
		kindInvalid:        {status: 400, words: "temperature must be at least 0"},
		kindContentPolicy:  {status: 400, words: "The request was refused by moderation"},
		kindServerError:    {status: 500, words: "Internal error"},
		kindOverloaded:     {status: 503, words: "The server is overloaded"},
	},
	local: true,
	also:  alsoAll,
}

// llamaCpp is busy while it loads a model, and says so at /health too:
// Always(Overloaded()).
var llamaCpp = &dialect{
	id:       "llamacpp",
	models:   []string{"gemma-4-e4b"},
	envelope: `{"error":{"code":{status},"message":{words},"type":{type}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "rate_limit_error", words: "Too many requests"},
		kindQuota:          {status: 429, typ: "insufficient_quota", words: "The budget is used up"},
		kindUnauthorized:   {status: 401, typ: "authentication_error", words: "Invalid API Key"},
		kindModelNotFound:  {status: 404, typ: "not_found_error", words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: "exceed_context_size_error", words: "the request exceeds the available context size"},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "temperature must be at least 0"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, words: "The request was refused by moderation"},
		kindServerError:    {status: 500, typ: "server_error", words: "Internal error"},
		kindOverloaded:     {status: 503, typ: "unavailable_error", words: "Loading model"},
	},
	local:  true,
	public: []string{"/health"},
	also:   []operation{opCompletions},
}

// liteLLM has OpenAI's errors with the status as a string in the code, and with
// the words of whoever it asked.
var liteLLM = &dialect{
	id:       "litellm",
	models:   []string{"gpt-5.6", "claude-sonnet-5"},
	envelope: `{"error":{"message":{words},"type":{type},"param":null,"code":"{status}"}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "throttling_error", words: "litellm.RateLimitError: Rate limit reached for {model}.{wait}"},
		kindQuota:          {status: 429, typ: "insufficient_quota", words: "litellm.RateLimitError: You exceeded your current quota, please check your plan and billing details."},
		kindUnauthorized:   {status: 401, typ: "auth_error", words: "Authentication Error, Invalid proxy server token passed"},
		kindModelNotFound:  {status: 404, typ: "not_found_error", words: "litellm.NotFoundError: The model `{model}` does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: openAIInvalid, words: "litellm.ContextWindowExceededError: This model's maximum context length is 131072 tokens."},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "litellm.BadRequestError: temperature must be at most 2"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, words: "litellm.ContentPolicyViolationError: The request was refused by moderation"},
		kindServerError:    {status: 500, typ: "internal_server_error", words: "litellm.InternalServerError: Internal server error"},
		kindOverloaded:     {status: 503, typ: "service_unavailable", words: "litellm.ServiceUnavailableError: The server is overloaded"},
	},
	local:  true,
	public: []string{"/health/liveliness"},
	also:   alsoAll,
}
