package providertest

import "net/http"

// western are the providers of provider-facts 9.7 to 9.11, and Gemini's
// OpenAI-compatible endpoint of 5.4.
var western = []*dialect{mistral, groq, xai, openRouter, together, cerebras, cohere, nvidia, geminiOpenAI}

// alsoAll is all of OpenAI's text API.
var alsoAll = []operation{opResponses, opCompletions}

var mistral = &dialect{
	id:       "mistral",
	models:   []string{"mistral-large-latest", "mistral-small-latest"},
	envelope: `{"object":"error","message":{words},"type":{type},"param":null,"code":{code}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "rate_limit_error", code: "1300", words: "Requests rate limit exceeded"},
		kindCapacity:       {status: 429, typ: "service_tier_capacity_exceeded", code: "3505", words: "Service tier capacity exceeded for this model."},
		kindQuota:          {status: 402, typ: openAIInvalid, words: "Your credits are used up. Please check your billing."},
		kindSpendLimit:     {status: 429, typ: "rate_limit_error", words: "The monthly limit of tokens is used up"},
		kindUnauthorized:   {status: 401, typ: "authentication_error", body: `{"detail":"Unauthorized"}`},
		kindPermission:     {status: 403, typ: openAIInvalid, words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 400, typ: openAIInvalid, body: `{"object":"error","message":"Invalid model: {model}","type":"invalid_request_error","param":"model","code":"unknown_model"}`},
		kindContextTooLong: {status: 400, typ: openAIInvalid, words: "The prompt has 140000 tokens, too many for a model with a maximum context length of 131072"},
		kindInvalid:        {status: 422, typ: openAIInvalid, body: `{"detail":[{"loc":["body","temperature"],"msg":"Input should be less than or equal to 1.5","type":"less_than_equal"}]}`},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, code: "content_policy_violation", words: "The request was refused by moderation"},
		kindServerError:    {status: 500, typ: "server_error", words: "Internal server error"},
		kindOverloaded:     {status: 429, typ: "service_tier_capacity_exceeded", code: "3505", words: "Service tier capacity exceeded for this model."},
	},
	good:    mistralLimits,
	refused: mistralLimits,
	place:   inEnd,
}

var groq = &dialect{
	id:       "groq",
	models:   []string{"llama-3.3-70b-versatile", "openai/gpt-oss-120b"},
	envelope: typeAndCode,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "requests", code: "rate_limit_exceeded", words: "Rate limit reached for model `{model}` in organization `org_x` service tier `on_demand` on requests per minute (RPM): Limit 30, Used 30, Requested 1.{wait}"},
		kindCapacity:       {status: 498, typ: "capacity_exceeded", code: "capacity_exceeded", words: "The flex tier has no capacity for this request. Please try again later."},
		kindQuota:          {status: 403, typ: openAIInvalid, code: "organization_restricted", words: "Organization has been restricted. Please contact support."},
		kindSpendLimit:     {status: 429, typ: "tokens", code: "rate_limit_exceeded", words: "Rate limit reached for model `{model}` in organization `org_x` service tier `on_demand` on tokens per day (TPD): Limit 100000, Used 99990, Requested 120. Please try again in 1m43.68s."},
		kindUnauthorized:   {status: 401, typ: openAIInvalid, code: "invalid_api_key", words: "Invalid API Key"},
		kindPermission:     {status: 403, typ: "permissions_error", code: "model_permission_blocked_org", words: "The model `{model}` is blocked at the organization level."},
		kindModelNotFound:  {status: 404, typ: openAIInvalid, code: "model_not_found", words: "The model `{model}` does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: openAIInvalid, code: "context_length_exceeded", words: "Please reduce the length of the messages or completion."},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "'temperature' : value must be at most 2"},
		kindTooLarge:       {status: 413, typ: "tokens", code: "rate_limit_exceeded", words: "Request too large for model `{model}` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Requested 15420, please reduce your message size and try again."},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, code: "content_policy_violation", words: "The request was refused by moderation."},
		kindServerError:    {status: 500, typ: "internal_server_error", words: "Internal Server Error"},
		kindOverloaded:     {status: 503, typ: "service_unavailable", words: "The service is overloaded. Please try again later."},
	},
	good:    groqLimits,
	refused: groqRefused,
	place:   inXGroq,
	also:    []operation{opResponses},
}

const xaiBroke = "Your team 00000000-0000-0000-0000-000000000000 has either used all available credits or reached its monthly spending limit. To continue making API requests, please purchase more credits or raise your spending limit."

// xai has a string for an error, and 400 for a wrong key.
var xai = &dialect{
	id:       "xai",
	models:   []string{"grok-4.20", "grok-4-fast"},
	envelope: `{"code":{code},"error":{words}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, code: "Some resource has been exhausted", words: "Too many requests for this team.{wait}"},
		kindQuota:          {status: 403, code: "permission-denied", words: xaiBroke},
		kindSpendLimit:     {status: 429, code: "permission-denied", words: xaiBroke},
		kindUnauthorized:   {status: 400, code: "Client specified an invalid argument", words: "Incorrect API key provided: {ends}. You can obtain an API key from https://console.x.ai."},
		kindNoCredential:   {status: 401, code: "Unauthenticated", words: "No credential was provided."},
		kindPermission:     {status: 403, code: "The caller does not have permission to execute the specified operation", words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 400, code: "Client specified an invalid argument", words: "Model not found: {model}"},
		kindContextTooLong: {status: 400, code: "Client specified an invalid argument", words: "This model's maximum prompt length is 131072 but the request contains 140000 tokens."},
		kindInvalid:        {status: 400, code: "Client specified an invalid argument", words: "temperature must be at most 2"},
		kindContentPolicy:  {status: 400, code: "Client specified an invalid argument", words: "Content violates usage guidelines."},
		kindServerError:    {status: 500, code: "Internal error", words: "Internal error"},
		kindOverloaded:     {status: 503, code: "The service is currently unavailable", words: "The model is currently at capacity due to high demand."},
	},
	refused: retryAfter,
	usage:   xaiUsage,
	also:    alsoAll,
}

