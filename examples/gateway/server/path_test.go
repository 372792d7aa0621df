package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

func TestEveryDialectIsServedStreamedAndNot(t *testing.T) {
	anthropicKey := "x-api-key: " + secret
	for name, c := range map[string]struct {
		target, body string
		headers      []string
		contains     string
		account      string
		stream       bool
	}{
		"chat":               {"/v1/chat/completions", chatBody, nil, "Hello from openai.", "oai", false},
		"chat without /v1":   {"/chat/completions", chatBody, nil, "Hello from openai.", "oai", false},
		"chat streamed":      {"/v1/chat/completions", chatStream, nil, "data: [DONE]", "oai", true},
		"responses":          {"/v1/responses", `{"model":"gpt-5","input":"hi"}`, nil, "Hello from openai.", "oai", false},
		"responses streamed": {"/responses", `{"model":"gpt-5","input":"hi","stream":true}`, nil, "event: response.completed", "oai", true},
		"embeddings":         {"/v1/embeddings", `{"model":"text-embedding-3-small","input":"hi"}`, nil, `"embedding"`, "oai", false},
		"images":             {"/v1/images/generations", `{"model":"gpt-image-1","prompt":"hi"}`, nil, `"data"`, "oai", false},
		"messages":           {"/v1/messages?beta=true", claudeBody, []string{version, anthropicKey, "Authorization: "}, "Hello from anthropic.", "ant", false},
		"messages streamed":  {"/v1/messages", claudeStream, []string{version}, "event: message_stop", "ant", true},
		"count tokens":       {"/v1/messages/count_tokens", `{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"hi"}]}`, []string{version}, `"input_tokens"`, "ant", false},
		"generate":           {"/v1beta/models/gemini-2.5-pro:generateContent", geminiBody, []string{"x-goog-api-key: " + secret, "Authorization: "}, "Hello from gemini.", "gem", false},
		"generate by query":  {"/v1beta/models/gemini-2.5-pro:generateContent?key=" + secret, geminiBody, []string{"Authorization: "}, "Hello from gemini.", "gem", false},
		"generate streamed":  {"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", geminiBody, nil, "data: {", "gem", true},
		"gemini as openai":   {"/v1beta/openai/chat/completions", `{"model":"gemini-2.5-pro","messages":[{"role":"user","content":"hi"}]}`, nil, "Hello from gemini.", "gem", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			got := r.ask("POST", c.target, c.body, c.headers...)
			require.NoError(t, got.err)
			assert.Equal(t, 200, got.status, got.body)
			assert.Contains(t, got.body, c.contains)
			assert.NotEmpty(t, got.header.Get("X-Request-Id"))
			rec := r.store.last(t)
			assert.Equal(t, got.header.Get("X-Request-Id"), rec.ID)
			assert.Equal(t, c.account, rec.Account)
			assert.Equal(t, 200, rec.Status)
			assert.Equal(t, c.stream, rec.Stream)
			assert.Equal(t, key(secret).ID, rec.KeyID)
			assert.NotContains(t, r.logs.String(), secret)
			assert.NotContains(t, r.logs.String(), "sk-"+c.account)
		})
	}
}

func TestTheRecordHasTokensAndCost(t *testing.T) {
	for name, body := range map[string]string{"in one piece": chatBody, "streamed": chatStream} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *server.Config) {
				c.Keys = []resource.Key{key(secret, func(k *resource.Key) { k.PriceRate, k.UserID = 1.5, "ada" })}
			})
			got := r.ask("POST", "/v1/chat/completions", body, "X-Request-Id: theirs")
			require.Equal(t, 200, got.status)
			rec := r.store.last(t)
			assert.Equal(t, int64(11), rec.InputTokens)
			assert.Equal(t, int64(7), rec.OutputTokens)
			assert.Positive(t, rec.Cost)
			assert.Equal(t, (rec.Cost*3+1)/2, rec.Charged)
			assert.True(t, rec.CostKnown)
			assert.Equal(t, "ada", rec.UserID)
			assert.Equal(t, "chat", rec.Operation)
			assert.Equal(t, "gpt-5", rec.Model)
			assert.Positive(t, rec.FirstByte)
			assert.Equal(t, []resource.Attempt{{Account: "oai", Cost: rec.Cost}}, rec.Attempts)
			var trail balancer.Trail
			require.NoError(t, json.Unmarshal(rec.Trail, &trail))
			require.Len(t, trail.Attempts(), 1)
			assert.Equal(t, balancer.Attempt{Account: "oai", Provider: "openai", Status: 200, Class: provider.ClassOK, Answered: true}, trail.Attempts()[0])

			var line map[string]any
			for text := range strings.Lines(r.logs.String()) {
				if strings.Contains(text, `"msg":"Request"`) {
					require.NoError(t, json.Unmarshal([]byte(text), &line))
				}
			}
			assert.Equal(t, rec.ID, line["request_id"])
			assert.Equal(t, "ada", line["user_id"])
			assert.Equal(t, "oai 200 ok", line["trail"])
			assert.Equal(t, "theirs", line["client_request_id"])
		})
	}
}

