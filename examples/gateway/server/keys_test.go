package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
)

// withKey gives the test's key rules.
func withKey(change func(*resource.Key)) func(*server.Config) {
	return func(c *server.Config) { c.Keys = []resource.Key{key(secret, change)} }
}

func TestKeysAreRefusedForWhatTheyMayNot(t *testing.T) {
	off := false
	for name, c := range map[string]struct {
		rule         func(*resource.Key)
		target, body string
		headers      []string
		status       int
		code         string
	}{
		"no key":            {nil, "/v1/chat/completions", chatBody, []string{"Authorization: "}, 401, "invalid_token"},
		"wrong key":         {nil, "/v1/chat/completions", chatBody, []string{"Authorization: Bearer wrong"}, 401, "invalid_token"},
		"basic":             {nil, "/v1/chat/completions", chatBody, []string{"Authorization: Basic " + secret}, 401, "invalid_token"},
		"key in a query":    {nil, "/v1/chat/completions?key=" + secret, chatBody, []string{"Authorization: "}, 401, "invalid_token"},
		"a key of 1 KiB":    {nil, "/v1/chat/completions", chatBody, []string{"Authorization: Bearer " + strings.Repeat("x", 1024)}, 401, "invalid_token"},
		"disabled":          {func(k *resource.Key) { k.Enabled = &off }, "/v1/chat/completions", chatBody, nil, 401, "invalid_token"},
		"expired":           {func(k *resource.Key) { k.Expires = time.Now().Add(-time.Second) }, "/v1/chat/completions", chatBody, nil, 401, "token_expired"},
		"another model":     {func(k *resource.Key) { k.Models = []string{"gpt-4*", "o3"} }, "/v1/chat/completions", chatBody, nil, 403, "model_not_allowed"},
		"no model":          {func(k *resource.Key) { k.Models = []string{"gpt-4*"} }, "/v1/images/generations", `{"prompt":"x"}`, nil, 403, "model_not_allowed"},
		"models in a file":  {func(k *resource.Key) { k.Models = []string{"gpt-4*"} }, "/v1/batches", `{"input_file_id":"f"}`, nil, 403, "model_not_allowed"},
		"model twice":       {func(k *resource.Key) { k.Models = []string{"gpt-4*"} }, "/v1/chat/completions", `{"model":"gpt-4o","messages":[],"model":"gpt-5"}`, nil, 400, "invalid_request"},
		"model in the path": {func(k *resource.Key) { k.Models = []string{"gemini-2*"} }, "/v1beta/models/gemini-3:generateContent", geminiBody, nil, 403, "MODEL_NOT_ALLOWED"},
		"another group":     {func(k *resource.Key) { k.Groups = []string{"blue"} }, "/red/v1/chat/completions", chatBody, nil, 403, "group_not_allowed"},
		"no such group":     {nil, "/green/v1/chat/completions", chatBody, nil, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := c.rule
			if rule == nil {
				rule = func(*resource.Key) {}
			}
			r := newRig(t, withKey(rule))
			got := r.ask("POST", c.target, c.body, c.headers...)
			assert.Equal(t, c.status, got.status, got.body)
			assert.Contains(t, got.body, c.code)
			if c.code == "not_found" {
				assert.Contains(t, got.body, "There is no group green: ", "who has a wrong base URL sees which part of it is taken for a group")
			}
			assert.Zero(t, r.hits(), "nothing reaches a provider")
			assert.NotContains(t, r.logs.String(), secret)
			assert.Contains(t, r.logs.String(), `"code":"`+strings.ToLower(c.code)+`"`)
			if c.status == 401 && c.rule == nil {
				assert.Empty(t, r.store.recorded(), "anybody could fill the store")
				return
			}
			rec := r.store.last(t)
			assert.Equal(t, c.status, rec.Status)
			assert.Equal(t, strings.ToLower(c.code), rec.Code)
		})
	}
}