// openRouter has the status in its code as well, and says in metadata what it
// means. Some of its 402 pass by themselves.
var openRouter = &dialect{
	id:       "openrouter",
	models:   []string{"openai/gpt-5.6", "anthropic/claude-sonnet-5"},
	envelope: `{"error":{"message":{words},"code":{status},"metadata":{"error_type":{type}}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "rate_limit_exceeded", words: "Rate limit exceeded"},
		kindCapacity:       {status: 402, typ: "payment_required", headers: map[string]string{"Retry-After": "3"}, body: `{"error":{"message":"This request would exceed your available credits given your current in-flight requests. Retry after in-flight requests settle, or add credits.","code":402,"metadata":{"reason":"in_flight_budget_exhausted","limit_source":"openrouter_in_flight_budget"}}}`},
		kindQuota:          {status: 402, typ: "payment_required", body: `{"error":{"message":"Insufficient credits. Add more to go on.","code":402,"metadata":{"error_type":"payment_required","limit_source":"openrouter_credits"}}}`},
		kindSpendLimit:     {status: 403, typ: "payment_required", body: `{"error":{"code":403,"message":"Budget limit exceeded","metadata":{"limit_source":"openrouter_workspace_budget","scope":"workspace","limit_usd":100,"spend_usd":100.02,"resets_at":"{month}"}}}`},
		kindUnauthorized:   {status: 401, typ: "authentication", words: "User not found."},
		kindNoCredential:   {status: 401, typ: "authentication", words: "No auth credentials found"},
		kindPermission:     {status: 403, typ: "permission_denied", words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 404, typ: "not_found", words: "No endpoints found for {model}."},
		kindContextTooLong: {status: 400, typ: "context_length_exceeded", words: "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens."},
		kindInvalid:        {status: 400, typ: "invalid_request", words: "temperature must be at most 2"},
		kindContentPolicy:  {status: 403, typ: "content_policy_violation", body: `{"error":{"code":403,"message":"The input was flagged","metadata":{"error_type":"content_policy_violation","reasons":["violence"],"flagged_input":"…","provider_name":"p"}}}`},
		kindServerError:    {status: 502, typ: "provider_unavailable", words: "Provider disconnected"},
		kindOverloaded:     {status: 503, typ: "provider_overloaded", words: "The provider is overloaded"},
	},
	refused: openRouterRefused,
	usage:   openRouterUsage,
	place:   inAlways,
	inside:  openRouterInside,
	alive:   signs{stream: ": OPENROUTER PROCESSING\n\n", usual: 1},
	balance: &balance{path: "/key", tell: openRouterKey},
	also:    alsoAll,
}

// openRouterInside is an error once generation has begun.
func openRouterInside(words string, e failure) (stream, whole object) {
	told := member{"error", object{{"code", e.status}, {"message", words}, {"metadata", object{{"error_type", e.typ}}}}}
	stream = object{{"provider", "p"}, told, {"choices", list{object{
		{"index", 0}, {"delta", object{{"content", ""}}}, {"finish_reason", "error"},
	}}}}
	whole = object{{"choices", list{object{
		{"index", 0}, {"finish_reason", "error"}, {"message", object{{"role", "assistant"}, {"content", ""}}}, told,
	}}}}
	return stream, whole
}

func openRouterKey(broke bool) object {
	used, left := 25.5, 74.5
	if broke {
		used, left = 100, 0
	}
	return object{{"data", object{
		{"label", "sk-or-v1-fak...123"}, {"usage", used}, {"limit", 100}, {"limit_remaining", left}, {"is_free_tier", false},
	}}}
}

// together has 403 for a prompt that is too long.
var together = &dialect{
	id:       "together",
	models:   []string{"meta-llama/Llama-3.3-70B-Instruct-Turbo", "deepseek-ai/DeepSeek-V3"},
	envelope: fourMembers,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "rate_limit", body: `{"error":{"message":"You have reached the rate limit of this model.","type":"rate_limit","param":null,"code":null},"error_type":"dynamic_token_limited"}`},
		kindCapacity:       {status: 429, typ: "rate_limit", body: `{"error":{"message":"Too many requests at the same time for this model.","type":"rate_limit","param":null,"code":null},"error_type":"dynamic_request_limited"}`},
		kindQuota:          {status: 402, typ: "credit_limit", words: "Credit limit exceeded. Please add credits to go on."},
		kindUnauthorized:   {status: 401, typ: openAIInvalid, code: "invalid_api_key", words: "Invalid API key provided."},
		kindModelNotFound:  {status: 404, typ: openAIInvalid, code: "model_not_available", words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 403, typ: openAIInvalid, words: "inputs tokens + max_new_tokens must be at most 131073. Given: 140000."},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "temperature must be at most 2"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, code: "content_policy_violation", words: "The request was refused by moderation."},
		kindServerError:    {status: 500, typ: "server_error", words: "Internal server error"},
		kindOverloaded:     {status: 503, typ: "service_unavailable", words: "The service is overloaded. Please try again later."},
	},
	good:    togetherLimits,
	refused: togetherLimits,
	also:    []operation{opCompletions},
}

// cerebras tells clients not to retry what passes within a second.
var cerebras = &dialect{
	id:       "cerebras",
	models:   []string{"gpt-oss-120b", "llama3.1-8b"},
	envelope: `{"message":{words},"type":{type},"param":null,"code":{code}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "too_many_requests_error", body: `{"message":"Requests per minute limit exceeded.","type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}`},
		kindCapacity:       {status: 429, typ: "too_many_requests_error", headers: noRetry, body: cerebrasQueue},
		kindQuota:          {status: 402, typ: "payment_required_error", body: `{"message":"Payment is required to go on.","type":"payment_required_error","param":"quota","code":"payment_required"}`},
		kindSpendLimit:     {status: 429, typ: "too_many_requests_error", body: `{"message":"Tokens per day limit exceeded.","type":"too_many_requests_error","param":"quota","code":"token_quota_exceeded"}`},
		kindUnauthorized:   {status: 401, typ: openAIInvalid, code: "wrong_api_key", words: "Wrong API Key"},
		kindModelNotFound:  {status: 404, typ: "not_found_error", code: "model_not_found", words: "Model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: openAIInvalid, code: "context_length_exceeded", words: "Please reduce the length of the messages or completion. The maximum context length is 131072."},
		kindInvalid:        {status: 400, typ: openAIInvalid, code: "wrong_request_format", words: "temperature must be at most 1.5"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, code: "content_policy_violation", words: "The request was refused by moderation."},
		kindServerError:    {status: 500, typ: "server_error", words: "Internal server error"},
		kindOverloaded:     {status: 429, typ: "too_many_requests_error", headers: noRetry, body: cerebrasQueue},
	},
	good:    cerebrasLimits,
	refused: retryAfter,
	also:    []operation{opCompletions},
}

