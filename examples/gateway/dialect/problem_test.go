package dialect_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// table is every code, its status, and what error class each API's SDK makes of it.
var table = []struct {
	code                      string
	status                    int
	openai, anthropic, gemini string
	shouldRetry               bool
}{
	{"invalid_token", 401, "invalid_request_error", "authentication_error", "UNAUTHENTICATED", false},
	{"token_expired", 401, "invalid_request_error", "authentication_error", "UNAUTHENTICATED", false},
	{"model_not_allowed", 403, "permission_error", "permission_error", "PERMISSION_DENIED", false},
	{"client_not_allowed", 403, "permission_error", "permission_error", "PERMISSION_DENIED", false},
	{"group_not_allowed", 403, "permission_error", "permission_error", "PERMISSION_DENIED", false},
	{"rate_limit_exceeded", 429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", true},
	{"quota_exceeded", 402, "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", false},
	{"daily_limit_exceeded", 402, "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", false},
	{"body_too_large", 413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", false},
	{"no_available_account", 503, "service_unavailable_error", "overloaded_error", "UNAVAILABLE", true},
	{"proxy_failed", 503, "service_unavailable_error", "api_error", "UNAVAILABLE", false},
	{"upstream_error", 502, "server_error", "api_error", "UNAVAILABLE", false},
	{"upstream_timeout", 504, "server_error", "timeout_error", "DEADLINE_EXCEEDED", false},
	{"model_not_found", 404, "invalid_request_error", "not_found_error", "NOT_FOUND", false},
	{"not_found", 404, "invalid_request_error", "not_found_error", "NOT_FOUND", false},
	{"method_not_allowed", 405, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", false},
	{"invalid_request", 400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", false},
	{"request_timeout", 408, "invalid_request_error", "timeout_error", "DEADLINE_EXCEEDED", true},
	{"header_too_large", 431, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", false},
	{"internal", 500, "server_error", "api_error", "INTERNAL", true},
}

func TestEveryCodeIsToldInEveryDialect(t *testing.T) {
	codes := dialect.Codes()
	assert.Len(t, codes, len(table))
	for _, c := range table {
		assert.Contains(t, codes, c.code)
		for _, api := range []dialect.API{dialect.Unknown, dialect.OpenAI, dialect.Anthropic, dialect.Gemini} {
			t.Run(c.code+" "+api.String(), func(t *testing.T) {
				w := httptest.NewRecorder()
				dialect.Write(w, api, "req_1", &dialect.Problem{Code: c.code, Message: "What <happened>.", Err: errors.New("hidden cause")})
				assert.Equal(t, c.status, w.Code)
				assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
				assert.Equal(t, "req_1", w.Header().Get("X-Request-Id"))
				assert.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
				assert.Equal(t, c.shouldRetry, w.Header().Get("X-Should-Retry") != "false")
				assert.NotContains(t, w.Body.String(), "hidden cause")
				assert.Contains(t, w.Body.String(), "What <happened>.")
				want := wanted(c.code, c.status, c.openai, c.anthropic, c.gemini, api)
				assert.JSONEq(t, want, w.Body.String())
			})
		}
	}
}

// told is what a client is told, which begins with what the code stands for.
func told(code string) string {
	if slices.Contains([]string{"not_found", "method_not_allowed", "invalid_request", "request_timeout", "header_too_large", "internal"}, code) {
		return "What <happened>."
	}
	words := strings.ReplaceAll(strings.ReplaceAll(code, "_", " "), "timeout", "time-out")
	return strings.ToUpper(words[:1]) + words[1:] + ": What <happened>."
}

// wanted is the body as the API's own documentation has it.
func wanted(code string, status int, openai, anthropic, gemini string, api dialect.API) string {
	switch api {
	case dialect.Anthropic:
		return `{"type":"error","error":{"type":"` + anthropic + `","message":"` + told(code) + `","details":{"error_code":"` + code + `"}},"request_id":"req_1"}`
	case dialect.Gemini:
		return `{"error":{"code":` + strconv.Itoa(status) + `,"message":"` + told(code) + `","status":"` + gemini + `","details":[
			{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"` + strings.ToUpper(code) + `","domain":"gateway"},
			{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req_1"}]}}`
	}
	param := "null"
	if code == "model_not_allowed" || code == "model_not_found" {
		param = `"model"`
	}
	return `{"error":{"message":"` + told(code) + `","type":"` + openai + `","param":` + param + `,"code":"` + code + `"}}`
}

func TestEveryCodeHasAMessageOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range dialect.Codes() {
		w := httptest.NewRecorder()
		dialect.Write(w, dialect.OpenAI, "r", &dialect.Problem{Code: code})
		var body struct{ Error struct{ Message string } }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		assert.NotEmpty(t, body.Error.Message)
		assert.False(t, seen[body.Error.Message], "two codes say the same")
		seen[body.Error.Message] = true
	}
}

func TestRetryAfterIsSaidInWholeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for wait, want := range map[time.Duration]string{-time.Hour: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", time.Hour: "3600"} {
			w := httptest.NewRecorder()
			dialect.Write(w, dialect.Gemini, "r", &dialect.Problem{Code: dialect.CodeRateLimitExceeded, RetryAt: time.Now().Add(wait)})
			assert.Equal(t, want, w.Header().Get("Retry-After"))
			assert.Contains(t, w.Body.String(), `"retryDelay":"`+want+`s"`)
			assert.Equal(t, wait == time.Hour, w.Header().Get("X-Should-Retry") == "false", "no SDK is to sleep for an hour")
		}
	})
}

func TestWriteReplacesWhatDescribedAnotherAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", "7")
	dialect.Write(w, dialect.Anthropic, "req_9", nil)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Empty(t, w.Header().Get("Content-Encoding"))
	assert.Equal(t, "req_9", w.Header().Get("Request-Id"), "where Anthropic's clients look")
}

func TestProblemIsAnErrorWithItsCause(t *testing.T) {
	cause := errors.New("the disk is full")
	err := error(&dialect.Problem{Code: dialect.CodeInternal, Err: cause})
	assert.ErrorIs(t, err, cause)
	assert.ErrorContains(t, err, "internal: Something went wrong inside the gateway. (the disk is full)")
}

func TestAStreamThatBreaksEndsWithAnEventOfItsAPI(t *testing.T) {
	p := &dialect.Problem{Code: dialect.CodeUpstreamError, Message: "It broke."}
	for _, c := range []struct {
		api        dialect.API
		path, want string
	}{
		{dialect.OpenAI, "/v1/chat/completions", `data: {"error":{"message":"Upstream error: It broke.","type":"server_error","param":null,"code":"upstream_error"}}` + "\n\n"},
		{dialect.OpenAI, "/v1/responses", "event: error\n" + `data: {"type":"error","code":"upstream_error","message":"Upstream error: It broke.","param":null,"sequence_number":0}` + "\n\n"},
		{dialect.Anthropic, "/v1/messages", "event: error\n" + `data: {"type":"error","error":{"type":"api_error","message":"Upstream error: It broke.","details":{"error_code":"upstream_error"}},"request_id":"r"}` + "\n\n"},
		{dialect.Gemini, "/v1beta/models/x:streamGenerateContent", `data: {"error":{"code":502,"message":"Upstream error: It broke.","status":"UNAVAILABLE"`},
	} {
		got := string(dialect.Event(c.api, c.path, "r", p))
		assert.True(t, strings.HasPrefix(got, c.want), got)
		assert.True(t, strings.HasSuffix(got, "\n\n"))
	}
}