func TestKeysMayDoWhatTheyAreGiven(t *testing.T) {
	for name, c := range map[string]struct {
		rule         func(*resource.Key)
		target, body string
	}{
		"a model by its pattern": {func(k *resource.Key) { k.Models = []string{"o3", "gpt-*"} }, "/v1/chat/completions", chatBody},
		"a pattern's middle":     {func(k *resource.Key) { k.Models = []string{"g*5"} }, "/v1/chat/completions", chatBody},
		"a group of its own":     {func(k *resource.Key) { k.Groups = []string{"blue", "red"} }, "/red/v1/chat/completions", chatBody},
		"any group":              {func(*resource.Key) {}, "/red/v1/chat/completions", chatBody},
		"not yet expired":        {func(k *resource.Key) { k.Expires = time.Now().Add(time.Hour) }, "/v1/chat/completions", chatBody},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withKey(c.rule), func(cfg *server.Config) {
				cfg.Accounts = []resource.Account{account("b", "openai", func(a *resource.Account) { a.Groups = []string{"blue", "red"} })}
			})
			assert.Equal(t, 200, r.ask("POST", c.target, c.body).status)
		})
	}
}

func TestAKeysFirstGroupIsUsed(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.Groups = []string{"blue", "red"} }), func(cfg *server.Config) {
		cfg.Accounts = []resource.Account{
			account("r", "openai", func(a *resource.Account) { a.Groups = []string{"red"} }),
			account("b", "openai", func(a *resource.Account) { a.Groups, a.Priority = []string{"blue"}, 9 }),
		}
	})
	for range 3 {
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, "b", r.store.last(t).Account)
	}
	require.Equal(t, 200, r.ask("POST", "/red/v1/chat/completions", chatBody).status)
	assert.Equal(t, "r", r.store.last(t).Account)
	assert.Equal(t, "red", r.store.last(t).Group)
}

func TestQuotasAndRatesOfKeys(t *testing.T) {
	day := func(q resource.Quota) func(*resource.Key) {
		return func(k *resource.Key) { k.Quotas = []resource.Quota{q} }
	}
	for name, c := range map[string]struct {
		rule   func(*resource.Key)
		fits   int // requests that are served
		status int
		code   string
		after  bool
	}{
		"requests a minute": {func(k *resource.Key) { k.RequestsPerMinute = 2 }, 2, 429, "rate_limit_exceeded", true},
		"tokens a day":      {day(resource.Quota{Window: "day", Tokens: 1100}), 4, 402, "daily_limit_exceeded", true},
		"tokens in all":     {day(resource.Quota{Window: "total", Tokens: 1100}), 4, 402, "quota_exceeded", false},
		"money in 5 hours":  {day(resource.Quota{Window: "5h", USD: 0.0105}), 3, 402, "quota_exceeded", true},
		"money at a rate":   {func(k *resource.Key) { k.PriceRate, k.Quotas = 2, []resource.Quota{{Window: "5h", USD: 0.021}} }, 3, 402, "quota_exceeded", true},
		"money this month":  {day(resource.Quota{Window: "month", USD: 0.0105}), 3, 402, "quota_exceeded", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withKey(c.rule))
				served := 0
				var got answer
				for range 10 { // the estimate is 15 and 1024 tokens; each takes 18, and 83750 nano-USD
					if got = r.chat(); got.status != 200 {
						break
					}
					served++
				}
				assert.Equal(t, c.fits, served)
				assert.Equal(t, c.status, got.status, got.body)
				assert.Contains(t, got.body, `"code":"`+c.code+`"`)
				assert.Equal(t, c.after, got.header.Get("Retry-After") != "")
				assert.Equal(t, served, r.openai.Count())
			})
		})
	}
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withKey(func(k *resource.Key) { k.InFlight = 1 }))
		r.openai.Script(providertest.OK().After(time.Minute))
		done := make(chan answer)
		go func() { done <- r.chat() }()
		synctest.Wait()
		got := r.chat()
		assert.Equal(t, 429, got.status)
		assert.Equal(t, "1", got.header.Get("Retry-After"))
		assert.Contains(t, got.body, "in flight")
		assert.Equal(t, 200, (<-done).status)
		assert.Equal(t, 200, r.chat().status)
	})
}

func TestALimitOfTheKeyEndsWithItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withKey(func(k *resource.Key) { k.RequestsPerMinute = 1 }))
		require.Equal(t, 200, r.chat().status)
		require.Equal(t, 429, r.chat().status)
		time.Sleep(62 * time.Second)
		assert.Equal(t, 200, r.chat().status)
	})
}

func TestKeysOfTheStoreAreCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := key("gw-stored")
		r.store.keys[k.Hash] = k
		stored := "Authorization: Bearer gw-stored"
		for range 5 {
			require.Equal(t, 200, r.chat(stored).status)
			require.Equal(t, 401, r.chat("Authorization: Bearer gw-unknown").status)
		}
		assert.Equal(t, 2, r.store.lookups, "one for each, the unknown one too")

		r.store.failWith(errDown)
		time.Sleep(6 * time.Second)
		assert.Equal(t, 200, r.chat(stored).status, "a known key outlives the store")
		assert.Equal(t, 500, r.chat("Authorization: Bearer gw-unknown").status)
		time.Sleep(2 * time.Minute)
		got := r.chat(stored)
		assert.Equal(t, 500, got.status, "but not for ever")
		assert.NotContains(t, got.body, "database")

		r.store.failWith(nil)
		require.Equal(t, 200, r.chat(stored).status)
		delete(r.store.keys, k.Hash)
		assert.Equal(t, 200, r.chat(stored).status, "five seconds at most")
		r.s.Forget(k.Hash)
		assert.Equal(t, 401, r.chat(stored).status)
	})
}

func TestTheRightOneOfTwoCredentialsCounts(t *testing.T) {
	r := newRig(t)
	assert.Equal(t, 200, r.ask("POST", "/v1/messages", claudeBody, version, "X-Api-Key: sk-ant-mine", "Authorization: Bearer "+secret).status)
	assert.Equal(t, 200, r.ask("POST", "/v1/messages", claudeBody, version, "X-Api-Key: "+secret, "Authorization: Bearer other").status)
	req := newRequest(t, "POST", "/v1/chat/completions", chatBody)
	req.Header.Add("Authorization", "Bearer other")
	assert.Equal(t, 401, r.send(req).status, "of two values of one header nobody knows which counts")
	for _, hit := range r.anthropic.Hits() {
		assert.Equal(t, "sk-ant", hit.Key)
		assert.NotContains(t, hit.Credentials, "Authorization")
	}
}

func TestTheEmbeddingProgramAuthenticates(t *testing.T) {
	said := map[string]error{
		"known": nil, "unknown": server.ErrUnauthorized, "broken": errDown,
		"expired": &dialect.Problem{Code: dialect.CodeTokenExpired},
	}
	r := newRig(t, func(c *server.Config) {
		c.Authenticate = func(req *http.Request) (resource.Key, error) {
			who := req.Header.Get("X-User")
			return resource.Key{ID: "u_" + who, UserID: who}, said[who]
		}
	})
	for who, want := range map[string]int{"known": 200, "unknown": 401, "broken": 500, "expired": 401} {
		got := r.chat("X-User: " + who)
		assert.Equal(t, want, got.status, who)
		assert.NotContains(t, got.body, errDown.Error())
		if who == "known" {
			assert.Equal(t, "known", r.store.last(t).UserID)
		}
	}
}

