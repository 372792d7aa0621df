package provider_test

var moonshotRows = []judged{
	{401, "", "moonshot/401-bad-key.json", auth, account},
	{429, "", "moonshot/429-suspended.json", quota, account},
	{403, "", "moonshot/429-suspended.json", quota, account},
	{403, "", `{"error":{"message":"Your account has insufficient balance","type":"permission_denied_error"}}`, quota, account},
	{429, "", moonshotBody("rate_limit_reached_error", "request reached max request: 3"), rate, account},
	{429, "", moonshotBody("rate_limit_reached_error", "request reached max concurrency: 1"), capacity, account},
	{429, "", moonshotBody("engine_overloaded_error", "The engine is currently overloaded, please try again later"), overloaded, provided},
	{400, "", moonshotBody("content_filter", "The request was rejected because it was considered high risk"), policy, none},
	{404, "", moonshotBody("resource_not_found_error", "Not found the model or Permission denied"), noModel, pair},
	{400, "", moonshotBody("invalid_request_error", "Your request exceeded model token limit: maximum context length is 8192"), tooLong, none},

	{402, "", `{"error":{"message":"Your membership is unavailable","type":"x"}}`, quota, account},
	{403, "", `{"error":{"message":"You've reached your usage limit for this billing cycle.","type":"x"}}`, quota, account},
	{403, "", `{"error":{"message":"Kimi For Coding is currently only available for Coding Agents","type":"x"}}`, permission, none},
	{429, "", `{"error":{"message":"You have reached your usage limit for this period.","type":"x"}}`, quota, account},
}

func moonshotBody(typ, message string) string {
	return `{"error":{"message":"` + message + `","type":"` + typ + `"}}`
}
