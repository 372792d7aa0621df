package balancer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// lines are what a JSON log has, one by one.
func lines(t *testing.T, log string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		list = append(list, m)
	}
	return list
}

// TestTheTrailTellsAll: of a proxy that is dead, of a refusal and of the answer.
func TestTheTrailTellsAll(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{InputTokens: 30, OutputTokens: 12})
	fake.ScriptFor("key-broken", providertest.Status(500, http.Header{"Content-Type": {"application/json"}}, `{"error":{"message":"it broke","code":"internal"}}`))
	fake.AlwaysFor("key-good", providertest.OK().After(20*time.Millisecond))
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{User: "u", Password: secretMark, Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	prices, err := provider.NewPriceTable([]provider.PriceRow{{Models: []string{"gpt-*"}, Price: provider.Price{Input: provider.USD, Output: 10 * provider.USD}}})
	require.NoError(t, err)

	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	here := func(a *balancer.Account) { a.Provider = at }
	var log lockedBuffer
	lb := newTransport(t, balancer.Config{
		Prices: prices, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		Accounts: []balancer.Account{
			account("dead", priority(1), here, func(a *balancer.Account) { a.Proxy = dead.URL() }),
			account("broken", priority(2), here),
			account("good", priority(3), here),
		},
	})
	ctx, trail := balancer.WithTrail(t.Context())
	begun := time.Now()
	_, body, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL+"?key=inbound-"+secretMark, chat))
	require.NoError(t, err)

	list := trail.Attempts()
	require.Len(t, list, 3)
	proxy, broken, good := list[0], list[1], list[2]
	for _, a := range list {
		assert.Equal(t, proxy.Request, a.Request)
		assert.Equal(t, "gpt-5", a.Model)
		assert.Equal(t, server.URL()+"/v1/chat/completions", a.URL)
		assert.EqualValues(t, len(chat), a.RequestBytes)
		assert.WithinDuration(t, begun, a.Start, 10*time.Second)
		assert.Positive(t, a.Duration)
	}
	require.NotNil(t, proxy.Phase)
	assert.Equal(t, transport.PhaseDialProxy, *proxy.Phase)
	assert.Equal(t, provider.ClassProxyFailed, proxy.Class)
	assert.Zero(t, proxy.Status)
	assert.Zero(t, proxy.AnswerBytes)
	assert.False(t, proxy.MaybeExecuted)
	assert.NotEmpty(t, proxy.Reason)
	assert.Positive(t, proxy.Retries)

	assert.Equal(t, "direct", broken.Proxy)
	assert.Equal(t, http.StatusInternalServerError, broken.Status)
	assert.Equal(t, provider.ClassTransient, broken.Class)
	assert.Equal(t, "internal", broken.Code)
	assert.Equal(t, "it broke", broken.Reason)
	assert.EqualValues(t, len(`{"error":{"message":"it broke","code":"internal"}}`), broken.AnswerBytes)
	assert.True(t, broken.MaybeExecuted)
	assert.False(t, broken.Answered)

	assert.Equal(t, provider.ClassOK, good.Class)
	assert.True(t, good.Answered)
	assert.EqualValues(t, len(body), good.AnswerBytes)
	assert.GreaterOrEqual(t, good.FirstByte, 20*time.Millisecond)
	assert.GreaterOrEqual(t, good.Duration, good.FirstByte)
	assert.EqualValues(t, 42, good.Usage.Total())
	assert.Positive(t, good.Cost)
	assert.True(t, good.CostKnown)
	assert.Empty(t, good.Reason)

	text := strings.Split(strings.TrimSpace(trail.String()), "\n")
	require.Len(t, text, 3)
	assert.Contains(t, text[0], ": proxy failed at dial-proxy: ")
	assert.Contains(t, text[0], "; sent 2 times")
	assert.Contains(t, text[1], fmt.Sprintf("#%d broken (fake): 500 transient failure: it broke; model gpt-5; %s/v1/chat/completions; at ", broken.Request, server.URL()))
	assert.Contains(t, text[1], fmt.Sprintf("; %d bytes out, %d in; it may have been executed", len(chat), broken.AnswerBytes))
	assert.Contains(t, text[2], "good (fake): 200 ok; ")
	assert.Contains(t, text[2], "; first byte after ")
	assert.Contains(t, text[2], "; 30 + 12 tokens; $0.")
	assert.True(t, strings.HasSuffix(text[2], "; the caller got this answer"))

	var failed []map[string]any
	for _, l := range lines(t, log.String()) {
		if l["msg"] == "Attempt failed" {
			failed = append(failed, l)
		}
	}
	require.Len(t, failed, 2, "one line for each attempt that failed")
	for i, want := range []map[string]any{
		{"account": "dead", "status": "none", "class": "proxy failed", "retryable": true, "phase": "dial-proxy"},
		{"account": "broken", "status": 500.0, "class": "transient failure", "retryable": true, "code": "internal", "reason": "it broke"},
	} {
		want["level"], want["provider"], want["model"], want["url"] = "WARN", "fake", "gpt-5", server.URL()+"/v1/chat/completions"
		for k, v := range want {
			assert.Equal(t, v, failed[i][k], k)
		}
	}
	assertNoSecret(t, "the log", log.String())
	assertNoSecret(t, "the trail", shownAs(trail)+trail.String())
	assert.NotContains(t, log.String()+trail.String(), "key-good")
}

