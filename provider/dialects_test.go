package provider_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestCatalogueAgreesWithFakes judges what every fake of the catalogue says when
// it fails, by the table of the same name.
func TestCatalogueAgreesWithFakes(t *testing.T) {
	for _, name := range provider.Names() {
		for _, c := range []struct {
			fault string
			step  providertest.Step
			want  []provider.Class
		}{
			{"rate limited", providertest.RateLimited(2 * time.Second), []provider.Class{provider.ClassRateLimited, provider.ClassCapacity}},
			{"capacity", providertest.Capacity(), []provider.Class{provider.ClassCapacity, provider.ClassRateLimited, provider.ClassOverloaded}},
			{"no money", providertest.QuotaExhausted(), []provider.Class{provider.ClassQuotaExhausted}},
			{"bad key", providertest.Unauthorized(), []provider.Class{provider.ClassAuthInvalid}},
			{"overloaded", providertest.Overloaded(), []provider.Class{provider.ClassOverloaded, provider.ClassCapacity}},
			{"too long", providertest.ContextTooLong(), []provider.Class{provider.ClassContextTooLong}},
			{"no model", providertest.ModelNotFound(), []provider.Class{provider.ClassModelNotFound}},
			{"content", providertest.ContentPolicy(), []provider.Class{provider.ClassContentPolicy}},
			{"server error", providertest.ServerError(), []provider.Class{provider.ClassTransient}},
			{"invalid", providertest.InvalidRequest(), []provider.Class{provider.ClassInvalidRequest}},
			{"too large", providertest.TooLarge(), []provider.Class{provider.ClassTooLarge}},
		} {
			t.Run(name+"/"+c.fault, func(t *testing.T) {
				if want, ok := otherWords[plain(name)+"/"+c.fault]; ok {
					c.want = []provider.Class{want}
				}
				p, _ := provider.Lookup(name)
				v, body := ask(t, p, c.step)
				assert.Contains(t, c.want, v.Class, "%v: %s", v, body)
			})
		}
	}
}

// otherWords are the faults for which the facts have no body, so that a fake says
// them in words of its own, and those that a provider tells in another way.
var otherWords = map[string]provider.Class{
	"groq/too large":               provider.ClassPermission, // more tokens than the tier has in a minute
	"minimax/overloaded":           provider.ClassTransient,  // 1000 is like a 500
	"minimax-anthropic/overloaded": provider.ClassTransient,
	"litellm/content":              provider.ClassInvalidRequest,
	"llamacpp/content":             provider.ClassInvalidRequest,
	"siliconflow/content":          provider.ClassInvalidRequest,
	"cohere/content":               provider.ClassInvalidRequest,
	"mistral/content":              provider.ClassInvalidRequest,
	"nvidia/content":               provider.ClassInvalidRequest,
	"vllm/content":                 provider.ClassInvalidRequest,
	"ollama/content":               provider.ClassInvalidRequest,
	"lmstudio/content":             provider.ClassInvalidRequest,
	"gemini-openai/content":        provider.ClassInvalidRequest,
	"vllm/no money":                provider.ClassRateLimited, // it has no accounts
	"lmstudio/no money":            provider.ClassRateLimited,
}

// plain is a name without its region.
func plain(name string) string { return strings.Replace(name, "-intl", "", 1) }

// fakeOf is the fake of a provider of the catalogue.
func fakeOf(p *provider.Provider, c providertest.Config) *providertest.Fake {
	switch p.Name {
	case "openai":
		return providertest.OpenAI(c)
	case "anthropic":
		return providertest.Anthropic(c)
	case "gemini":
		return providertest.Gemini(c)
	}
	return providertest.Compatible(p.Name, c)
}

// ask makes a small request of a fake and judges the answer.
func ask(t *testing.T, p *provider.Provider, step providertest.Step) (v provider.Verdict, body string) {
	t.Helper()
	path, text := "/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	switch p.API.Name {
	case "anthropic":
		path, text = "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	case "gemini":
		if p.Name == "gemini" {
			path, text = "/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`
		}
	}
	r := request(t, http.MethodPost, "http://unused.example"+path, "Content-Type", "application/json", "Anthropic-Version", "2023-06-01")
	r.Body = io.NopCloser(strings.NewReader(text))
	op := p.API.Describe(r, []byte(text))
	require.NotEqual(t, provider.OpUnknown, op.Kind)
	require.NoError(t, p.Address(r, path))
	authorize, newMeter := p.Authorize, p.NewMeter
	if authorize == nil {
		authorize = p.API.Authorize
	}
	if newMeter == nil {
		newMeter = p.API.NewMeter
	}
	require.NoError(t, authorize(r, "a-key-of-ours"))
	fake := fakeOf(p, providertest.Config{Script: []providertest.Step{step}})
	resp, err := fake.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	head, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	now := time.Now()
	v = classifierOf(t, p.Name)(provider.Answer{Op: op, Status: resp.StatusCode, Header: resp.Header, Body: head, At: now})
	if v.Class == provider.ClassOK { // or the meter finds it
		m := newMeter(op, resp.Header)
		_, _ = m.Write(head)
		if f, failed := m.(interface {
			Failure() (provider.Verdict, bool)
		}).Failure(); failed {
			v = f
		}
	}
	return v, resp.Status + " " + string(head)
}
