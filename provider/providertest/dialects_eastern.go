package providertest

// The envelopes of errors that several providers share.
const (
	fourMembers = `{"error":{"message":{words},"type":{type},"param":null,"code":{code}}}`
	typeAndCode = `{"error":{"message":{words},"type":{type},"code":{code}}}`
)

// eastern are the providers of provider-facts 9.3 to 9.6, and MiniMax and
// SiliconFlow of 9.2. Moonshot and MiniMax have responses outside of China.
var eastern = []*dialect{moonshot, deepSeek, dashScope, zhipu, miniMax, siliconFlow}

var moonshot = &dialect{
	id:       "moonshot",
	models:   []string{"kimi-k2.5", "kimi-k2-turbo"},
	envelope: `{"error":{"message":{words},"type":{type}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "rate_limit_reached_error", words: "Your account has reached its limit of requests per minute.{wait}"},
		kindCapacity:       {status: 429, typ: "rate_limit_reached_error", words: "Your account has reached its max concurrency: 3"},
		kindQuota:          {status: 429, typ: "exceeded_current_quota_error", words: "Your account is suspended due to insufficient balance, please recharge your account or check your plan and billing details"},
		kindUnauthorized:   {status: 401, typ: "invalid_authentication_error", words: "Invalid Authentication"},
		kindPermission:     {status: 403, typ: "permission_denied_error", words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 404, typ: "resource_not_found_error", words: "Not found the model {model} or permission denied"},
		kindContextTooLong: {status: 400, typ: openAIInvalid, words: "Your request is longer than the model's maximum context length of 131072 tokens"},
		kindInvalid:        {status: 400, typ: openAIInvalid, words: "Invalid request: temperature must be at most 1"},
		kindContentPolicy:  {status: 400, typ: "content_filter", words: "The request was rejected because it was considered high risk"},
		kindServerError:    {status: 500, typ: "server_error", words: "Internal server error"},
		kindOverloaded:     {status: 429, typ: "engine_overloaded_error", words: "The engine is currently overloaded, please try again later"},
	},
	refused: retryAfter,
	usage:   moonshotUsage,
	place:   inChoice,
	balance: &balance{path: "/users/me/balance", tell: moonshotBalance},
	lists:   true,
	also:    []operation{opResponses},
	twin:    true,
}

// moonshotBalance has numbers.
func moonshotBalance(broke bool) object {
	available, voucher, cash := 49.58, 46.58, 3.0
	if broke {
		available, voucher, cash = -0.42, 0, -0.42
	}
	return object{{"code", 0}, {"data", object{
		{"available_balance", available}, {"voucher_balance", voucher}, {"cash_balance", cash},
	}}, {"scode", "0x0"}, {"status", true}}
}

var deepSeek = &dialect{
	id:       "deepseek",
	models:   []string{"deepseek-chat", "deepseek-reasoner"},
	envelope: fourMembers,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "unknown_error", code: openAIInvalid, words: "Rate limit reached"},
		kindCapacity:       {status: 429, typ: "unknown_error", code: openAIInvalid, words: "Too many concurrent requests"},
		kindQuota:          {status: 402, typ: "unknown_error", code: openAIInvalid, words: "Insufficient Balance"},
		kindUnauthorized:   {status: 401, typ: "authentication_error", code: openAIInvalid, words: "Authentication Fails, Your api key: ****{tail} is invalid"},
		kindNoCredential:   {status: 401, typ: "authentication_error", body: "Authentication Fails (governor)"},
		kindModelNotFound:  {status: 400, typ: openAIInvalid, code: openAIInvalid, words: "Model Not Exist"},
		kindContextTooLong: {status: 400, typ: openAIInvalid, code: openAIInvalid, words: "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens. Please reduce the length of the messages."},
		kindInvalid:        {status: 422, typ: openAIInvalid, code: openAIInvalid, words: "Invalid temperature value, the valid range is [0, 2]"},
		kindContentPolicy:  {status: 400, typ: openAIInvalid, code: openAIInvalid, words: "Content Exists Risk"},
		kindServerError:    {status: 500, typ: "unknown_error", code: openAIInvalid, words: "Internal Server Error"},
		kindOverloaded:     {status: 503, typ: "unknown_error", code: openAIInvalid, words: "The server is overloaded, please retry after a brief wait"},
	},
	usage:   deepSeekUsage,
	thinks:  true,
	alive:   signs{stream: ": keep-alive\n\n", plain: "\n", usual: 1},
	balance: &balance{path: "/user/balance", tell: deepSeekBalance},
	twin:    true,
}

// deepSeekBalance has strings.
func deepSeekBalance(broke bool) object {
	total, granted, toppedUp := "110.00", "10.00", "100.00"
	if broke {
		total, granted, toppedUp = "0.00", "0.00", "0.00"
	}
	return object{{"is_available", !broke}, {"balance_infos", list{object{
		{"currency", "CNY"}, {"total_balance", total}, {"granted_balance", granted}, {"topped_up_balance", toppedUp},
	}}}}
}

// dashScope has some of its errors in OpenAI's form and some in its own flat
// one, on the same endpoint. Its insufficient_quota is about tokens a minute.
var dashScope = &dialect{
	id:       "dashscope",
	models:   []string{"qwen3-max", "qwen-plus"},
	envelope: fourMembers,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, typ: "insufficient_quota", code: "insufficient_quota", words: "You exceeded your current quota, please check your plan and billing details."},
		kindCapacity:       {status: 429, typ: "Throttling", body: `{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.","request_id":"{id}"}`},
		kindQuota:          {status: 400, typ: "Arrearage", body: `{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","request_id":"{id}"}`},
		kindSpendLimit:     {status: 429, typ: "BudgetLimitExceeded", code: "BudgetLimitExceeded", words: "The budget of this workspace is used up."},
		kindUnauthorized:   {status: 401, typ: openAIInvalid, body: `{"error":{"message":"Incorrect API key provided. For details, see: https://help.aliyun.com/zh/model-studio/error-code#apikey-error","type":"invalid_request_error","code":"invalid_api_key"}}`},
		kindPermission:     {status: 403, typ: "AccessDenied", code: "AccessDenied", words: "Access denied."},
		kindModelNotFound:  {status: 404, typ: openAIInvalid, code: "model_not_found", words: "The model `{model}` does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, typ: "InvalidParameter", code: "InvalidParameter", words: "Range of input length should be [1, 129024]"},
		kindInvalid:        {status: 400, typ: "InvalidParameter", code: "InvalidParameter", words: "temperature must be less than 2"},
		kindContentPolicy:  {status: 400, typ: "data_inspection_failed", code: "data_inspection_failed", words: "Input data may contain inappropriate content."},
		kindServerError:    {status: 500, typ: "InternalError", code: "InternalError", words: "An internal error has occurred, please try again later."},
		kindOverloaded:     {status: 503, typ: "ServiceUnavailable", code: "ServiceUnavailable", words: "<503> InternalError.Algo: the model is too busy to answer."},
	},
	refused: retryAfter,
	twin:    true,
}

// zhipu has its meaning in the code; the status tells little.
var zhipu = &dialect{
	id:       "zhipu",
	models:   []string{"glm-5", "glm-4.7-flash"},
	envelope: `{"error":{"code":{code},"message":{words}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, code: "1303", words: "The API is called too frequently"},
		kindCapacity:       {status: 429, code: "1302", words: "Rate limit reached for requests"},
		kindQuota:          {status: 429, code: "1113", words: "余额不足或无可用资源包,请充值。"},
		kindSpendLimit:     {status: 429, code: "1308", words: "Usage limit reached for 5 hours. Your limit will reset at {hours}"},
		kindUnauthorized:   {status: 401, code: "1000", words: "Authentication failed"},
		kindNoCredential:   {status: 401, code: "1001", words: "The Authorization header is missing"},
		kindPermission:     {status: 403, code: "1220", words: "You are not permitted to use {model}"},
		kindModelNotFound:  {status: 400, code: "1211", words: "Unknown model, please check the model code."},
		kindContextTooLong: {status: 400, code: "1261", words: "Prompt exceeds max length"},
		kindInvalid:        {status: 400, code: "1210", words: "Invalid parameter: temperature"},
		kindContentPolicy:  {status: 400, code: "1301", words: "The input may contain unsafe or sensitive content"},
		kindServerError:    {status: 500, code: "500", words: "Internal error"},
		kindOverloaded:     {status: 429, code: "1305", words: "The model is overloaded at the moment, please try again later"},
	},
	twin: true,
}

// miniMax says on HTTP 200 that it failed, and says on good answers that it did
// not.
var miniMax = &dialect{
	id:       "minimax",
	models:   []string{"MiniMax-M2.5", "MiniMax-M2"},
	envelope: `{"id":"","choices":null,"base_resp":{"status_code":{number},"status_msg":{words}}}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 200, code: "1002", words: "rate limit exceeded"},
		kindCapacity:       {status: 200, code: "1041", words: "too many connections"},
		kindQuota:          {status: 200, code: "1008", words: "insufficient balance"},
		kindUnauthorized:   {status: 200, code: "1004", words: "login fail: please carry the API secret key in the Authorization field of the request header"},
		kindModelNotFound:  {status: 200, code: "2013", words: "invalid params, unknown model '{model}'"},
		kindContextTooLong: {status: 200, code: "2013", words: "invalid params, the prompt exceeds the maximum context length"},
		kindInvalid:        {status: 200, code: "2013", words: "invalid params, temperature must be at most 1"},
		kindContentPolicy:  {status: 200, code: "1026", words: "input new_sensitive"},
		kindServerError:    {status: 200, code: "1013", words: "internal service error"},
		kindOverloaded:     {status: 200, code: "1000", words: "the service is busy, please try again later"},
	},
	extra: object{{"base_resp", object{{"status_code", 0}, {"status_msg", ""}}}},
	also:  []operation{opResponses},
	twin:  true,
}

