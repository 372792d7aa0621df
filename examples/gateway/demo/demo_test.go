package demo_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/demo"
	"github.com/aitransport/aitransport/provider"
)

func start(t *testing.T) (*demo.Demo, *balancer.Transport) {
	t.Helper()
	d, err := demo.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	var cfg balancer.Config
	for _, a := range d.Accounts() {
		p, ok := provider.Lookup(a.Provider)
		require.True(t, ok)
		cfg.Accounts = append(cfg.Accounts, balancer.Account{
			Name: a.Name, Provider: p.At(a.Provider, a.BaseURL), Secret: a.Secret.Reveal(), Proxy: a.Proxy,
			FallbackToDirect: a.ProxyFallbackToDirect != nil && *a.ProxyFallbackToDirect, Priority: a.Priority,
		})
	}
	lb, err := balancer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	return d, lb
}

func TestEveryAPIAnswersPastItsFailures(t *testing.T) {
	_, lb := start(t)
	for _, c := range []struct {
		name, url, body, says string
		asked                 []string
		classes               []provider.Class
	}{
		{"openai", "https://api.openai.com/v1/chat/completions", `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`, "fake OpenAI",
			[]string{"openai-1", "openai-2", "openai-3"}, []provider.Class{provider.ClassProxyFailed, provider.ClassRateLimited, provider.ClassOK}},
		{"anthropic", "https://api.anthropic.com/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, "fake Anthropic",
			[]string{"anthropic-1", "anthropic-2"}, []provider.Class{provider.ClassOverloaded, provider.ClassOK}},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, "fake Gemini",
			[]string{"gemini-1"}, []provider.Class{provider.ClassOK}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, trail := balancer.WithTrail(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Anthropic-Version", "2023-06-01")
			resp, err := lb.Client().Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
			assert.Contains(t, string(text), c.says)
			var asked []string
			var classes []provider.Class
			for _, a := range trail.Attempts() {
				asked, classes = append(asked, a.Account), append(classes, a.Class)
			}
			assert.Equal(t, c.asked, asked)
			assert.Equal(t, c.classes, classes)
		})
	}
}

func TestNothingLeavesTheMachine(t *testing.T) {
	d, _ := start(t)
	for _, a := range d.Accounts() {
		for _, raw := range []string{a.BaseURL, a.Proxy} {
			if raw == "direct" {
				continue
			}
			u, err := url.Parse(raw)
			require.NoError(t, err)
			assert.Equal(t, "127.0.0.1", u.Hostname(), a.Name)
		}
		if !strings.HasPrefix(a.Proxy, "socks5://") {
			continue
		}
		u, err := url.Parse(a.Proxy)
		require.NoError(t, err)
		client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
		resp, err := client.Get("http://api.openai.com/")
		if err == nil {
			resp.Body.Close()
		}
		require.Error(t, err, "its proxy leads elsewhere")
	}
}

func TestEachDemoHasAKeyOfItsOwn(t *testing.T) {
	one, _ := start(t)
	two, _ := start(t)
	assert.NotEqual(t, one.Key().Hash, two.Key().Hash)
	assert.Len(t, one.Key().Hash, 64)
	var out strings.Builder
	one.Tell(&out, "http://127.0.0.1:8080")
	assert.Contains(t, out.String(), one.Curl("http://127.0.0.1:8080")+"\n")
}
