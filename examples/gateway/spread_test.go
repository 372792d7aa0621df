package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// spreadTime is how soon a change made at one gateway serves the requests of another.
const spreadTime = 5 * time.Second

// What is changed at one gateway holds at another that shares its database.
func TestAChangeReachesOtherGateways(t *testing.T) {
	t.Parallel()
	upstream, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{Keys: []string{"sk-real"}})})
	require.NoError(t, err)
	t.Cleanup(func() { upstream.Close() })
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil, `listen: 127.0.0.1:0
database: %s
master_key: %s
admin_token: 0123456789abcdef
keys: [{name: k, secret: fedcba9876543210}]
`, servers.PostgreSQL(t).DSN, strings.Repeat("ab", 32)), 0o600))

	var gateways []*running
	var bases []string
	for i := range 2 {
		g := start(t, dir, nil, "-config", "gateway.yaml", "-data", fmt.Sprint("data-", i))
		gateways, bases = append(gateways, g), append(bases, g.find(t, g.people, `serves at (\S+),`)[1])
	}
	call := func(method, url, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		return do(t, req)
	}
	chat := func(base string) int {
		status, _ := call(http.MethodPost, base+"/v1/chat/completions", "fedcba9876543210", `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`)
		return status
	}
	soon := func(base string, want int) {
		t.Helper()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		began, status := time.Now(), 0
		for time.Since(began) < spreadTime {
			if status = chat(base); status == want {
				return
			}
			<-tick.C
		}
		assert.Equal(t, want, status, "after %v", spreadTime)
	}

	require.Equal(t, http.StatusServiceUnavailable, chat(bases[1]))
	status, body := call(http.MethodPost, bases[0]+"/admin/v1/accounts", "0123456789abcdef",
		fmt.Sprintf(`{"name":"main","provider":"openai","base_url":"%s/v1","secret":"sk-real"}`, upstream.URL()))
	require.Equal(t, http.StatusCreated, status, body)
	assert.Equal(t, http.StatusOK, chat(bases[0]), "the next request, here")
	soon(bases[1], http.StatusOK)

	path := bases[1] + "/admin/v1/accounts/" + strings.Split(strings.Split(body, `"id":"`)[1], `"`)[0]
	status, body = call(http.MethodDelete, path, "0123456789abcdef", "")
	require.Equal(t, http.StatusNoContent, status, body)
	assert.Equal(t, http.StatusServiceUnavailable, chat(bases[1]))
	soon(bases[0], http.StatusServiceUnavailable)
	for _, g := range gateways {
		g.terminate(t)
	}
}