func TestTheTrailIsJSON(t *testing.T) {
	phase := transport.PhaseTargetTLS
	whole := balancer.Attempt{
		Request: 7, Account: "a", Provider: "openai", Model: "gpt-5", URL: "https://api.openai.com/v1/chat/completions",
		Proxy: "http://u:***@h:1", Fallback: "it was dead", Retries: 2, Renewed: true, RequestBytes: -1, AnswerBytes: 1 << 40,
		Status: 429, Phase: &phase, Class: provider.ClassRateLimited, Code: "slow_down", Reason: "ö \"quoted\"",
		Start: time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC), FirstByte: 1234567 * time.Nanosecond, Duration: 99*24*time.Hour + 1,
		Usage: provider.Usage{Input: 1, Output: 2, Audio: time.Second, Model: "gpt-5-1", Complete: true},
		Cost:  12, CostKnown: true, Answered: true, MaybeExecuted: true,
	}
	tests := map[string][]balancer.Attempt{
		"none": nil, "empty": {{}}, "whole": {whole}, "two": {whole, {Account: "b", Duration: 1}},
	}
	for name, attempts := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(attempts)
			require.NoError(t, err)
			var trail balancer.Trail
			require.NoError(t, json.Unmarshal(text, &trail))
			assert.Equal(t, attempts, trail.Attempts())
			again, err := json.Marshal(&trail)
			require.NoError(t, err)
			if attempts != nil {
				assert.JSONEq(t, string(text), string(again))
			} else {
				assert.Equal(t, "[]", string(again))
			}
		})
	}
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	for _, part := range []string{`"firstByteMs":1.234567`, `"durationMs":8553600000.000001`, `"phase":"target-tls"`, `"class":"rate limited"`, `"status":429`, `"requestBytes":-1`, `"usage":{"input":1,"output":2,"audioNs":1000000000,"model":"gpt-5-1","complete":true}`} {
		assert.Contains(t, string(text), part)
	}
	var trail balancer.Trail
	require.Error(t, json.Unmarshal([]byte(`{"account":"a"}`), &trail))
	require.Error(t, json.Unmarshal([]byte(`[{"status":"x"}]`), &trail))
}

// TestTheTrailIsBounded: a context may live as long as the program.
func TestTheTrailIsBounded(t *testing.T) {
	lb := newTransport(t, over(answers(200, "{}"), account("main")))
	ctx, trail := balancer.WithTrail(t.Context())
	most := 0
	const n = 10_100
	for i := range n {
		_, _, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		if i%50 == 49 {
			most = max(most, len(trail.Attempts()))
		}
	}
	list := trail.Attempts()
	last := list[len(list)-1].Request
	assert.LessOrEqual(t, most, 10_000)
	assert.EqualValues(t, n, last, "the newest are kept")
	assert.GreaterOrEqual(t, len(list), 5_000)
	for i := 1; i < len(list); i++ {
		require.Equal(t, list[i-1].Request+1, list[i].Request, "in order, and none is missing")
	}
}

// TestLongTextsAreCutInTheLog: names of models come from callers.
func TestLongTextsAreCutInTheLog(t *testing.T) {
	var log lockedBuffer
	cfg := over(answers(500, `{"error":{"message":"`+strings.Repeat("m", 10_000)+`"}}`), account("main"))
	cfg.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	lb := newTransport(t, cfg)
	long := strings.Repeat("x", 100_000)
	_, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, `{"model":"`+long+`","messages":[]}`))
	require.NoError(t, err)
	assert.NotEmpty(t, log.String())
	assert.Less(t, len(log.String()), 4_000)
	text, err := json.Marshal(snapshotOf(t, lb))
	require.NoError(t, err)
	assert.Less(t, len(text), 4_000)
}

// TestACallerWhoLeavesIsNoErrorOfTheAccount: but a line in the log.
func TestACallerWhoLeavesIsNoErrorOfTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.Hang())
		var log lockedBuffer
		cfg := over(fake, account("main"))
		cfg.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ctx, trail := balancer.WithTrail(ctx)
		time.AfterFunc(time.Second, cancel)
		_, _, err := send(ctx, t, lb)
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, trail.Attempts(), 1)
		assert.Equal(t, provider.ClassCanceled, trail.Attempts()[0].Class)
		assert.Equal(t, time.Second, trail.Attempts()[0].Duration)
		require.Len(t, lines(t, log.String()), 1)
		assert.Equal(t, false, lines(t, log.String())[0]["retryable"])
		a := snapshotOf(t, lb).Accounts[0]
		assert.Zero(t, a.Failed)
		assert.Empty(t, a.LastErrors)
	})
}
