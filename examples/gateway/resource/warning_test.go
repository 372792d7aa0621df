package resource_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A base without the version that the provider's own has is accepted, since some proxies
// have none, and its 404s look like the account's fault.
func TestABaseThatLooksLikeAMistakeIsWarnedOf(t *testing.T) {
	for _, c := range []struct{ provider, base, write string }{
		{"openai", "https://api.example.com", `write "https://api.example.com/v1"`},
		{"openai", "https://api.example.com/", `write "https://api.example.com/v1"`},
		{"groq", "https://api.example.com/openai", `write "https://api.example.com/openai/v1"`},
		{"zhipu", "https://api.example.com", `ends with /api/paas/v4`},
		{"anthropic", "https://api.example.com/v1", `write "https://api.example.com"`},
		{"anthropic", "https://api.example.com/a/v1/", `write "https://api.example.com/a"`},
		{"gemini", "https://api.example.com/v1beta", `write "https://api.example.com"`},
		{"openai", "", ""},
		{"openai", "https://api.example.com/v1", ""},
		{"openai", "https://api.example.com/team/v1beta/openai/", ""},
		{"anthropic", "https://api.example.com", ""},
		{"anthropic", "https://api.example.com/apps/anthropic", ""},
		{"deepseek", "https://api.example.com", ""},
		{"none", "https://api.example.com", ""},
	} {
		a := resource.Account{Provider: c.provider, BaseURL: c.base}
		got := a.Warnings()
		if c.write == "" {
			assert.Empty(t, got, "%+v", c)
			continue
		}
		require.Len(t, got, 1, "%+v", c)
		assert.Equal(t, "base_url", got[0].Field)
		assert.Contains(t, got[0].Message, c.write)
	}
}
