package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// preset is a probe by its name, about the model m if it is about one.
func preset(t testing.TB, name string) provider.Probe {
	t.Helper()
	p, ok := provider.LookupProbe(name)
	require.True(t, ok, name)
	return p.ForModel("m")
}

var (
	deepseek   = provider.OpenAI.At("deepseek", "https://api.deepseek.com/v1")
	moonshot   = provider.OpenAI.At("kimi", "https://api.moonshot.cn/v1")
	openrouter = provider.OpenAI.At("openrouter", "https://openrouter.ai/api/v1")
	vllm       = provider.OpenAI.At("vLLM", "http://10.0.0.7:8000/v1")
)

// TestPresetsAskWhatTheyShould has a row for every preset.
func TestPresetsAskWhatTheyShould(t *testing.T) {
	tests := map[string]struct {
		at      *provider.Provider
		request string // method, URL and the header that shows the credential
	}{
		"openai key":              {provider.OpenAI, "GET https://api.openai.com/v1/models Authorization: Bearer tok-1"},
		"openai model":            {provider.OpenAI, "GET https://api.openai.com/v1/models/m Authorization: Bearer tok-1"},
		"anthropic key":           {provider.Anthropic, "GET https://api.anthropic.com/v1/models?limit=1 X-Api-Key: tok-1"},
		"anthropic count tokens":  {provider.Anthropic, "POST https://api.anthropic.com/v1/messages/count_tokens X-Api-Key: tok-1"},
		"gemini key":              {provider.Gemini, "GET https://generativelanguage.googleapis.com/v1beta/models?pageSize=1 X-Goog-Api-Key: tok-1"},
		"gemini model":            {provider.Gemini, "GET https://generativelanguage.googleapis.com/v1beta/models/m X-Goog-Api-Key: tok-1"},
		"deepseek balance":        {provider.Anthropic.At("deepseek", "https://api.deepseek.com/anthropic"), "GET https://api.deepseek.com/user/balance Authorization: Bearer tok-1"},
		"moonshot balance":        {moonshot, "GET https://api.moonshot.cn/v1/users/me/balance Authorization: Bearer tok-1"},
		"openrouter key":          {openrouter, "GET https://openrouter.ai/api/v1/key Authorization: Bearer tok-1"},
		"vllm health":             {vllm, "GET http://10.0.0.7:8000/health"},
		"ollama version":          {provider.OpenAI.At("ollama", "http://127.0.0.1:11434/v1"), "GET http://127.0.0.1:11434/api/version"},
		"llama.cpp health":        {provider.OpenAI.At("llama.cpp", "http://127.0.0.1:8080/v1"), "GET http://127.0.0.1:8080/health"},
		"lm studio models":        {provider.OpenAI.At("LM Studio", "http://127.0.0.1:1234/v1"), "GET http://127.0.0.1:1234/v1/models Authorization: Bearer tok-1"},
		"openai welcome":          {provider.OpenAI, "GET https://api.openai.com/"},
		"claude plan usage":       {provider.Anthropic, "GET https://api.anthropic.com/api/oauth/usage Authorization: Bearer tok-1"},
		"claude.ai organizations": {provider.Anthropic, "GET https://claude.ai/api/organizations Cookie: sessionKey=tok-1"},
		"chatgpt account":         {provider.OpenAI, "GET https://chatgpt.com/backend-api/accounts/check/v4-2023-04-27 Authorization: Bearer tok-1"},
		"gemini oauth models":     {provider.Gemini, "GET https://generativelanguage.googleapis.com/v1beta/models?pageSize=1 Authorization: Bearer tok-1"},
	}
	assert.Len(t, provider.ProbePresets(), len(tests), "every preset has a row")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := preset(t, name)
			r, err := p.Request(t.Context(), tt.at)
			require.NoError(t, err)
			require.NoError(t, p.Authorize(tt.at, r, "tok-1"))
			got := r.Method + " " + r.URL.String()
			for _, h := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Cookie"} {
				if v := r.Header.Get(h); v != "" {
					got += " " + h + ": " + v
				}
			}
			assert.Equal(t, tt.request, got)
			assert.Equal(t, r.URL.Host, r.Host)
			assert.Empty(t, r.Header.Get("User-Agent"), "no client is imitated")
		})
	}
}

func TestPresetsAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range provider.ProbePresets() {
		assert.False(t, seen[p.Name], p.Name)
		seen[p.Name] = true
		p = p.ForModel("a/b\"c")
		require.NoError(t, p.Validate(), p.Name)
		assert.NotEmpty(t, p.Source, p.Name)
		assert.NotEmpty(t, p.Cost, p.Name)
		assert.NotEmpty(t, p.Proves, p.Name)
		assert.Equal(t, p.Auth != "", p.Credential != "", p.Name)
		for header := range p.Header {
			assert.Contains(t, []string{"Anthropic-Version", "Anthropic-Beta"}, header, p.Name)
		}
		if p.Body != "" {
			assert.True(t, json.Valid([]byte(p.Body)), p.Name)
		}

		text, err := json.Marshal(p)
		require.NoError(t, err)
		var back provider.Probe
		require.NoError(t, json.Unmarshal(text, &back), string(text))
		assert.Equal(t, p, back, "a probe survives JSON")
	}
	p := provider.ProbePresets()
	p[0].Rules[0].Class = provider.ClassTimeout
	assert.NotEqual(t, p[0], provider.ProbePresets()[0], "what is given out may be changed")
}

func TestDefaultProbes(t *testing.T) {
	tests := map[string]struct {
		at   *provider.Provider
		want []string
	}{
		"openai":                     {provider.OpenAI, []string{"openai key"}},
		"anthropic":                  {provider.Anthropic, []string{"anthropic key"}},
		"gemini":                     {provider.Gemini, []string{"gemini key"}},
		"a relay, by its API":        {provider.Anthropic.At("relay", "https://relay.example.com"), []string{"anthropic key"}},
		"by name":                    {deepseek, []string{"deepseek balance"}},
		"by host":                    {moonshot, []string{"moonshot balance"}},
		"by host, whatever the API":  {provider.Anthropic.At("kimi", "https://api.moonshot.ai/anthropic"), []string{"moonshot balance"}},
		"openrouter":                 {openrouter, []string{"openrouter key"}},
		"vllm, however it is spelt":  {vllm, []string{"vllm health", "openai key"}},
		"llama.cpp":                  {provider.OpenAI.At("llama.cpp", "http://127.0.0.1:8080/v1"), []string{"llama.cpp health"}},
		"LM Studio":                  {provider.OpenAI.At("lm-studio", "http://127.0.0.1:1234/v1"), []string{"lm studio models"}},
		"ollama":                     {provider.OpenAI.At("ollama", "http://127.0.0.1:11434/v1"), []string{"ollama version"}},
		"a plan: nothing documented": {provider.OpenAI.At("codex", "https://chatgpt.com/backend-api/codex"), nil},
		"an API of somebody's own":   {&provider.Provider{Name: "x", BaseURL: "https://x.example", API: &provider.API{Name: "x"}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range provider.Probes(tt.at) {
				require.NoError(t, p.Validate())
				assert.False(t, p.Undocumented, "an undocumented probe is never chosen by default")
				got = append(got, p.Name)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestModelProbe(t *testing.T) {
	p, ok := provider.ModelProbe(provider.Anthropic, "claude-\"x\"")
	require.True(t, ok)
	r, err := p.Request(t.Context(), provider.Anthropic)
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.JSONEq(t, `{"model":"claude-\"x\"","messages":[{"role":"user","content":"hi"}]}`, string(body))
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Equal(t, "2023-06-01", r.Header.Get("Anthropic-Version"))

	p, ok = provider.ModelProbe(openrouter, "openai/gpt-4o")
	require.True(t, ok)
	r, err = p.Request(t.Context(), openrouter)
	require.NoError(t, err)
	assert.Equal(t, "https://openrouter.ai/api/v1/models/openai%2Fgpt-4o", r.URL.String())

	p, _ = provider.ModelProbe(provider.Gemini, "models/gemini-x")
	assert.Equal(t, "/v1beta/models/gemini-x", p.Path)
	_, ok = provider.ModelProbe(provider.OpenAI, "")
	assert.False(t, ok)

	p, _ = provider.ModelProbe(provider.OpenAI, "..")
	_, err = p.Request(t.Context(), provider.OpenAI)
	assert.ErrorContains(t, err, "..", "a model's name leads out of no base")
}

func TestProbeValidate(t *testing.T) {
	const secret = "sk-very-secret"
	valid := provider.Probe{Name: "p", Path: "/x"}
	tests := map[string]struct {
		change func(*provider.Probe)
		says   string
	}{
		"no name":              {func(p *provider.Probe) { p.Name = "" }, "Name is empty"},
		"nowhere":              {func(p *provider.Probe) { p.Path = "" }, "Path or URL"},
		"two places":           {func(p *provider.Probe) { p.URL = "https://h/x" }, "Path or URL"},
		"root of a URL":        {func(p *provider.Probe) { p.Path, p.URL, p.Root = "", "https://h/x", true }, "Root"},
		"method":               {func(p *provider.Probe) { p.Method = "DELETE" }, "Method"},
		"body of a GET":        {func(p *provider.Probe) { p.Body = "{}" }, "Body"},
		"long":                 {func(p *provider.Probe) { p.Path = "/" + strings.Repeat("x", 5000) }, "longer"},
		"relative path":        {func(p *provider.Probe) { p.Path = "models" }, "start with /"},
		"badly escaped":        {func(p *provider.Probe) { p.Path = "/%zz" }, "escaped"},
		"out of the base":      {func(p *provider.Probe) { p.Path = "/../admin" }, "segment"},
		"out of it, escaped":   {func(p *provider.Probe) { p.Path = "/%2e%2e/admin" }, "segment"},
		"fragment":             {func(p *provider.Probe) { p.Path = "/x#y" }, "fragment"},
		"key in the query":     {func(p *provider.Probe) { p.Path = "/x?key=" + secret }, "credential"},
		"a model":              {func(p *provider.Probe) { p.Path = "/{model}" }, "ForModel"},
		"key in a header":      {func(p *provider.Probe) { p.Header = map[string]string{"X_Api_Key": secret} }, "credential"},
		"header smuggling":     {func(p *provider.Probe) { p.Header = map[string]string{"X": "a\r\nY: " + secret} }, "sent"},
		"auth":                 {func(p *provider.Probe) { p.Auth = "basic" }, "Auth"},
		"cookie without name":  {func(p *provider.Probe) { p.Auth = "cookie:" }, "cookie"},
		"plain http":           {func(p *provider.Probe) { p.Path, p.URL = "", "http://example.com/x" }, "https"},
		"user info":            {func(p *provider.Probe) { p.Path, p.URL = "", "https://u:"+secret+"@example.com/x" }, "user info"},
		"key in the URL":       {func(p *provider.Probe) { p.Path, p.URL = "", "https://example.com/x?api_key="+secret }, "credential"},
		"no host":              {func(p *provider.Probe) { p.Path, p.URL = "", "https:///x" }, "host"},
		"no URL":               {func(p *provider.Probe) { p.Path, p.URL = "", "https://ex ample/"+secret }, "not a URL"},
		"dots in the URL":      {func(p *provider.Probe) { p.Path, p.URL = "", "https://example.com/a/../b" }, "segment"},
		"rule: test":           {rule(provider.ProbeRule{JSON: "a", Test: "like"}), "Test"},
		"rule: test, no JSON":  {rule(provider.ProbeRule{Test: provider.TestExists}), "JSON"},
		"rule: no number":      {rule(provider.ProbeRule{JSON: "a", Test: provider.TestBelow, Value: "x"}), "number"},
		"rule: status":         {rule(provider.ProbeRule{Status: 4}), "Status"},
		"rule: class":          {rule(provider.ProbeRule{Class: 99}), "Class"},
		"rule: words too long": {rule(provider.ProbeRule{Words: strings.Repeat("x", 301)}), "longer"},
		"too many rules":       {func(p *provider.Probe) { p.Rules = make([]provider.ProbeRule, 33) }, "more than 32"},
	}
	require.NoError(t, valid.Validate())
	loopback := provider.Probe{Name: "p", URL: "http://127.0.0.1:1/x"}
	require.NoError(t, loopback.Validate())
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := valid
			tt.change(&p)
			err := p.Validate()
			require.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), secret)
			_, err = p.Request(t.Context(), provider.OpenAI)
			assert.Error(t, err, "what is not valid is not asked")
		})
	}
}

