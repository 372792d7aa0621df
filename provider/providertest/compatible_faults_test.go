package providertest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider/providertest"
)

// faults are the steps, and what they are called in the table below.
var faults = map[string]providertest.Step{
	"rate": providertest.RateLimited(2 * time.Second), "capacity": providertest.Capacity(), "quota": providertest.QuotaExhausted(),
	"limit": providertest.SpendLimitReached(), "key": providertest.Unauthorized(), "permission": providertest.PermissionDenied(),
	"model": providertest.ModelNotFound(), "long": providertest.ContextTooLong(), "invalid": providertest.InvalidRequest(),
	"large": providertest.TooLarge(), "policy": providertest.ContentPolicy(), "server": providertest.ServerError(),
	"overloaded": providertest.Overloaded(),
}

// said is an error: its status, and a value in it.
type said struct {
	status int
	path   string
	value  any
}

// dialectFaults is what provider-facts 9.2 to 9.11 and 10 say of each.
var dialectFaults = map[string]map[string]said{
	"moonshot": {
		"rate": {429, "error.type", "rate_limit_reached_error"}, "capacity": {429, "error.type", "rate_limit_reached_error"},
		"quota": {429, "error.type", "exceeded_current_quota_error"}, "key": {401, "error.type", "invalid_authentication_error"},
		"model": {404, "error.type", "resource_not_found_error"}, "overloaded": {429, "error.type", "engine_overloaded_error"},
		"long": {400, "error.type", "invalid_request_error"}, "policy": {400, "error.type", "content_filter"}, "server": {500, "error.type", "server_error"},
	},
	"deepseek": {
		"rate": {429, "error.param", nil}, "capacity": {429, "error.param", nil}, "quota": {402, "error.message", "Insufficient Balance"},
		"key": {401, "error.type", "authentication_error"}, "model": {400, "error.message", "Model Not Exist"}, "invalid": {422, "error.param", nil},
		"long": {400, "error.code", "invalid_request_error"}, "overloaded": {503, "error.param", nil}, "server": {500, "error.param", nil}, "policy": {400, "error.param", nil},
	},
	"dashscope": {
		"rate": {429, "error.code", "insufficient_quota"}, "capacity": {429, "code", "Throttling.RateQuota"}, "quota": {400, "code", "Arrearage"},
		"limit": {429, "error.code", "BudgetLimitExceeded"}, "key": {401, "error.code", "invalid_api_key"}, "permission": {403, "error.code", "AccessDenied"},
		"model": {404, "error.code", "model_not_found"}, "long": {400, "error.message", "Range of input length should be [1, 129024]"},
		"policy": {400, "error.code", "data_inspection_failed"}, "overloaded": {503, "error.code", "ServiceUnavailable"}, "server": {500, "error.code", "InternalError"},
	},
	"zhipu": {
		"rate": {429, "error.code", "1303"}, "capacity": {429, "error.code", "1302"}, "quota": {429, "error.code", "1113"}, "limit": {429, "error.code", "1308"},
		"key": {401, "error.code", "1000"}, "permission": {403, "error.code", "1220"}, "model": {400, "error.code", "1211"}, "long": {400, "error.code", "1261"},
		"invalid": {400, "error.code", "1210"}, "policy": {400, "error.code", "1301"}, "server": {500, "error.code", "500"}, "overloaded": {429, "error.code", "1305"},
	},
	"minimax": {
		"rate": {200, "base_resp.status_code", 1002.0}, "capacity": {200, "base_resp.status_code", 1041.0}, "quota": {200, "base_resp.status_code", 1008.0},
		"limit": {200, "base_resp.status_code", 1008.0}, "key": {200, "base_resp.status_code", 1004.0}, "policy": {200, "base_resp.status_code", 1026.0},
		"long": {200, "base_resp.status_code", 2013.0}, "server": {200, "base_resp.status_code", 1013.0}, "overloaded": {200, "base_resp.status_code", 1000.0}, "model": {200, "choices", nil},
	},
	"mistral": {
		"rate": {429, "code", "1300"}, "capacity": {429, "code", "3505"}, "quota": {402, "object", "error"}, "limit": {429, "type", "rate_limit_error"},
		"key": {401, "detail", "Unauthorized"}, "model": {400, "param", "model"}, "invalid": {422, "detail.0.type", "less_than_equal"},
		"long": {400, "type", "invalid_request_error"}, "overloaded": {429, "type", "service_tier_capacity_exceeded"}, "server": {500, "type", "server_error"}, "policy": {400, "object", "error"},
	},
	"groq": {
		"rate": {429, "error.code", "rate_limit_exceeded"}, "capacity": {498, "error.code", "capacity_exceeded"}, "quota": {403, "error.code", "organization_restricted"},
		"limit": {429, "error.type", "tokens"}, "key": {401, "error.code", "invalid_api_key"}, "model": {404, "error.code", "model_not_found"},
		"long": {400, "error.code", "context_length_exceeded"}, "large": {413, "error.code", "rate_limit_exceeded"}, "overloaded": {503, "error.type", "service_unavailable"},
		"server": {500, "error.type", "internal_server_error"}, "policy": {400, "error.code", "content_policy_violation"},
	},
	"xai": {
		"rate": {429, "code", "Some resource has been exhausted"}, "capacity": {429, "error", "Too many concurrent requests"}, "quota": {403, "code", "permission-denied"},
		"limit": {429, "code", "permission-denied"}, "key": {400, "code", "Client specified an invalid argument"}, "model": {400, "error", "Model not found: m1"},
		"long": {400, "error", "This model's maximum prompt length is 131072 but the request contains 140000 tokens."}, "policy": {400, "error", "Content violates usage guidelines."},
		"overloaded": {503, "error", "The model is currently at capacity due to high demand."}, "server": {500, "code", "Internal error"},
	},
	"openrouter": {
		"rate": {429, "error.metadata.error_type", "rate_limit_exceeded"}, "capacity": {402, "error.metadata.limit_source", "openrouter_in_flight_budget"},
		"quota": {402, "error.metadata.limit_source", "openrouter_credits"}, "limit": {403, "error.metadata.limit_source", "openrouter_workspace_budget"},
		"key": {401, "error.code", 401.0}, "long": {400, "error.metadata.error_type", "context_length_exceeded"}, "policy": {403, "error.metadata.error_type", "content_policy_violation"},
		"overloaded": {503, "error.metadata.error_type", "provider_overloaded"}, "server": {502, "error.code", 502.0}, "model": {404, "error.code", 404.0},
	},
	"together": {
		"rate": {429, "error_type", "dynamic_token_limited"}, "capacity": {429, "error_type", "dynamic_request_limited"}, "quota": {402, "error.type", "credit_limit"},
		"key": {401, "error.code", "invalid_api_key"}, "long": {403, "error.type", "invalid_request_error"}, "overloaded": {503, "error.type", "service_unavailable"},
		"model": {404, "error.code", "model_not_available"}, "server": {500, "error.type", "server_error"}, "policy": {400, "error.param", nil},
	},
	"cerebras": {
		"rate": {429, "code", "request_quota_exceeded"}, "capacity": {429, "code", "queue_exceeded"}, "quota": {402, "code", "payment_required"}, "limit": {429, "code", "token_quota_exceeded"},
		"key": {401, "code", "wrong_api_key"}, "overloaded": {429, "code", "queue_exceeded"}, "long": {400, "code", "context_length_exceeded"},
		"model": {404, "code", "model_not_found"}, "server": {500, "type", "server_error"}, "policy": {400, "param", nil},
	},
	"cohere": {
		"rate": {429, "message", "You are past the rate limit of this key."}, "quota": {402, "id", "cohere_1"}, "key": {401, "message", "invalid api token"},
		"long": {400, "message", "too many tokens: size limit exceeded by 8869 tokens"}, "overloaded": {503, "id", "cohere_1"}, "server": {500, "id", "cohere_1"},
		"model": {404, "message", "The model m1 does not exist or you do not have access to it."}, "capacity": {429, "id", "cohere_1"}, "policy": {400, "id", "cohere_1"},
	},
	"nvidia": {
		"rate": {429, "title", "Too Many Requests"}, "capacity": {429, "status", 429.0}, "quota": {402, "status", 402.0}, "key": {401, "title", "Unauthorized"},
		"permission": {403, "status", 403.0}, "model": {404, "status", 404.0}, "long": {400, "title", "Bad Request"}, "overloaded": {503, "status", 503.0},
		"server": {500, "status", 500.0}, "policy": {400, "status", 400.0},
	},
	"vllm": {
		"key": {401, "error", "Unauthorized"}, "model": {404, "error.type", "NotFoundError"}, "long": {400, "error.code", 400.0}, "rate": {429, "error.code", 429.0},
		"server": {500, "error.code", 500.0}, "overloaded": {503, "error.code", 503.0}, "policy": {400, "error.param", nil}, "quota": {429, "error.code", 429.0}, "capacity": {429, "error.code", 429.0},
	},
	"ollama": {
		"model": {404, "error.type", "not_found_error"}, "long": {400, "error.type", "invalid_request_error"}, "overloaded": {503, "error.type", "api_error"},
		"server": {500, "error.code", nil}, "key": {401, "error.param", nil}, "rate": {429, "error.type", "api_error"}, "quota": {402, "error.type", "api_error"},
		"capacity": {503, "error.type", "api_error"}, "policy": {400, "error.type", "invalid_request_error"},
	},
	"lmstudio": {
		"model": {404, "error", "The model m1 does not exist or you do not have access to it."}, "rate": {429, "error", "Too many requests"}, "key": {401, "error", "Unauthorized"}, "server": {500, "error", "Internal error"},
		"overloaded": {503, "error", "The server is overloaded"}, "capacity": {429, "error", "Too many concurrent requests"}, "quota": {429, "error", "The budget is used up"},
		"long": {400, "error", "The prompt exceeds the maximum context length of 8192 tokens"}, "policy": {400, "error", "The request was refused by moderation"},
	},
	"siliconflow": {
		"rate": {429, "code", 50603.0}, "capacity": {429, "message", "Too many concurrent requests"}, "quota": {403, "message", "Sorry, your account balance is insufficient"},
		"key": {401, "", nil}, "overloaded": {503, "message", "System is really busy. Please try again later."}, "long": {400, "data", nil}, "model": {400, "data", nil},
		"server": {500, "data", nil}, "policy": {400, "data", nil},
	},
	"llamacpp": {
		"overloaded": {503, "error.type", "unavailable_error"}, "long": {400, "error.type", "exceed_context_size_error"}, "key": {401, "error.code", 401.0}, "model": {404, "error.code", 404.0},
		"rate": {429, "error.code", 429.0}, "capacity": {429, "error.code", 429.0}, "quota": {429, "error.code", 429.0}, "server": {500, "error.code", 500.0}, "policy": {400, "error.code", 400.0},
	},
	"litellm": {
		"overloaded": {503, "error.code", "503"}, "long": {400, "error.code", "400"}, "key": {401, "error.code", "401"}, "model": {404, "error.code", "404"},
		"rate": {429, "error.code", "429"}, "capacity": {429, "error.code", "429"}, "quota": {429, "error.code", "429"}, "server": {500, "error.code", "500"}, "policy": {400, "error.code", "400"},
	},
	"gemini-openai": {
		"rate": {429, "0.error.status", "RESOURCE_EXHAUSTED"}, "capacity": {429, "0.error.details.0.reason", "MODEL_CAPACITY_EXHAUSTED"}, "quota": {402, "0.error.status", "RESOURCE_EXHAUSTED"},
		"limit": {429, "0.error.code", 429.0}, "key": {400, "0.error.details.0.reason", "API_KEY_INVALID"}, "model": {404, "0.error.status", "NOT_FOUND"},
		"long": {400, "0.error.status", "INVALID_ARGUMENT"}, "overloaded": {503, "0.error.status", "UNAVAILABLE"}, "server": {500, "0.error.status", "INTERNAL"}, "policy": {400, "0.error.code", 400.0},
	},
}

