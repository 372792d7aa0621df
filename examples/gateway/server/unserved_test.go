package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A model that no account could serve is told as one that is not there, in the words of the
// client's API, which its SDK does not ask for again.
func TestAModelThatNoAccountServesIsNotFound(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		only := func(a *resource.Account) { a.Models = map[string]string{"here-*": ""} }
		c.Accounts = []resource.Account{account("o", "openai", only), account("a", "anthropic", only), account("g", "gemini", only)}
	})
	for _, c := range []struct{ target, body, header, want string }{
		{"/v1/chat/completions", chatBody, "A: b", `{"error":{"message":"Model not found: No account that this API key may use serves the model gpt-5.","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
		{"/v1/messages", claudeBody, version, `{"type":"error","error":{"type":"not_found_error","message":"Model not found: No account that this API key may use serves the model claude-sonnet-4-5.","details":{"error_code":"model_not_found"}},"request_id":"$"}`},
		{"/v1beta/models/gemini-x:generateContent", geminiBody, "A: b", `{"error":{"code":404,"message":"Model not found: No account that this API key may use serves the model gemini-x.","status":"NOT_FOUND","details":[
			{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"MODEL_NOT_FOUND","domain":"gateway"},{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"$"}]}}`},
		{"/v1/models/gpt-5", "", "A: b", `{"error":{"message":"Model not found: There is no model gpt-5, or this API key may not use it.","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
	} {
		method := "POST"
		if c.body == "" {
			method = "GET"
		}
		got := r.ask(method, c.target, c.body, c.header)
		assert.Equal(t, 404, got.status, got.body)
		assert.Equal(t, "false", got.header.Get("X-Should-Retry"))
		assert.Empty(t, got.header.Get("Retry-After"))
		assert.JSONEq(t, strings.ReplaceAll(c.want, "$", got.header.Get("X-Request-Id")), got.body)
		assert.Equal(t, "model_not_found", r.store.last(t).Code)
	}
	assert.LessOrEqual(t, r.hits(), 1, "but for the list of models, nobody was asked")
}

// Who serves the model decides: accounts of other groups and APIs do not count, resting and
// disabled ones do.
func TestWhyNoAccountIsThere(t *testing.T) {
	models := func(models ...string) func(*resource.Account) {
		return func(a *resource.Account) {
			a.Models = map[string]string{}
			for _, m := range models {
				a.Models[m] = ""
			}
		}
	}
	of := func(group string) func(*resource.Account) {
		return func(a *resource.Account) { a.Groups = []string{group} }
	}
	off := func(a *resource.Account) { a.Enabled = new(bool) }
	for name, c := range map[string]struct {
		accounts []resource.Account
		groups   []string
		body     string
		status   int
		code     string
		says     string
	}{
		"another group serves it":           {[]resource.Account{account("a", "openai", of("blue"), models("x")), account("b", "openai")}, []string{"blue"}, chatBody, 404, "model_not_found", "gpt-5"},
		"its group serves it":               {[]resource.Account{account("a", "openai", of("blue"), models("gpt-*"))}, []string{"blue"}, chatBody, 200, "", ""},
		"who serves it is disabled":         {[]resource.Account{account("a", "openai", off), account("b", "openai", models("x"))}, nil, chatBody, 503, "no_available_account", "at the moment"},
		"another API serves it":             {[]resource.Account{account("a", "openai", models("x")), account("b", "anthropic")}, nil, chatBody, 404, "model_not_found", "gpt-5"},
		"nobody speaks the API":             {[]resource.Account{account("b", "anthropic")}, nil, chatBody, 503, "no_available_account", "No account speaks this API"},
		"nobody of its group does":          {[]resource.Account{account("a", "openai"), account("b", "anthropic", of("blue"))}, []string{"blue"}, chatBody, 503, "no_available_account", "No account of this API key's group speaks this API"},
		"its group is empty":                {[]resource.Account{account("a", "openai")}, []string{"secret-group"}, chatBody, 503, "no_available_account", "the group of this API key has no account"},
		"there is none at all":              {nil, []string{"secret-group"}, chatBody, 503, "no_available_account", "There is no account yet"},
		"all are wrong":                     {[]resource.Account{account("a", "openai", func(a *resource.Account) { a.Secret = resource.NewSecret("") })}, nil, chatBody, 503, "no_available_account", "No account of this gateway is set up rightly"},
		"a name that would break a message": {[]resource.Account{account("a", "openai", models("x"))}, nil, `{"model":"a\u0000\"b"}`, 404, "model_not_found", `a?\"b`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withKey(func(k *resource.Key) { k.Groups = c.groups }), func(cfg *server.Config) { cfg.Accounts = c.accounts })
			got := r.ask("POST", "/v1/chat/completions", c.body)
			require.Equal(t, c.status, got.status, got.body)
			assert.Equal(t, c.code, r.store.last(t).Code)
			assert.Contains(t, got.body, c.says)
			assert.NotContains(t, got.body, "secret-group", "a group's name is the operator's")
			if c.groups != nil && c.status != 200 && c.accounts != nil {
				assert.Contains(t, r.logs.String(), c.groups[0], "but the log has it")
			}
		})
	}
}

// A model whose only account rests is there, and soon again.
func TestAModelWhoseAccountRestsIsUnavailable(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.Accounts = []resource.Account{
			account("a", "openai", func(a *resource.Account) { a.Models = map[string]string{"gpt-5": ""} }),
			account("b", "openai", func(a *resource.Account) { a.Models = map[string]string{"other": ""} }),
		}
	})
	r.openai.Always(providertest.RateLimited(time.Minute))
	r.chat()
	got := r.chat()
	assert.Equal(t, 503, got.status, got.body)
	assert.NotEmpty(t, got.header.Get("Retry-After"))
	assert.Contains(t, got.body, "no_available_account")
}
