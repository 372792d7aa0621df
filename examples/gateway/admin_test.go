package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// What README.md tells a newcomer to do.
func TestAnAccountAddedByTheAdminAPIServesTheNextRequest(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"sk-real"}})
	upstream, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	t.Cleanup(func() { upstream.Close() })
	r := start(t, t.TempDir(), []string{"GATEWAY_ADMIN_TOKEN=0123456789abcdef"}, "-listen", "127.0.0.1:0")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	key := r.find(t, r.people, `API key, which is shown this once: (gw-\S+)`)[1]
	assert.NotContains(t, r.people.String(), "The admin token", "it was given")
	r.find(t, r.people, "There is no account yet")

	post := func(path, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		return do(t, req)
	}
	const chat = `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`
	status, _ := post("/v1/chat/completions", key, chat)
	require.Equal(t, http.StatusServiceUnavailable, status)

	account := fmt.Sprintf(`{"name":"main","provider":"openai","base_url":"%s/v1","secret":"sk-real"}`, upstream.URL())
	status, _ = post("/admin/v1/accounts", key, account)
	require.Equal(t, http.StatusUnauthorized, status, "an API key is no admin token")
	status, body := post("/admin/v1/accounts", "0123456789abcdef", account)
	require.Equal(t, http.StatusCreated, status, body)
	assert.NotContains(t, body, "sk-real")

	status, body = post("/v1/chat/completions", key, chat)
	assert.Equal(t, http.StatusOK, status, body)
	assert.NotContains(t, r.log.String(), "sk-real")
	r.terminate(t)
}

// Behind a server that is trusted, who guesses tokens locks nobody else out.
func TestWhoGuessesTheAdminTokenLocksOutNobodyElse(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte("listen: 127.0.0.1:0\nadmin_token: 0123456789abcdef\ntrusted_proxies: [127.0.0.1]\n"), 0o600))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	get := func(token, from string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/admin/v1/accounts", http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("X-Forwarded-For", from)
		status, _ := do(t, req)
		return status
	}
	for range 12 {
		get("wrong-wrong-wrong", "203.0.113.1")
	}
	assert.Equal(t, http.StatusTooManyRequests, get("0123456789abcdef", "203.0.113.1"))
	assert.Equal(t, http.StatusOK, get("0123456789abcdef", "203.0.113.2"))
	r.find(t, r.log, `"msg":"Admin refused".*"client_ip":"203.0.113.1"`)
	r.terminate(t)
}
