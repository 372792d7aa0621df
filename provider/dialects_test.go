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

// small is a request that generates a little: its path below the base, and its body.
func small(p *provider.Provider) (path, body string) {
	switch {
	case p.API.Name == "anthropic":
		return "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	case p.Name == "gemini":
		return "/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`
	}
	return "/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
}

// callFake makes a small request of a fake, as an account would.
func callFake(t *testing.T, p *provider.Provider, c providertest.Config) (op provider.Operation, resp *http.Response, body []byte) {
	t.Helper()
	path, text := small(p)
	r := request(t, http.MethodPost, "http://unused.example"+path, "Content-Type", "application/json", "Anthropic-Version", "2023-06-01")
	r.Body = io.NopCloser(strings.NewReader(text))
	op = p.API.Describe(r, []byte(text))
	require.NotEqual(t, provider.OpUnknown, op.Kind)
	require.NoError(t, p.Address(r, path))
	authorize := p.Authorize
	if authorize == nil {
		authorize = p.API.Authorize
	}
	require.NoError(t, authorize(r, "a-key-of-ours"))
	resp, err := fakeOf(p, c).Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return op, resp, body
}

// meterOf is a meter that has read a whole body.
func meterOf(p *provider.Provider, op provider.Operation, h http.Header, body []byte) provider.Meter {
	newMeter := p.NewMeter
	if newMeter == nil {
		newMeter = p.API.NewMeter
	}
	m := newMeter(op, h)
	_, _ = m.Write(body)
	return m
}

func usageOfFake(t *testing.T, p *provider.Provider, c providertest.Config) provider.Usage {
	t.Helper()
	op, resp, body := callFake(t, p, c)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	return meterOf(p, op, resp.Header, body).Usage()
}

// ask makes a small request of a fake and judges the answer.
func ask(t *testing.T, p *provider.Provider, step providertest.Step) (v provider.Verdict, body string) {
	t.Helper()
	op, resp, head := callFake(t, p, providertest.Config{Script: []providertest.Step{step}})
	v = classifierOf(t, p.Name)(provider.Answer{Op: op, Status: resp.StatusCode, Header: resp.Header, Body: head, At: time.Now()})
	if v.Class == provider.ClassOK { // or the meter finds it
		if f, failed := meterOf(p, op, resp.Header, head).(interface {
			Failure() (provider.Verdict, bool)
		}).Failure(); failed {
			v = f
		}
	}
	return v, resp.Status + " " + string(head)
}
