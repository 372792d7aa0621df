package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// No way of printing a key prints it, also from within something else.
func TestKeyIsNotPrinted(t *testing.T) {
	const secret = "sk-pa55word"
	k := provider.Key(secret)
	token, err := k.Token(context.Background())
	require.NoError(t, err)
	require.Equal(t, secret, token)

	hidden := struct{ k provider.Credential }{k}
	shown := struct{ K provider.Credential }{k}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "in", shown)
	out := log.String()
	for _, v := range []any{k, &k, shown, &shown, hidden, &hidden} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out += fmt.Sprintf(verb, v)
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out += string(b)
	}
	assert.NotContains(t, out, "pa55word")
	assert.NotContains(t, out, fmt.Sprintf("%x", secret))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, "***", fmt.Sprintf(verb, k))
	}
	b, err := json.Marshal(k)
	require.NoError(t, err)
	assert.Equal(t, `"***"`, string(b))
}

func TestKey(t *testing.T) {
	token, err := provider.Key(" key\n").Token(context.Background())
	assert.NoError(t, err)
	assert.Equal(t, "key", token)
	_, err = provider.Key(" ").Token(context.Background())
	assert.ErrorContains(t, err, "empty")
	f := provider.CredentialFunc(func(context.Context) (string, error) { return "x", nil })
	token, _ = f.Token(context.Background())
	assert.Equal(t, "x", token)
}

func TestAuthorize(t *testing.T) {
	for _, c := range []struct {
		p                  *provider.Provider
		path, header, want string
	}{
		{provider.OpenAI, "/v1/chat/completions", "Authorization", "Bearer key"},
		{provider.Anthropic, "/v1/messages", "X-Api-Key", "key"},
		{provider.Anthropic, "/v1/chat/completions", "Authorization", "Bearer key"},
		{provider.Gemini, "/v1beta/models/x:generateContent", "X-Goog-Api-Key", "key"},
		{provider.Gemini, "/v1beta/openai/chat/completions", "Authorization", "Bearer key"},
	} {
		r := &http.Request{URL: &url.URL{Path: c.path}}
		require.NoError(t, c.p.API.Authorize(r, "key"))
		assert.Equal(t, http.Header{c.header: {c.want}}, r.Header)
		for _, bad := range []string{"", "pa55 word", "pa55word\n", "pa55wörd", "\x00"} {
			r := &http.Request{URL: &url.URL{Path: c.path}, Header: http.Header{}}
			err := c.p.API.Authorize(r, bad)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "pa55")
			assert.Empty(t, r.Header)
		}
	}
}

// Whatever a client sends to say who pays is gone afterwards: of two keys the
// provider would choose for itself.
func TestStripCredentials(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "https://user:pw@host/p?b=2&key=K&a=%20+1&Access_Token=T&%6bey=K&&c;api_key=x;d&apikey", nil)
	require.NoError(t, err)
	for _, h := range []string{
		"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Proxy-Authorization", "Cookie",
		"OpenAI-Organization", "OpenAI-Project", "Anthropic-Workspace-Id",
	} {
		r.Header.Add(h, "secret")
		r.Header.Add(h, "secret")
	}
	r.Header["authorization"] = []string{"secret"}
	r.Header["x_api_key"] = []string{"secret"}
	r.Trailer = http.Header{"Authorization": nil, "X-Sum": nil}
	keep := map[string]string{
		"Anthropic-Version": "2023-06-01", "Anthropic-Beta": "a,b", "OpenAI-Beta": "x", "X-Client-Request-Id": "1",
		"X-Goog-Api-Client": "x", "X-Goog-User-Project": "p", "Traceparent": "t", "X-Claude-Code-Session-Id": "s",
	}
	for k, v := range keep {
		r.Header.Set(k, v)
	}
	old := *r.URL
	u := r.URL
	provider.StripCredentials(r)
	assert.Equal(t, "https://host/p?b=2&a=%20+1&&c;d", r.URL.String())
	assert.Equal(t, old, *u, "the URL it came with is left alone")
	assert.Len(t, r.Header, len(keep))
	for k, v := range keep {
		assert.Equal(t, v, r.Header.Get(k))
	}
	assert.Equal(t, http.Header{"X-Sum": nil}, r.Trailer)
}

func TestStripQuery(t *testing.T) {
	for from, want := range map[string]string{
		"":                "",
		"key=a":           "",
		"key":             "",
		"alt=sse&key=a":   "alt=sse",
		"key=a&alt=sse":   "alt=sse",
		"a=1&&b=2":        "a=1&&b=2",
		"&a=1":            "&a=1",
		"a=1&":            "a=1&",
		"%zz=1&KEY=2":     "%zz=1",
		"monkey=1&keys=2": "monkey=1&keys=2",
		"q=key=1":         "q=key=1",
		"pageToken=1":     "pageToken=1",
	} {
		r := &http.Request{URL: &url.URL{Path: "/", RawQuery: from}}
		provider.StripCredentials(r)
		assert.Equal(t, want, r.URL.RawQuery, from)
	}
	provider.StripCredentials(&http.Request{}) // nothing there
}
