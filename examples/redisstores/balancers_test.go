package redisstores_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A program shares what it learns with all that use the same Redis.
func ExampleShare() {
	client := redis.NewUniversalClient(redisstores.Options("10.0.0.5:6379"))
	defer func() { _ = client.Close() }()

	cfg, err := redisstores.Share(balancer.Config{
		Accounts: []balancer.Account{{Name: "main", Provider: provider.OpenAI, Secret: "key-1"}},
	}, client)
	if err != nil {
		log.Print(err)
		return
	}
	lb, err := balancer.New(cfg)
	if err != nil {
		log.Print(err)
		return
	}
	defer func() { _ = lb.Close() }()
}

// program is one of several with the same accounts and the same Redis.
func program(t *testing.T, addr string, accounts map[string]*providertest.Fake, change ...func(*balancer.Config)) *balancer.Transport {
	t.Helper()
	client, _ := connect(t, nil, addr)
	cfg := balancer.Config{
		Picker:        balancer.InOrder{},
		HealthRefresh: 20 * time.Millisecond,
		RoundTripper: func(a balancer.Account) (http.RoundTripper, error) {
			return providertest.InMemory(accounts[a.Name]), nil
		},
		Hooks: balancer.Hooks{StoreError: func(_ context.Context, store string, err error) { t.Errorf("%s: %v", store, err) }},
	}
	for _, name := range []string{"a", "b"} {
		cfg.Accounts = append(cfg.Accounts, balancer.Account{Name: name, Provider: provider.OpenAI, Secret: "key-" + name})
	}
	for _, f := range change {
		f(&cfg)
	}
	cfg, err := redisstores.Share(cfg, client)
	require.NoError(t, err)
	lb, err := balancer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	return lb
}

func call(t *testing.T, lb *balancer.Transport, method, path, body string) (answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.openai.com/v1/"+path, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := lb.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
	require.NoError(t, json.Unmarshal(text, &answer))
	return answer
}

func TestProgramsRestAnAccountTogether(t *testing.T) {
	t.Parallel()
	addr := servers.Redis(t).Addr
	accounts := map[string]*providertest.Fake{
		"a": providertest.OpenAI(providertest.Config{}), "b": providertest.OpenAI(providertest.Config{}),
	}
	accounts["a"].Always(providertest.RateLimited(time.Hour))
	const chat = `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`
	one, running := program(t, addr, accounts), program(t, addr, accounts)
	call(t, one, http.MethodPost, "chat/completions", chat)
	assert.Equal(t, 1, accounts["a"].Count())

	later := program(t, addr, accounts)
	call(t, later, http.MethodPost, "chat/completions", chat)
	assert.Equal(t, 1, accounts["a"].Count(), "whoever comes later knows that it rests")

	require.Eventually(t, func() bool {
		s, err := running.Snapshot(t.Context())
		return err == nil && len(s.Accounts[0].Models) > 0
	}, 10*time.Second, 10*time.Millisecond)
	call(t, running, http.MethodPost, "chat/completions", chat)
	assert.Equal(t, 1, accounts["a"].Count(), "whoever was there has heard of it")
	assert.Equal(t, 3, accounts["b"].Count())
}

func TestProgramsFindWhatOthersStored(t *testing.T) {
	t.Parallel()
	addr := servers.Redis(t).Addr
	accounts := map[string]*providertest.Fake{
		"a": providertest.OpenAI(providertest.Config{Name: "a"}), "b": providertest.OpenAI(providertest.Config{Name: "b"}),
	}
	accounts["a"].Script(providertest.RateLimited(0))
	one, other := program(t, addr, accounts), program(t, addr, accounts)
	stored := call(t, one, http.MethodPost, "responses", `{"model":"gpt-5","input":"hi"}`)
	id, ok := stored["id"].(string)
	require.True(t, ok, "%v", stored)
	require.Equal(t, 1, accounts["b"].Count(), "it lives in the second account")
	found := call(t, other, http.MethodGet, "responses/"+id, "")
	assert.Equal(t, id, found["id"])
}
