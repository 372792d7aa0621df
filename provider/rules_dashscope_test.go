package provider_test

import "github.com/aitransport/aitransport/provider"

var dashscopeRows = []judged{
	{400, "", "dashscope/400-arrearage.json", quota, account},
	{403, "", dashscopeBody("AccessDenied.Unpurchased", "no"), quota, account},
	{429, "", dashscopeBody("BudgetLimitExceeded", "no"), quota, account},
	{429, "", dashscopeBody("Throttling.AllocationQuota", "Free allocated quota exceeded: your free quota is used up."), quota, account},
	{429, "", withCode("insufficient_quota", "insufficient_quota", "The free tier of the model has been exhausted."), quota, account},

	{429, "", "dashscope/429-throttle.json", rate, pair},
	{429, "", withCode("insufficient_quota", "", "You exceeded your current quota, please check your plan and billing details."), rate, pair},
	{429, "", "dashscope/429-rate.json", rate, pair},
	{429, "", dashscopeBody("Throttling.AllocationQuota", "Allocated quota exceeded"), rate, pair},
	{429, "", dashscopeBody("LimitRequests", "no"), rate, pair},
	{429, "", dashscopeBody("Throttling.ServiceOverloaded", "no"), overloaded, provided},
	{503, "", dashscopeBody("ServiceUnavailable", "<503> InternalError.Algo: no"), overloaded, provided},
	{500, "", dashscopeBody("", "<503> InternalError.Algo: An error occurred in model serving"), overloaded, provided},
	{500, "", dashscopeBody("InternalError", "no"), transient, account},
	{500, "", dashscopeBody("InternalError.Timeout", "no"), timeout, account},
	{500, "", dashscopeBody("RequestTimeOut", "no"), timeout, account},

	{401, "", "dashscope/401-bad-key.json", auth, account},
	{401, "", dashscopeBody("InvalidApiKey", "Invalid API-key provided."), auth, account},
	{403, "", dashscopeBody("AccessDenied", "no"), permission, pair},
	{404, "", dashscopeBody("ModelNotFound", "no"), noModel, pair},
	{404, "", withCode("invalid_request_error", "model_not_found", "no"), noModel, pair},
	{400, "", dashscopeBody("DataInspectionFailed", "no"), policy, none},
	{400, "", withCode("data_inspection_failed", "data_inspection_failed", "no"), policy, none},
	{400, "", dashscopeBody("InvalidParameter", "Range of input length should be [1, 30720]"), tooLong, none},
	{400, "", dashscopeBody("InvalidParameter.X", "no"), invalid, none},

	// A business code with a good status.
	{200, "", "dashscope/429-rate.json", rate, pair},
	{200, "", `{"code":"","message":"","choices":[]}`, provider.ClassOK, none},
	{200, "", `{"choices":[{"message":{"content":"hi"}}],"code":"x","message":"y"}`, provider.ClassOK, none},
}

func dashscopeBody(code, message string) string {
	return `{"code":"` + code + `","message":"` + message + `","request_id":"a1b2"}`
}
