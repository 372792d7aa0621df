package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// Of several lengths that a request allows the longest is reserved, in whatever order they
// stand: which of them a provider reads is not known.
func TestTheLongestOutputIsReserved(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 5000}} }))
	for _, c := range []struct{ target, body string }{
		{"/v1/chat/completions", `{"model":"gpt-5","max_completion_tokens":100000,"max_tokens":1,"messages":[]}`},
		{"/v1/chat/completions", `{"model":"gpt-5","max_tokens":1,"max_completion_tokens":100000,"messages":[]}`},
		{"/v1beta/models/gemini-x:generateContent", `{"contents":[],"generationConfig":{"maxOutputTokens":100000,"maxOutputTokens":1}}`},
		{"/v1beta/models/gemini-x:generateContent", `{"contents":[],"generationConfig":{"maxOutputTokens":100000},"maxOutputTokens":1}`},
	} {
		assert.Equal(t, 402, r.ask("POST", c.target, c.body).status, c.body)
	}
	assert.Equal(t, 200, r.ask("POST", "/v1/chat/completions", `{"model":"gpt-5","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`).status)
}
