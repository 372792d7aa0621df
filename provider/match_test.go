package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestMatch(t *testing.T) {
	relay := provider.OpenAI.At("relay", "http://Relay.example.com:80/api/v1/")
	odd := provider.Gemini.At("odd", "https://[::1]:8443/a%2Fb")
	for _, c := range []struct {
		p    *provider.Provider
		url  string
		rest string
		ok   bool
	}{
		{provider.OpenAI, "https://api.openai.com/v1/chat/completions?x=1", "/chat/completions", true},
		{provider.OpenAI, "HTTPS://API.OpenAI.com:443/v1/models", "/models", true},
		{provider.OpenAI, "https://api.openai.com/v1", "", true},
		{provider.OpenAI, "https://api.openai.com/v1/", "/", true},
		{provider.OpenAI, "https://api.openai.com/v1/models/ft%3Aa%2Fb", "/models/ft%3Aa%2Fb", true},
		{provider.OpenAI, "http://api.openai.com/v1/models", "", false},
		{provider.OpenAI, "https://api.openai.com:8443/v1/models", "", false},
		{provider.OpenAI, "https://api.openai.com/v1beta/models", "", false},
		{provider.OpenAI, "https://api.openai.com/", "", false},
		{provider.OpenAI, "https://api.openai.com.evil.example/v1/models", "", false},
		{provider.OpenAI, "https://evil.example/v1/models", "", false},
		{provider.OpenAI, "https://api.openai.com@evil.example/v1/models", "", false},
		{provider.OpenAI, "https://api.openai.com/v1/../admin", "", false},
		{provider.OpenAI, "https://api.openai.com/v1/%2e%2E/admin", "", false},
		{provider.OpenAI, "https://api.openai.com/v1/x%2f..%2fadmin", "", false},
		{provider.OpenAI, "/v1/models", "", false},
		{provider.OpenAI, "https:api.openai.com/v1", "", false},
		{provider.Anthropic, "https://api.anthropic.com/v1/messages?beta=true", "/v1/messages", true},
		{provider.Anthropic, "https://api.anthropic.com", "", true},
		{provider.Gemini, "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent", "/v1beta/models/x:generateContent", true},
		{relay, "http://relay.example.com/api/v1/chat/completions", "/chat/completions", true},
		{relay, "http://relay.example.com/api/v10/chat/completions", "", false},
		{relay, "https://relay.example.com/api/v1/chat/completions", "", false},
		{relay, "https://api.openai.com/v1/chat/completions", "", false},
		{odd, "https://[::1]:8443/a%2Fb/v1beta/models", "/v1beta/models", true},
		{odd, "https://[::1]:8443/a/b/v1beta/models", "", false},
		{provider.OpenAI.At("again", "https://api.openai.com/v1/"), "https://api.openai.com/v1/models", "/models", true},
		{provider.OpenAI.At("bad", "nonsense"), "https://api.openai.com/v1/models", "", false},
	} {
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		rest, ok := c.p.Match(u)
		assert.Equal(t, c.ok, ok, "%s %s", c.p.Name, c.url)
		assert.Equal(t, c.rest, rest, "%s %s", c.p.Name, c.url)
	}
	_, ok := provider.OpenAI.Match(nil)
	assert.False(t, ok)
}

// A provider at an API's official base matches all that the API does.
func TestMatchAsTheAPI(t *testing.T) {
	api := *provider.OpenAI.API
	api.Match = func(u *url.URL) (string, bool) {
		return strings.CutPrefix(u.Path, "/v1")
	}
	p := &provider.Provider{Name: "own", BaseURL: "https://api.openai.com/v1", API: &api}
	u := &url.URL{Scheme: "https", Host: "eu.api.openai.com", Path: "/v1/models"}
	rest, ok := p.Match(u)
	assert.True(t, ok)
	assert.Equal(t, "/models", rest)
	_, ok = p.At("elsewhere", "https://relay.example.com/v2").Match(u)
	assert.False(t, ok)
}