const cerebrasQueue = `{"message":"We are experiencing high traffic right now. Please try again soon.","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}`

var noRetry = map[string]string{"X-Should-Retry": "false"}

var cohere = &dialect{
	id:       "cohere",
	models:   []string{"command-a-03-2025", "command-r7b-12-2024"},
	envelope: `{"message":{words},"id":"{id}"}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, words: "You are past the rate limit of this key."},
		kindCapacity:       {status: 429, words: "You are past the limit of concurrent requests of this key."},
		kindQuota:          {status: 402, words: "Please add or update your payment method to go on."},
		kindUnauthorized:   {status: 401, words: "invalid api token"},
		kindModelNotFound:  {status: 404, words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, words: "too many tokens: size limit exceeded by 8869 tokens"},
		kindInvalid:        {status: 400, words: "invalid request: temperature must be between 0 and 1.0 inclusive"},
		kindContentPolicy:  {status: 400, words: "invalid request: the content was refused by moderation"},
		kindServerError:    {status: 500, words: "internal server error"},
		kindOverloaded:     {status: 503, words: "the service is overloaded"},
	},
	good:  func(h http.Header, _ *call, l left) { h.Set("X-Trial-Endpoint-Call-Remaining", decimal(l.requests)) },
	place: inEnd, // unsure: the facts do not say where Cohere's compatible streams have it
}

var nvidia = &dialect{
	id:       "nvidia",
	models:   []string{"meta/llama-3.3-70b-instruct", "nvidia/nemotron-nano-9b-v2"},
	envelope: `{"status":{status},"title":{type},"detail":{words}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "Too Many Requests", body: `{"status":429,"title":"Too Many Requests"}`},
		kindQuota:          {status: 402, typ: "Payment Required", words: "The credits of this account are used up"},
		kindUnauthorized:   {status: 401, typ: "Unauthorized", words: "Authentication failed"},
		kindPermission:     {status: 403, typ: "Forbidden", words: "Authorization failed"},
		kindModelNotFound:  {status: 404, typ: "Not Found", words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: "Bad Request", words: "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens."},
		kindInvalid:        {status: 400, typ: "Bad Request", words: "temperature must be at most 1"},
		kindContentPolicy:  {status: 400, typ: "Bad Request", words: "The request was refused by moderation"},
		kindServerError:    {status: 500, typ: "Internal Server Error", words: "Internal error while making inference request"},
		kindOverloaded:     {status: 503, typ: "Service Unavailable", words: "The model is overloaded"},
	},
	also: []operation{opCompletions},
}

// geminiOpenAI has Gemini's errors, each in an array of one.
var geminiOpenAI = &dialect{
	id:     "gemini-openai",
	models: []string{"models/gemini-3.6-flash", "models/gemini-3-pro"},
	google: true,
}
