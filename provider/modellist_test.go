package provider_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestParseModels(t *testing.T) {
	tests := map[string]struct {
		api, body string
		want      []provider.Model
		next      string
		says      string // of the error
	}{
		"openai":                 {api: "openai", body: `{"object":"list","data":[{"id":"gpt-5","object":"model","created":1,"owned_by":"openai"},{"id":"openai/o3"}]}`, want: []provider.Model{{ID: "gpt-5"}, {ID: "openai/o3"}}},
		"openai: a bare array":   {api: "openai", body: `[{"id":"m"}]`, want: []provider.Model{{ID: "m"}}},
		"openai: blank lines":    {api: "openai", body: "\r\n{\"data\":[{\"id\":\"m\"}]}\n", want: []provider.Model{{ID: "m"}}},
		"openai: none":           {api: "openai", body: `{"data":[]}`},
		"openai: null":           {api: "openai", body: `{"data":null}`},
		"openai: no id":          {api: "openai", body: `{"data":[{"id":""},{"id":7},{"name":"x"},5,null,{"id":"` + strings.Repeat("x", 513) + `"},{"id":"m"}]}`, want: []provider.Model{{ID: "m"}}},
		"openai: an error":       {api: "openai", body: `{"error":{"message":"no"}}`, says: `no "data"`},
		"openai: no list":        {api: "openai", body: `{"data":{"id":"m"}}`, says: `no "data"`},
		"anthropic: more":        {api: "anthropic", body: `{"data":[{"type":"model","id":"claude-x","display_name":"Claude X","created_at":"2026-01-01T00:00:00Z"}],"has_more":true,"first_id":"claude-x","last_id":"claude-x"}`, want: []provider.Model{{ID: "claude-x", Name: "Claude X"}}, next: "claude-x"},
		"anthropic: last":        {api: "anthropic", body: `{"data":[{"id":"claude-y"}],"has_more":false,"last_id":"claude-y"}`, want: []provider.Model{{ID: "claude-y"}}},
		"gemini: more":           {api: "gemini", body: `{"models":[{"name":"models/gemini-x","displayName":"Gemini X","supportedGenerationMethods":["generateContent","countTokens"]}],"nextPageToken":"T+/="}`, want: []provider.Model{{ID: "gemini-x", Name: "Gemini X", Methods: []string{"generateContent", "countTokens"}}}, next: "T+/="},
		"gemini: empty":          {api: "gemini", body: `{ }`},
		"gemini: a long mark":    {api: "gemini", body: `{"models":[],"nextPageToken":"` + strings.Repeat("x", 2000) + `"}`, says: "1024"},
		"ollama":                 {api: "ollama", body: `{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","size":1}]}`, want: []provider.Model{{ID: "llama3.2:latest"}}},
		"a page":                 {api: "openai", body: `<html>`, says: "not JSON"},
		"nothing":                {api: "openai", says: "not JSON"},
		"cut":                    {api: "openai", body: `{"data":[{"id":"m"}`, says: "cut short"},
		"more than anybody has":  {api: "openai", body: `{"data":[` + strings.Repeat(`{"id":"m"},`, provider.MaxModels) + `{"id":"m"}]}`, says: "10000"},
		"an API of nobody's own": {api: "x", body: `{}`, says: "no list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, next, err := provider.ParseModels(tt.api, []byte(tt.body))
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				assert.Empty(t, got)
				assert.Equal(t, tt.api == "x", errors.Is(err, errors.ErrUnsupported))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.next, next)
		})
	}
}

func TestModelListProbe(t *testing.T) {
	tests := map[string]struct {
		at   *provider.Provider
		page string
		want string
	}{
		"openai":              {provider.OpenAI, "", "https://api.openai.com/v1/models"},
		"openai has one page": {provider.OpenAI, "x", "https://api.openai.com/v1/models"},
		"anthropic":           {provider.Anthropic, "", "https://api.anthropic.com/v1/models?limit=1000"},
		"anthropic, next":     {provider.Anthropic, "claude-x", "https://api.anthropic.com/v1/models?limit=1000&after_id=claude-x"},
		"gemini, next":        {provider.Gemini, "T+/=", "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000&pageToken=T%2B%2F%3D"},
		"the longest mark":    {provider.Gemini, strings.Repeat("&", 1024), "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000&pageToken=" + strings.Repeat("%26", 1024)},
		"ollama":              {provider.OpenAI.At("ollama", "http://127.0.0.1:11434/v1"), "", "http://127.0.0.1:11434/api/tags"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, ok := provider.ModelListProbe(tt.at, tt.page)
			require.True(t, ok)
			r, err := p.Request(t.Context(), tt.at)
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.URL.String())
			assert.Equal(t, tt.at.API == provider.Anthropic.API, r.Header.Get("Anthropic-Version") == "2023-06-01")
		})
	}
	_, ok := provider.ModelListProbe(&provider.Provider{Name: "x", API: &provider.API{Name: "x"}}, "")
	assert.False(t, ok)
}

// FuzzParseModels: no page makes it panic or give out more than its bounds.
func FuzzParseModels(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"m","display_name":"M"}],"has_more":true,"last_id":"m"}`))
	f.Add([]byte(`{"models":[{"name":"models/g","supportedGenerationMethods":["a"]}],"nextPageToken":"t"}`))
	f.Add([]byte(`[{"id":"m"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, api := range []string{"openai", "anthropic", "gemini", "ollama"} {
			models, next, err := provider.ParseModels(api, body)
			if err != nil && (models != nil || next != "") || len(models) > provider.MaxModels || len(next) > 1024 {
				t.Fatalf("%s: %d models, next %q, error %v", api, len(models), next, err)
			}
			for _, m := range models {
				if m.ID == "" || len(m.ID) > 512 || len(m.Name) > 512 {
					t.Fatalf("%s: %+v", api, m)
				}
			}
		}
	})
}
