package main_test

import (
	"fmt"
	"net/http"
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
