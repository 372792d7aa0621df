package provider_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

// TestMeterReadsMembersOfAnyForm says what counts where members stand in forms that
// are allowed and rare.
func TestMeterReadsMembersOfAnyForm(t *testing.T) {
	for name, c := range map[string]struct {
		p    *provider.Provider
		body string
		want provider.Usage
	}{
		"escaped keys":              {provider.OpenAI, `{"mod\u0065l":"m","us\u0061ge":{"prompt_tok\u0065ns":3}}`, provider.Usage{Input: 3, Model: "m", Complete: true}},
		"escaped text":              {provider.OpenAI, `{"model":"a\/b\u0021","usage":{"prompt_tokens":"\u0033"}}`, provider.Usage{Input: 3, Model: "a/b!", Complete: true}},
		"the first of two":          {provider.OpenAI, `{"model":"a","model":"b","usage":{"prompt_tokens":3},"usage":{"prompt_tokens":4}}`, provider.Usage{Input: 3, Model: "a", Complete: true}},
		"white space":               {provider.OpenAI, " {\r\n\t\"model\" : \"m\" , \"choices\" : [ { \"usage\" : { \"prompt_tokens\" : 3 } } ] }\n", provider.Usage{Input: 3, Model: "m", Complete: true}},
		"null for a usage":          {provider.OpenAI, `{"usage":null,"choices":[{"usage":{"prompt_tokens":3}}]}`, provider.Usage{Input: 3, Complete: true}},
		"only null in a usage":      {provider.OpenAI, `{"usage":{"prompt_tokens":null,"prompt_tokens_details":{"cached_tokens":1}}}`, provider.Usage{}},
		"many digits":               {provider.OpenAI, `{"usage":{"prompt_tokens":9007199254740993,"completion_tokens":1e2}}`, provider.Usage{Input: 1 << 53, Output: 100, Complete: true}},
		"fast before its tier":      {provider.Anthropic, `{"usage":{"input_tokens":3,"speed":"fast","service_tier":"standard"}}`, provider.Usage{Input: 3, Tier: "fast", Complete: true}},
		"iterations without counts": {provider.Anthropic, `{"usage":{"iterations":[{"type":"compaction","input_tokens":3}]}}`, provider.Usage{Input: 3}},
		"an answer cut short":       {provider.Gemini, `{"usageMetadata":{"promptTokenCount":3},"candidates":[`, provider.Usage{}},
	} {
		m := c.p.API.NewMeter(provider.Operation{}, http.Header{})
		_, _ = m.Write([]byte(c.body))
		assert.Equal(t, c.want, m.Usage(), name)
	}
}

// TestErrorsInArrays says that of an array the first element may be an error, and the
// last a refusal.
func TestErrorsInArrays(t *testing.T) {
	const fine, refused = `{"candidates":[{"finishReason":"STOP"}]}`, `{"candidates":[{"finishReason":"SAFETY","finishMessage":"no"}]}`
	for body, want := range map[string]provider.Class{
		`[` + fine + `,` + refused + `]`: provider.ClassContentPolicy,
		`[` + refused + `,` + fine + `]`: provider.ClassOK,
		`[{"error":{"code":503,"status":"UNAVAILABLE","message":"busy"}},` + refused + `]`: provider.ClassOverloaded,
		`[` + fine + `,{"error":{"code":503}}]`:                                            provider.ClassOK,
		`[]`:                                                                               provider.ClassOK,
		`[{"error":{"code":503,"status":"UNAVAILABLE","message":"bu`: provider.ClassOverloaded, // cut off
	} {
		v := provider.Gemini.API.Classify(provider.Answer{Status: 200, Body: []byte(body), At: noon})
		assert.Equal(t, want, v.Class, body)
	}
}
