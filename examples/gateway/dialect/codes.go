package dialect

import "net/http"

// codeRow is how a code is told in each dialect.
type codeRow struct {
	status    int
	openai    string // error.type
	anthropic string // error.type
	gemini    string // error.status
	final     bool   // an SDK that asks again by itself gets the same answer
	term      string // what every message of the code begins with; "": nothing
	message   string // where the Problem has none
}

// codes is the one table of the gateway's own errors.
var codes = map[string]codeRow{
	CodeInvalidToken:       {http.StatusUnauthorized, "invalid_request_error", "authentication_error", "UNAUTHENTICATED", true, "Invalid token", "The API key is missing or not known."},
	CodeTokenExpired:       {http.StatusUnauthorized, "invalid_request_error", "authentication_error", "UNAUTHENTICATED", true, "Token expired", "The API key has expired."},
	CodeModelNotAllowed:    {http.StatusForbidden, "permission_error", "permission_error", "PERMISSION_DENIED", true, "Model not allowed", "This API key may not use the model."},
	CodeClientNotAllowed:   {http.StatusForbidden, "permission_error", "permission_error", "PERMISSION_DENIED", true, "Client not allowed", "This client is not allowed."},
	CodeGroupNotAllowed:    {http.StatusForbidden, "permission_error", "permission_error", "PERMISSION_DENIED", true, "Group not allowed", "This API key may not use the group."},
	CodeRateLimitExceeded:  {http.StatusTooManyRequests, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", false, "Rate limit exceeded", "This API key makes too many requests."},
	CodeQuotaExceeded:      {http.StatusPaymentRequired, "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", true, "Quota exceeded", "The quota of this API key is used up."},
	CodeDailyLimitExceeded: {http.StatusPaymentRequired, "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", true, "Daily limit exceeded", "The daily limit of this API key is used up."},
	CodeBodyTooLarge:       {http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", true, "Body too large", "The request's body is too large."},
	CodeNoAvailableAccount: {http.StatusServiceUnavailable, "service_unavailable_error", "overloaded_error", "UNAVAILABLE", false, "No available account", "No account is available for this request at the moment."},
	CodeProxyFailed:        {http.StatusServiceUnavailable, "service_unavailable_error", "api_error", "UNAVAILABLE", true, "Proxy failed", "The provider could not be reached: the proxy on the way to it failed."},
	CodeUpstreamError:      {http.StatusBadGateway, "server_error", "api_error", "UNAVAILABLE", true, "Upstream error", "The provider could not be reached, or its answer could not be used."},
	CodeUpstreamTimeout:    {http.StatusGatewayTimeout, "server_error", "timeout_error", "DEADLINE_EXCEEDED", true, "Upstream time-out", "The provider did not answer in time."},
	CodeModelNotFound:      {http.StatusNotFound, "invalid_request_error", "not_found_error", "NOT_FOUND", true, "Model not found", "There is no such model here."},
	CodeNotFound:           {http.StatusNotFound, "invalid_request_error", "not_found_error", "NOT_FOUND", true, "", "There is no such thing here."},
	CodeMethodNotAllowed:   {http.StatusMethodNotAllowed, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", true, "", "This method is not allowed here."},
	CodeInvalidRequest:     {http.StatusBadRequest, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", true, "", "The request is not valid."},
	CodeRequestTimeout:     {http.StatusRequestTimeout, "invalid_request_error", "timeout_error", "DEADLINE_EXCEEDED", false, "", "The request's body did not come in time."},
	CodeHeaderTooLarge:     {http.StatusRequestHeaderFieldsTooLarge, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", true, "", "The request's headers are too large."},
	CodeInternal:           {http.StatusInternalServerError, "server_error", "api_error", "INTERNAL", false, "", "Something went wrong inside the gateway."},
}

// Codes are all codes, in no order.
func Codes() []string {
	names := make([]string, 0, len(codes))
	for name := range codes {
		names = append(names, name)
	}
	return names
}