func TestClientsAreFiltered(t *testing.T) {
	cli := "User-Agent: claude-cli/2.1.0 (external, cli)"
	strict := []string{cli, version, "Anthropic-Beta: claude-code-20250219", "X-App: cli"}
	strictFilter := server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code-strict"}}}
	// What Claude Code asks before it begins, to see whether its key and model are good.
	warmUp := func(words string, tokens int) string {
		return fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":%d,"messages":[{"role":"user","content":%q}],"metadata":{"user_id":"u"}}`, tokens, words)
	}
	system := `{"model":"claude-sonnet-4-5","max_tokens":9,"system":[{"type":"text","text":"You are Claude Code, Anthropic's official CLI for Claude."}],"messages":[{"role":"user","content":"hi"}]}`
	for name, c := range map[string]struct {
		filter  server.ClientFilter
		body    string
		headers []string
		status  int
	}{
		"off":                       {server.ClientFilter{}, claudeBody, []string{version}, 200},
		"off with types":            {server.ClientFilter{Types: []server.ClientType{{Name: "claude-code"}}}, claudeBody, []string{version}, 200},
		"on and empty":              {server.ClientFilter{Enabled: true}, claudeBody, []string{version, cli}, 403},
		"simple, right":             {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code"}}}, claudeBody, []string{version, cli}, 200},
		"simple, another":           {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code"}}}, claudeBody, []string{version, "User-Agent: curl/8"}, 403},
		"simple, without a version": {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code"}}}, claudeBody, []string{version, "User-Agent: claude-cli/x"}, 403},
		"strict, right":             {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code-strict"}}}, system, strict, 200},
		"strict, no system prompt":  {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code-strict"}}}, claudeBody, strict, 403},
		"strict, no header":         {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "claude-code-strict"}}}, system, []string{cli, version}, 403},
		"strict, quota check":       {strictFilter, warmUp("quota", 1), strict, 200},
		"strict, key check":         {strictFilter, warmUp("test", 1), strict, 200},
		"strict, model check":       {strictFilter, strings.Replace(warmUp(".", 1), "{", `{"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330"}],`, 1), strict, 200},
		"strict, check, no header":  {strictFilter, warmUp("quota", 1), []string{cli, version}, 403},
		"strict, no check at all":   {strictFilter, warmUp("Write a book", 1), strict, 403},
		"strict, check that talks":  {strictFilter, warmUp("test", 64), strict, 403},
		"one's own":                 {server.ClientFilter{Enabled: true, Types: []server.ClientType{{Name: "mine", Headers: []string{"x-mine"}}}}, claudeBody, []string{version, "X-Mine: 1"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *server.Config) { cfg.Clients = c.filter })
			got := r.ask("POST", "/v1/messages", c.body, c.headers...)
			assert.Equal(t, c.status, got.status, got.body)
			if c.status == 403 {
				assert.Contains(t, got.body, "client_not_allowed")
				assert.Zero(t, r.hits())
			}
			assert.Equal(t, name == "on and empty", strings.Contains(r.logs.String(), "lets nobody in"))
		})
	}
	_, err := server.New(t.Context(), server.Config{Store: &memory{}, Clients: server.ClientFilter{Types: []server.ClientType{{Name: "frog"}}}})
	assert.ErrorContains(t, err, `"frog" is no preset`)
}

func TestUsageOfBeforeARestartCounts(t *testing.T) {
	now := time.Now()
	start := func(c *server.Config, usage ...resource.KeyUsage) {
		c.Store.(*memory).usage = usage
	}
	rule := func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "total", Tokens: 10_000}} }
	r := newRig(t, withKey(rule), func(c *server.Config) {
		start(c, resource.KeyUsage{KeyID: key(secret).ID, Start: now.Add(-time.Hour), InputTokens: 9000, OutputTokens: 990})
	})
	got := r.chat()
	assert.Equal(t, 402, got.status)
	assert.Contains(t, got.body, "quota_exceeded")

	r = newRig(t, withKey(rule), func(c *server.Config) { start(c, resource.KeyUsage{KeyID: "another", Start: now, InputTokens: 9990}) })
	assert.Equal(t, 200, r.chat().status)

	r = newRig(t, withKey(rule), func(c *server.Config) {
		start(c, resource.KeyUsage{KeyID: key(secret).ID, Start: now.AddDate(0, -14, 0), InputTokens: 9990})
	})
	assert.Equal(t, 402, r.chat().status, "what was used in total is not forgotten")

	total := func(usd float64) func(k *resource.Key) {
		return func(k *resource.Key) { k.TotalCost, k.Quotas = 2e9, []resource.Quota{{Window: "total", USD: usd}} }
	}
	r = newRig(t, withKey(total(2)))
	assert.Equal(t, 402, r.chat().status, "what it cost in all the key itself knows")
	r = newRig(t, withKey(total(2.5)))
	for range 5 {
		assert.Equal(t, 200, r.chat().status, "and it counts once")
	}
}

// Keys without a name would share one count.
func TestAKeyWithLimitsAndNoNameServesNobody(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.Authenticate = func(*http.Request) (resource.Key, error) {
			return resource.Key{UserID: "alice", RequestsPerMinute: 1}, nil
		}
	})
	assert.Equal(t, 500, r.chat().status)
	assert.Contains(t, r.logs.String(), "it has limits and no ID")
	assert.Zero(t, r.hits())
}