func TestAnAccountThatFailsIsReplacedUnseen(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.Accounts = []resource.Account{
			account("first", "openai"),
			account("second", "openai", func(a *resource.Account) { a.Priority = 1 }),
		}
	})
	r.openai.ScriptFor("sk-first", providertest.QuotaExhausted())
	got := r.chat()
	assert.Equal(t, 200, got.status)
	rec := r.store.last(t)
	assert.Equal(t, "second", rec.Account)
	assert.Len(t, rec.Attempts, 2)
	var trail balancer.Trail
	require.NoError(t, json.Unmarshal(rec.Trail, &trail))
	require.Len(t, trail.Attempts(), 2)
	assert.Equal(t, "first", trail.Attempts()[0].Account)
	assert.Equal(t, provider.ClassOK, trail.Attempts()[1].Class)
	assert.Contains(t, r.logs.String(), `"trail":"first 429 quota exhausted, second 200 ok"`)
}

func TestAnswersAboutOurAccountsAreWithheld(t *testing.T) {
	for name, c := range map[string]struct {
		step providertest.Step
		want int
		code string
	}{
		"wrong credential":     {providertest.Unauthorized(), 503, "no_available_account"},
		"no permission":        {providertest.PermissionDenied(), 503, "no_available_account"},
		"no money":             {providertest.QuotaExhausted(), 503, "no_available_account"},
		"firewall":             {providertest.Firewall(), 503, "no_available_account"},
		"redirect":             {providertest.Redirect(302, "https://evil.example"), 502, "upstream_error"},
		"a proxy's refusal":    {providertest.Status(407, nil, "no"), 503, "proxy_failed"},
		"a page of in between": {providertest.Status(502, http.Header{"Content-Type": {"text/html"}}, "<html>"), 502, "upstream_error"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.openai.Always(c.step)
			got := r.chat()
			assert.Equal(t, c.want, got.status)
			assert.Contains(t, got.body, `"code":"`+c.code+`"`)
			assert.NotContains(t, got.body, "sk-oai")
			assert.Empty(t, got.header.Get("Location"))
			assert.Equal(t, c.code, r.store.last(t).Code)
		})
	}
}

func TestAnswersAboutTheRequestPassAsTheyCame(t *testing.T) {
	for name, c := range map[string]struct {
		step providertest.Step
		want int
		says string
	}{
		"a bad parameter":  {providertest.InvalidRequest(), 400, "invalid_request_error"},
		"too long":         {providertest.ContextTooLong(), 400, "context_length_exceeded"},
		"no such model":    {providertest.ModelNotFound(), 404, "model_not_found"},
		"too large":        {providertest.TooLarge(), 413, "error"},
		"too fast":         {providertest.RateLimited(0), 429, "rate_limit_exceeded"},
		"a provider's 500": {providertest.ServerError(), 500, "server_error"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.openai.Always(c.step)
			got := r.chat()
			assert.Equal(t, c.want, got.status)
			assert.Contains(t, got.body, c.says)
			assert.Empty(t, r.store.last(t).Code, "it is not the gateway's own")
		})
	}
}

func TestNothingOfTheClientsOwnWayGoesUpstream(t *testing.T) {
	r := newRig(t)
	got := r.chat("Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "Connection: X-Custom", "X-Custom: 1", "Proxy-Authorization: Basic x",
		"X-Request-Id: theirs", "Openai-Beta: responses=v1", "X-Stainless-Lang: go", "X-Api-Key: other")
	require.Equal(t, 200, got.status)
	hit := r.openai.Hits()[0]
	for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Custom", "Proxy-Authorization", "X-Request-Id", "X-Api-Key", "Connection"} {
		assert.Empty(t, hit.Header.Get(name), name)
	}
	assert.Equal(t, "responses=v1", hit.Header.Get("Openai-Beta"))
	assert.Equal(t, "go", hit.Header.Get("X-Stainless-Lang"))
	assert.Equal(t, "sk-oai", hit.Key)
	assert.JSONEq(t, chatBody, string(hit.Body))
}