// siliconFlow has its errors in a flat form, or as bare text; its busy text
// comes with any status. The numbers of its codes are a choice of this package.
var siliconFlow = &dialect{
	id:       "siliconflow",
	models:   []string{"deepseek-ai/DeepSeek-V3.2", "Qwen/Qwen3-32B"},
	envelope: `{"code":{number},"message":{words},"data":null}`,
	errors: map[kind]failure{
		kindRateLimited:    {status: 429, code: "50603", words: "Request was rejected due to rate limiting. Details: RPM limit reached.{wait}"},
		kindQuota:          {status: 403, code: "30001", words: "Sorry, your account balance is insufficient"},
		kindUnauthorized:   {status: 401, body: "Api key is invalid"},
		kindModelNotFound:  {status: 400, code: "20012", words: "The model {model} does not exist or you do not have access to it."},
		kindContextTooLong: {status: 400, code: "20015", words: "The prompt exceeds the maximum context length of 131072 tokens"},
		kindInvalid:        {status: 400, code: "20015", words: "The parameter is invalid: temperature"},
		kindContentPolicy:  {status: 400, code: "20015", words: "The request was refused by moderation"},
		kindServerError:    {status: 500, code: "60000", words: "Internal error"},
		kindOverloaded:     {status: 503, code: "50505", words: "System is really busy. Please try again later."},
	},
}
