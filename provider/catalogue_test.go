package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// sharesTable says why an entry of the catalogue has no table of errors of its
// own.
var sharesTable = map[string]string{
	"gemini-openai": "its errors are Gemini's",
	"lmstudio":      "its errors are not documented",
	"litellm":       "its errors are OpenAI's, with the status as the code",
}

// TestCatalogueIsComplete ranges over the catalogue and fails for an entry that
// lacks its authorisation, error table, usage rule or source.
func TestCatalogueIsComplete(t *testing.T) {
	for _, name := range provider.Names() {
		t.Run(name, func(t *testing.T) {
			p, ok := provider.Lookup(name)
			require.True(t, ok)
			require.NoError(t, p.Validate())
			assert.Equal(t, name, p.Name)
			assert.Equal(t, strings.ToLower(name), name)
			assert.Regexp(t, `^https?://[^/]+(/[a-z0-9/-]+[a-z0-9])?$`, p.BaseURL)
			assert.Contains(t, p.Source, "provider-facts", "a source that a reader can open")
			authorizes(t, p)
			judges(t, p)
			meters(t, p)
			serves(t, p)
			isFaked(t, p)
		})
	}
}

// isFaked sees that a fake speaks for the provider, and that its answer is read as
// what it was told to use.
func isFaked(t *testing.T, p *provider.Provider) {
	t.Helper()
	c := providertest.Config{Models: []string{"m"}, InputTokens: 31, OutputTokens: 17}
	u := usageOfFake(t, p, c)
	assert.Equal(t, [2]int64{31, 17}, [2]int64{u.Input, u.Output}, "tokens in and out")
	assert.True(t, u.Complete)
}

// authorizes sees that the key leaves in one header, and in no other place.
func authorizes(t *testing.T, p *provider.Provider) {
	t.Helper()
	authorize := p.Authorize
	if authorize == nil {
		authorize = p.API.Authorize
	}
	r := request(t, http.MethodPost, p.BaseURL+mainPath(p))
	require.NoError(t, authorize(r, "the-key"))
	header := "Authorization"
	switch {
	case r.Header.Get("X-Api-Key") != "":
		header = "X-Api-Key"
	case r.Header.Get("X-Goog-Api-Key") != "":
		header = "X-Goog-Api-Key"
	}
	assert.Len(t, r.Header, 1)
	assert.Equal(t, "the-key", strings.TrimPrefix(r.Header.Get(header), "Bearer "))
	assert.NotContains(t, r.URL.String(), "the-key")
	require.Error(t, authorize(r, "two\r\nlines"))
}

// judges sees that there is a table of errors, and rows of its own in it or a
// reason to share one.
func judges(t *testing.T, p *provider.Provider) {
	t.Helper()
	classify := classifierOf(t, p.Name)
	v := classify(provider.Answer{Status: http.StatusTooManyRequests, Body: []byte(`{"error":{"message":"no"}}`), At: noon})
	assert.True(t, v.Class.Retryable(), v.Class)
	assert.Equal(t, provider.ClassOK, classify(provider.Answer{Status: http.StatusOK, At: noon}).Class)
	vendor, _, _ := strings.Cut(p.Name, "-")
	own, _ := provider.Rules(vendor)
	if reason := sharesTable[p.Name]; reason == "" {
		assert.Positive(t, own, "no table of errors: write one, or say why not in sharesTable")
	}
}

// meters sees that tokens are counted in the API's form.
func meters(t *testing.T, p *provider.Provider) {
	t.Helper()
	newMeter := p.NewMeter
	if newMeter == nil {
		newMeter = p.API.NewMeter
	}
	kind, body := provider.OpChat, `{"model":"m","usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}`
	switch p.API {
	case provider.Anthropic.API:
		kind, body = provider.OpMessages, `{"model":"m","usage":{"input_tokens":12,"output_tokens":5}}`
	case provider.Gemini.API:
		kind, body = provider.OpGenerate, `{"modelVersion":"m","usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":5,"totalTokenCount":17}}`
	}
	m := newMeter(provider.Operation{API: p.API.Name, Kind: kind}, http.Header{})
	_, _ = m.Write([]byte(body))
	u := m.Usage()
	assert.Equal(t, [2]int64{12, 5}, [2]int64{u.Input, u.Output})
	assert.True(t, u.Complete)
	assert.Equal(t, "m", u.Model)
}

// serves sees that the path of the main operation, below the base, is recognised
// and among the operations.
func serves(t *testing.T, p *provider.Provider) {
	t.Helper()
	u, err := url.Parse(p.BaseURL + mainPath(p))
	require.NoError(t, err)
	rest, ok := p.Match(u)
	require.True(t, ok)
	assert.Equal(t, mainPath(p), rest)
	op := p.API.Describe(request(t, http.MethodPost, u.String()), []byte(`{"model":"m"}`))
	assert.NotEqual(t, provider.OpUnknown, op.Kind)
	assert.True(t, p.Serves(op.Kind))
	sorted := slices.Sorted(slices.Values(p.Operations))
	assert.Len(t, slices.Compact(sorted), len(p.Operations), "an operation is listed twice")
}

func mainPath(p *provider.Provider) string {
	switch p.API {
	case provider.Anthropic.API:
		return "/v1/messages"
	case provider.Gemini.API:
		return "/v1beta/models/m:generateContent"
	}
	return "/chat/completions"
}