func TestValidate(t *testing.T) {
	for _, p := range []*provider.Provider{
		provider.OpenAI, provider.Anthropic, provider.Gemini,
		provider.OpenAI.At("a", "http://127.0.0.1:8000"), provider.OpenAI.At("a", "https://[::1]"),
		provider.OpenAI.At("a", "https://host.example/a/b%40c/"), provider.OpenAI.At("a", "HTTPS://Host:1/"),
	} {
		assert.NoError(t, p.Validate(), p.BaseURL)
	}
	for base, want := range map[string]string{
		"":                                  "is empty",
		" https://host":                     "white space",
		"host/v1":                           "has no scheme",
		"https:/host":                       "has no scheme",
		"ftp://host/":                       `the scheme "ftp"`,
		"socks5h://host/":                   `the scheme "socks5h"`,
		"http://127.0.0.1:8000:8000":        `the port "8000:8000"`,
		"http://127.0.0.1:80a":              "a port that is not a number",
		"http://127.0.0.1:0":                `the port "0"`,
		"http://127.0.0.1:65536":            `the port "65536"`,
		"http://host:/v1":                   "a colon but no port",
		"http:///v1":                        "has no host",
		"http://:80/v1":                     "has no host",
		"http://ho st/v1":                   "a character in its host",
		"http://[::1/v1":                    "without its ]",
		"http://[::1]8/v1":                  "after the IPv6 address",
		"https://user:pa55word@host/v1":     "user info",
		"https://us/er:pa55word@host/v1":    "user info",
		"sk-pa55word@host":                  "user info",
		"https://host/v1?key=pa55word":      "a query",
		"https://host/v1#pa55word":          "a fragment",
		"https://host/v1/../pa55word":       ". or ..",
		"https://host/%zz/pa55word":         "is not a URL",
		"sk-pa55word":                       "has no scheme",
		"sk-pa55wordpa55word://host":        "(unreadable)",
		"https://sk-ant-pa55word:x@y:1:2/v": "user info",
	} {
		p := provider.OpenAI.At("relay", base)
		err := p.Validate()
		if !assert.Error(t, err, base) {
			continue
		}
		assert.Contains(t, err.Error(), want, base)
		assert.Contains(t, err.Error(), `provider "relay": BaseURL`)
		assert.NotContains(t, err.Error(), "pa55word")
		assert.NotContains(t, err.Error(), "user:")
		if strings.Contains(base, "@") {
			assert.NotContains(t, p.BaseURL, "pa55word", "a Provider can be printed")
		}
		_, ok := p.Match(&url.URL{Scheme: "https", Host: "host"})
		assert.False(t, ok)
		assert.Error(t, p.Address(&http.Request{}, "/x"))
	}
}

func TestValidateFields(t *testing.T) {
	var none *provider.Provider
	assert.ErrorContains(t, none.Validate(), "nil")
	assert.ErrorContains(t, provider.OpenAI.At("", "https://x").Validate(), "Name")
	p := &provider.Provider{Name: "p", BaseURL: "https://x"}
	assert.ErrorContains(t, p.Validate(), "API is nil")
	p.API = &provider.API{}
	assert.ErrorContains(t, p.Validate(), "API.Name")
	p.API.Name = "x"
	assert.ErrorContains(t, p.Validate(), "Describe")
	p.API.Describe = provider.OpenAI.API.Describe
	assert.ErrorContains(t, p.Validate(), "Classify")
	p.Classify = provider.OpenAI.API.Classify
	assert.ErrorContains(t, p.Validate(), "NewMeter")
	p.API.NewMeter = provider.OpenAI.API.NewMeter
	assert.ErrorContains(t, p.Validate(), "Authorize")
	p.Authorize = provider.OpenAI.API.Authorize
	assert.NoError(t, p.Validate())
}

func TestAddress(t *testing.T) {
	for _, c := range []struct{ base, from, want, host string }{
		{"https://relay.example.com/v1", "https://api.openai.com/v1/chat/completions?a=1&b=%20", "https://relay.example.com/v1/chat/completions?a=1&b=%20", "relay.example.com"},
		{"http://Relay:8080", "https://api.openai.com/v1", "http://relay:8080", "relay:8080"},
		{"http://relay/x/", "https://api.openai.com/v1/models/a%2Fb?", "http://relay/x/models/a%2Fb?", "relay"},
		{"http://relay/a%2Fb", "https://user:pw@api.openai.com/v1/models/x%20y#f", "http://relay/a%2Fb/models/x%20y", "relay"},
		{"https://[::1]:8443/v1", "https://api.openai.com/v1//files", "https://[::1]:8443/v1//files", "[::1]:8443"},
	} {
		r, err := http.NewRequest(http.MethodGet, c.from, nil)
		require.NoError(t, err)
		before := *r.URL
		old := r.URL
		rest, ok := provider.OpenAI.Match(r.URL)
		require.True(t, ok)
		require.NoError(t, provider.OpenAI.At("relay", c.base).Address(r, rest))
		assert.Equal(t, c.want, r.URL.String())
		assert.Equal(t, c.host, r.Host)
		assert.Equal(t, before, *old, "the URL it came with is left alone")
	}
	r := &http.Request{}
	assert.Error(t, provider.OpenAI.Address(r, "chat"))
	assert.Error(t, provider.OpenAI.Address(r, "/%zz"))
	assert.Error(t, provider.OpenAI.Address(r, "/../x"))
	assert.Error(t, provider.OpenAI.Address(r, "/%2e%2e/x"))
	assert.Nil(t, r.URL)
}
