package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestMain(m *testing.M) {
	// A module that genai requires starts this one when the program starts.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

var testModels = sdks.Models{OpenAI: "gpt-5", Anthropic: "claude-sonnet-5", Gemini: "gemini-3.6-flash"}

func TestEachSDKIsAnsweredInEachWay(t *testing.T) {
	w, err := newWorld()
	require.NoError(t, err)
	defer func() { require.NoError(t, w.close()) }()
	var table bytes.Buffer
	rows, err := tour(t.Context(), w.config(), testModels, w.group)
	require.NoError(t, err)
	printTable(&table, rows)

	type ways struct{ failover, fallback, proxied, streamed bool }
	seen := make(map[string]*ways)
	for _, r := range rows {
		require.NoError(t, r.err, r.call.SDK)
		if seen[r.call.SDK] == nil {
			seen[r.call.SDK] = &ways{}
		}
		way := seen[r.call.SDK]
		answer := r.attempts[len(r.attempts)-1]
		require.True(t, answer.Answered)
		way.failover = way.failover || len(r.attempts) > 1
		way.fallback = way.fallback || answer.Fallback != "" && answer.Proxy == "direct"
		way.proxied = way.proxied || answer.Proxy == redacted(w.socks.URL())
		way.streamed = way.streamed || r.call.Streamed
		assert.Equal(t, r.result.Input, answer.Usage.Input, "our meter counts what %s counts", r.call.SDK)
		assert.Equal(t, r.result.Output, answer.Usage.Output, "our meter counts what %s counts", r.call.SDK)
		assert.True(t, answer.Usage.Complete)
		assert.Positive(t, answer.FirstByte)
	}
	require.Len(t, seen, 4)
	for sdk, way := range seen {
		assert.Equal(t, ways{true, true, true, true}, *way, sdk)
	}
	for _, part := range []string{"proxy failed at dial-proxy", "429 rate limited", "500 transient failure", "direct (fallback)", "socks5://team:***@", "11+7"} {
		assert.Contains(t, table.String(), part)
	}
	assert.NotContains(t, table.String(), "s3cret")

	// The tour has shut its balancer down: nothing of it may be connected any more.
	for _, p := range w.places {
		require.NoError(t, p.server.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }))
	}
	require.NoError(t, w.socks.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }))
	assert.Zero(t, w.open())
}

func redacted(url string) string { return strings.Replace(url, ":s3cret@", ":***@", 1) }

func TestACallWithoutAnAnswerIsAnError(t *testing.T) {
	w, err := newWorld()
	require.NoError(t, err)
	defer func() { require.NoError(t, w.close()) }()
	cfg := w.config()
	var broken []balancer.Account
	for _, a := range cfg.Accounts {
		if a.Secret == keyFailing {
			broken = append(broken, a)
		}
	}
	cfg.Accounts = broken
	rows, err := tour(t.Context(), cfg, testModels, w.group)
	require.ErrorContains(t, err, "of 10 calls were not answered")
	var out bytes.Buffer
	printTable(&out, rows)
	printReasons(&out, rows)
	assert.Contains(t, out.String(), "NOT ANSWERED")
	assert.Contains(t, out.String(), "Internal server error")
}

func TestLiveNeedsAKey(t *testing.T) {
	for _, name := range []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"} {
		t.Setenv(name, "")
	}
	_, err := runLive(t.Context(), "", testModels)
	require.ErrorContains(t, err, "OPENAI_API_KEY")
	t.Setenv("OPENAI_API_KEY", "sk-s3cret")
	_, err = runLive(t.Context(), "socks6://u:s3cret@h", testModels)
	require.ErrorContains(t, err, "Proxy")
	assert.NotContains(t, err.Error(), "s3cret")
}