// TestCatalogueNames has the vendors that the catalogue must know, and the forms
// a name may take.
func TestCatalogueNames(t *testing.T) {
	names := provider.Names()
	assert.True(t, slices.IsSorted(names))
	assert.Subset(t, names, []string{
		"openai", "anthropic", "gemini", "gemini-openai",
		"moonshot", "moonshot-intl", "moonshot-anthropic", "deepseek", "deepseek-anthropic",
		"dashscope", "dashscope-intl", "dashscope-us", "dashscope-anthropic",
		"zhipu", "zhipu-intl", "zhipu-anthropic", "minimax", "minimax-anthropic",
		"mistral", "groq", "xai", "openrouter", "together", "cerebras", "cohere", "nvidia",
		"vllm", "ollama", "lmstudio",
	})
	for _, name := range names {
		assert.Regexp(t, `^[a-z]+(-(us|intl|coding-intl))?(-(anthropic|openai))?$`, name)
	}
	p, ok := provider.Lookup("DeepSeek")
	require.True(t, ok)
	assert.Equal(t, "deepseek", p.Name)
	p, ok = provider.Lookup("nobody")
	assert.False(t, ok)
	assert.Nil(t, p)
}

// What Lookup returns is the caller's own.
func TestCatalogueIsNotShared(t *testing.T) {
	p, _ := provider.Lookup("groq")
	p.Name, p.Operations[0], p.Classify = "mine", provider.OpVideos, nil
	p.Operations = append(p.Operations, provider.OpFineTuning)
	again, _ := provider.Lookup("groq")
	assert.Equal(t, "groq", again.Name)
	assert.True(t, again.Serves(provider.OpChat))
	assert.False(t, again.Serves(provider.OpFineTuning))
	assert.NotNil(t, again.Classify)
}

// Another place of the same vendor keeps its ways.
func TestCatalogueAt(t *testing.T) {
	p, _ := provider.Lookup("dashscope")
	at := p.At("workspace", "https://w.cn-beijing.maas.aliyuncs.com/compatible-mode/v1")
	require.NoError(t, at.Validate())
	v := at.Classify(provider.Answer{Status: 429, Body: fixture(t, "dashscope/429-throttle.json"), At: noon})
	assert.Equal(t, rate, v.Class)
	assert.False(t, at.Serves(provider.OpImages))
}

// One signal, many meanings (provider-facts 15, trap 10).
func TestSameSignalOtherProvider(t *testing.T) {
	judged := func(name string, status int, body string) string {
		return classifierOf(t, name)(provider.Answer{Status: status, Body: []byte(body), At: noon}).Class.String()
	}
	noQuota := withCode("insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.")
	assert.Equal(t, quota.String(), judged("openai", 429, noQuota))
	assert.Equal(t, rate.String(), judged("dashscope", 429, noQuota))
	assert.Equal(t, rate.String(), judged("dashscope-anthropic", 429, noQuota))
	forbidden := `{"error":{"message":"no"}}`
	for name, class := range map[string]provider.Class{
		"openai": permission, "together": tooLong, "openrouter": policy, "nvidia": auth, "groq": permission,
	} {
		assert.Equal(t, class.String(), judged(name, 403, forbidden), name)
	}
	assert.Equal(t, capacity.String(), judged("openrouter", 402, string(fixture(t, "openrouter/402-in-flight.json"))))
	assert.Equal(t, quota.String(), judged("deepseek", 402, string(fixture(t, "openrouter/402-in-flight.json"))))
}

// The Anthropic-format places of the vendors know their vendor's codes and
// Anthropic's types.
func TestAnthropicPlaces(t *testing.T) {
	judged := func(name string, status int, body string) string {
		return classifierOf(t, name)(provider.Answer{Op: provider.Operation{Kind: provider.OpMessages}, Status: status, Body: []byte(body), At: noon}).Class.String()
	}
	for _, name := range provider.Names() {
		if !strings.HasSuffix(name, "-anthropic") {
			continue
		}
		assert.Equal(t, overloaded.String(), judged(name, 529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), name)
		assert.Equal(t, policy.String(), judged(name, 200, string(fixture(t, "anthropic/200-refusal.json"))), name)
	}
	assert.Equal(t, quota.String(), judged("deepseek-anthropic", 402, `{"error":{"message":"Insufficient Balance"}}`))
	assert.Equal(t, quota.String(), judged("zhipu-anthropic", 429, zhipuBody("1113")))
	assert.Equal(t, quota.String(), judged("minimax-anthropic", 200, minimaxBody("1008")))
	assert.Equal(t, capacity.String(), judged("moonshot-anthropic", 429, moonshotBody("rate_limit_reached_error", "max concurrency")))
}

// The usage of streams is asked for in OpenAI's way, but not of those who tell it
// unasked or know of no such question (provider-facts 3.3, 9, 10).
func TestWhoIsAskedForStreamUsage(t *testing.T) {
	unasked := []string{"cohere", "groq", "mistral", "moonshot", "moonshot-intl", "openrouter"}
	for _, name := range provider.Names() {
		p, _ := provider.Lookup(name)
		assert.Equal(t, p.API == provider.OpenAI.API && !slices.Contains(unasked, name), p.StreamUsage, name)
	}
}

// A place that was moved is its vendor's still.
func TestAMovedPlaceKeepsItsVendor(t *testing.T) {
	for name, probe := range map[string]string{
		"deepseek": "deepseek balance", "deepseek-anthropic": "deepseek balance", "moonshot-intl": "moonshot balance", "vllm": "vllm health", "ollama": "ollama version",
	} {
		p, ok := provider.Lookup(name)
		require.True(t, ok)
		assert.Equal(t, name, p.Vendor)
		moved := p.At("mine", "https://relay.example.com/v1")
		assert.Equal(t, name, moved.Vendor)
		require.NotEmpty(t, provider.Probes(moved), name)
		assert.Equal(t, probe, provider.Probes(moved)[0].Name)
	}
	assert.Empty(t, provider.OpenAI.Vendor, "whoever speaks OpenAI's protocol is not OpenAI")
}