func TestDialectFaults(t *testing.T) {
	for name, path := range chatPaths {
		table := dialectFaults[name]
		for _, must := range []string{"rate", "quota", "key", "overloaded", "long", "model", "capacity", "policy", "server"} {
			assert.Contains(t, table, must, name)
		}
		for what, step := range faults {
			t.Run(name+" "+what, func(t *testing.T) {
				for _, body := range []string{chatBody, chatStream} {
					p := compatible(t, name, asked{path: path, key: "sk-key-6789", body: body}, step)
					w, told := table[what]
					if told {
						assert.Equal(t, w.status, p.status, p.body.String())
					}
					if told && w.path == "" { // no JSON at all
						assert.Equal(t, "text/plain; charset=utf-8", p.header.Get("Content-Type"))
						continue
					}
					if told {
						want(t, p.body.String(), map[string]any{w.path: w.value})
					}
					if name != "minimax" {
						assert.GreaterOrEqual(t, p.status, 400)
					}
					assert.True(t, json.Valid(p.body.Bytes()), p.body.String())
					assert.NotContains(t, p.body.String(), "sk-key-6789", "the key is not repeated")
					assert.NotRegexp(t, `\{[a-z]+\}`, p.body.String(), "all is filled in")
					assert.Contains(t, p.header.Get("Content-Type"), "application/json")
				}
			})
		}
	}
}