func rule(r provider.ProbeRule) func(*provider.Probe) {
	return func(p *provider.Probe) { p.Rules = []provider.ProbeRule{r} }
}

func TestProbeAuthorizeRefusesBrokenTokens(t *testing.T) {
	for auth, token := range map[provider.ProbeAuth]string{
		"bearer": "secret\nline", "account": "", "cookie:sessionKey": "secret; other=1", "basic": "secret",
	} {
		p := provider.Probe{Name: "p", Path: "/x", Auth: auth}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", http.NoBody)
		require.NoError(t, err)
		err = p.Authorize(provider.OpenAI, r, token)
		require.Error(t, err, auth)
		assert.NotContains(t, err.Error(), "secret")
		assert.Empty(t, r.Header, auth)
	}
}

// TestProbeIsRewritten: what a place wants of its requests it wants of probes too,
// and a request to the place's root is none of them.
func TestProbeIsRewritten(t *testing.T) {
	cloud := provider.OpenAI.At("cloud", "https://cloud.example.com/base")
	cloud.Rewrite = func(r *http.Request, op provider.Operation) error {
		assert.Equal(t, provider.OpModels, op.Kind)
		r.URL.RawQuery = "api-version=1"
		return nil
	}
	p := preset(t, "openai key")
	r, err := p.Request(t.Context(), cloud)
	require.NoError(t, err)
	assert.Equal(t, "https://cloud.example.com/base/models?api-version=1", r.URL.String())
	p.Root = true
	r, err = p.Request(t.Context(), cloud)
	require.NoError(t, err)
	assert.Equal(t, "https://cloud.example.com/models", r.URL.String())
}