func TestAnswersDoNotTellOfAccounts(t *testing.T) {
	r := newRig(t)
	step := providertest.OK()
	for _, line := range []string{"Set-Cookie: a=b", "Server: cloudflare", "Via: 1.1 x", "Cf-Ray: 1", "Alt-Svc: h3", "Strict-Transport-Security: max-age=1",
		"Openai-Organization: org-1", "Openai-Project: proj_1", "X-Ratelimit-Limit-Requests: 5", "Anthropic-Ratelimit-Tokens-Limit: 7", "Anthropic-Workspace-Id: w",
		"X-Request-Id: up_1", "Openai-Processing-Ms: 12", "Retry-After-Ms: 5"} {
		name, value, _ := strings.Cut(line, ": ")
		step = step.Header(name, value)
	}
	r.openai.Always(step)
	got := r.chat()
	require.Equal(t, 200, got.status)
	for _, name := range []string{"Set-Cookie", "Server", "Via", "Cf-Ray", "Alt-Svc", "Strict-Transport-Security", "Openai-Organization", "Openai-Project",
		"X-Ratelimit-Limit-Requests", "Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Workspace-Id"} {
		assert.Empty(t, got.header.Get(name), name)
	}
	assert.Equal(t, "up_1", got.header.Get("X-Upstream-Request-Id"))
	assert.True(t, strings.HasPrefix(got.header.Get("X-Request-Id"), "req_"))
	assert.Equal(t, "12", got.header.Get("Openai-Processing-Ms"))
}

func TestGreetingsNeedNoKey(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"HEAD", "/api/hello", 200, ""}, {"GET", "/api/hello", 200, ""}, {"HEAD", "/", 200, ""}, {"GET", "/", 200, ""},
		{"OPTIONS", "/v1/messages", 204, "POST, OPTIONS"}, {"GET", "/healthz", 200, ""}, {"HEAD", "/readyz", 200, ""}, {"POST", "/readyz", 405, "GET, HEAD"},
	} {
		got := r.ask(c.method, c.target, "", "Authorization: ")
		assert.Equal(t, c.status, got.status, c.target)
		assert.Equal(t, c.allow, got.header.Get("Allow"))
	}
	assert.Empty(t, r.store.recorded())
}

func TestNoAccountIsToldWithTheNextRecovery(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.Accounts = []resource.Account{account("oai", "openai")} })
	got := r.ask("POST", "/v1/messages", claudeBody, version)
	assert.Equal(t, 503, got.status, "nobody speaks Anthropic's")
	assert.Contains(t, got.body, `"error_code":"no_available_account"`)
	assert.Equal(t, got.header.Get("X-Request-Id"), got.header.Get("Request-Id"))

	r.openai.Always(providertest.Unauthorized())
	r.chat()
	got = r.chat()
	assert.Equal(t, 503, got.status)
	assert.NotEmpty(t, got.header.Get("Retry-After"))
}

func TestAGatewayWithoutAccountsRuns(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.Accounts = nil })
	got := r.chat()
	assert.Equal(t, 503, got.status)
	assert.Contains(t, got.body, "no_available_account")
	require.NoError(t, r.s.Ready())
	r.store.set(account("late", "openai"))
	require.NoError(t, r.s.Reload(t.Context()))
	assert.Equal(t, 200, r.chat().status)
}

// Whoever reads upstream.log finds whose request it was.
func TestLinesOfAttemptsNameTheirRequest(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.UserID = "user-1" }), func(c *server.Config) {
		c.Accounts = []resource.Account{account("a", "openai"), account("b", "openai", func(a *resource.Account) { a.Priority = 1 })}
	})
	r.openai.Script(providertest.ServerError())
	got := r.chat()
	require.Equal(t, 200, got.status)
	found := false
	for line := range strings.Lines(r.logs.String()) {
		if strings.Contains(line, `"msg":"Attempt failed"`) {
			found = true
			assert.Contains(t, line, `"request_id":"`+got.header.Get("X-Request-Id")+`"`)
			assert.Contains(t, line, `"user_id":"user-1","key_id":"`+key(secret).ID+`"`)
		}
	}
	assert.True(t, found, r.logs)
}

// slowStore takes its time for a record.
type slowStore struct {
	*memory
	taken chan struct{} // closed: a record may be taken
}

func (s *slowStore) Record(r resource.Request) {
	<-s.taken
	s.memory.Record(r)
}

func TestAnAnswerDoesNotWaitForItsRecord(t *testing.T) {
	taken := make(chan struct{})
	r := newRig(t, func(c *server.Config) {
		c.Store = &slowStore{c.Store.(*memory), taken}
		c.RoundTripper = func(balancerAccount) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}},
					ContentLength: 2, Body: io.NopCloser(strings.NewReader("{}")),
				}, nil
			}), nil
		}
	})
	srv := r.serve()
	defer close(taken) // before the server waits for its requests
	req := newRequest(t, "POST", "/v1/chat/completions", chatBody)
	req.RequestURI, req.URL.Host = "", srv.Listener.Addr().String()
	srv.Client().Timeout = 5 * time.Second
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Positive(t, resp.ContentLength)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Empty(t, r.store.recorded())
}
