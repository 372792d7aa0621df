package balancer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A body that is longer than what is kept may ask for the usage in the part that was
// not read: the caller then gets it, and no member stands there twice.
func TestLongBodyThatAsksForUsageGetsIt(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("only"))
	cfg.MaxReplay = 512
	lb := newTransport(t, cfg)
	sent := `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("hi ", 400) + `"}],"stream_options":{"include_usage":true}}`
	status, body, err := do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, sent))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, strings.Count(string(fake.Hits()[0].Body), `"stream_options"`), "members of that name")
	require.Contains(t, body, `"usage":{`, "the caller asked for it")
}

// A streamed chat whose body is compressed is metered as others are.
func TestUsageOfCompressedRequests(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, plainStream)
	require.NoError(t, w.Close())
	fake := providertest.OpenAI(providertest.Config{})
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // takes both
		if r.Header.Get("Content-Encoding") == "gzip" {
			g, err := gzip.NewReader(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(g)
			r.ContentLength = -1
			r.Header.Del("Content-Encoding")
		}
		fake.ServeHTTP(w, r)
	})
	cfg := over(upstream, account("only"))
	var got balancer.Attempt
	cfg.Hooks.Attempt = func(_ context.Context, a balancer.Attempt) { got = a }
	lb := newTransport(t, cfg)
	r := newRequest(t.Context(), t, http.MethodPost, chatURL, zipped.String())
	r.Header.Set("Content-Encoding", "gzip")
	status, _, err := do(lb, r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.True(t, got.Usage.Complete, "%+v", got.Usage)
}

// Of an error body at most 5 s are read, also where a token was to be renewed first.
func TestRefusalThatTricklesCostsFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &authServer{fake: trickling(http.StatusUnauthorized, 60)}
		auth.set(refuse(http.StatusServiceUnavailable, "temporarily_unavailable"))
		lb := newTransport(t, over(auth, balancer.Account{Name: "only", Provider: provider.OpenAI, Credential: login(t)}))
		start := time.Now()
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		require.LessOrEqual(t, time.Since(start), 6*time.Second)
	})
}

// Content types can lie: what was asked for in the caller's stead is taken out again.
func TestExtraChunkUnderAnotherContentType(t *testing.T) {
	const stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, stream)
	})
	lb := newTransport(t, over(upstream, account("only")))
	_, body, err := do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, plainStream))
	require.NoError(t, err)
	require.NotContains(t, body, `"usage"`)
}

// A conflict is sent again at most once (provider-facts 14), and marks nobody: it is
// about what the caller asked for.
func TestConflictsMarkNoAccount(t *testing.T) {
	calls := 0
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"type":"error","error":{"type":"conflict_error","message":"The resource was changed meanwhile."}}`)
	})
	accounts := []balancer.Account{
		{Name: "a", Provider: provider.Anthropic, Secret: "key-a"}, {Name: "b", Provider: provider.Anthropic, Secret: "key-b"}, {Name: "c", Provider: provider.Anthropic, Secret: "key-c"},
	}
	lb := newTransport(t, over(upstream, accounts...))
	const text = `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	for i := range 8 {
		before := calls
		status, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, "https://api.anthropic.com/v1/messages", text))
		require.NoError(t, err, "request %d: the accounts rest for the caller's conflicts", i)
		require.Equal(t, http.StatusConflict, status)
		if calls-before > 2 {
			t.Errorf("request %d was sent %d times", i, calls-before)
		}
	}
}

// An answer to HEAD has no body, so that a 403 without one is no firewall's word.
func TestForbiddenHeadMarksNoRoute(t *testing.T) {
	forbidden := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"type":"message","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":1,"output_tokens":1}}`)
	})
	lb := newTransport(t, over(forbidden, balancer.Account{Name: "a", Provider: provider.Anthropic, Secret: "key-a"}))
	for range 10 {
		_, _, _ = do(lb, newRequest(t.Context(), t, http.MethodHead, "https://api.anthropic.com/api/hello", ""))
	}
	const text = `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	status, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, "https://api.anthropic.com/v1/messages", text))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

// What a caller writes in its request puts no account out of use.
func TestCallerCannotDisableAccounts(t *testing.T) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if bytes.Contains(b, []byte("organization has been disabled")) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0: Input tag 'organization has been disabled' found using 'type' does not match any of the expected tags: 'image', 'text'"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"type":"message","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":1,"output_tokens":1}}`)
	})
	lb := newTransport(t, over(upstream,
		balancer.Account{Name: "a", Provider: provider.Anthropic, Secret: "key-a"}, balancer.Account{Name: "b", Provider: provider.Anthropic, Secret: "key-b"}, balancer.Account{Name: "c", Provider: provider.Anthropic, Secret: "key-c"}))
	const url = "https://api.anthropic.com/v1/messages"
	_, _, _ = do(lb, newRequest(t.Context(), t, http.MethodPost, url, `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":[{"type":"organization has been disabled"}]}]}`))
	status, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, url, `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}
