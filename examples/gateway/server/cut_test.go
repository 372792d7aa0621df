package server_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

// What is cut because the gateway ends says so, in the words of the client's API: the
// provider did nothing wrong.
func TestWhatIsCutAtTheEndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		target, body, header, begin string
		after                       time.Duration // some of the answer has come
	}{
		"openai":    {"/v1/chat/completions", chatStream, "A: b", `data: {"error":`, 50 * time.Second},
		"responses": {"/v1/responses", `{"model":"gpt-5","stream":true,"input":"hi"}`, "A: b", "event: error\ndata: ", 50 * time.Second},
		"anthropic": {"/v1/messages", claudeStream, version, "event: error\ndata: ", 50 * time.Second},
		"gemini":    {"/v1beta/models/gemini-x:streamGenerateContent?alt=sse", geminiBody, "A: b", `data: {"error":`, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				for _, f := range []*providertest.Fake{r.openai, r.anthropic, r.gemini} {
					f.Always(providertest.Trickle(20 * time.Second))
				}
				done := make(chan answer)
				go func() { done <- r.ask("POST", c.target, c.body, c.header) }()
				time.Sleep(c.after)
				require.NoError(t, r.s.Close())
				got := <-done
				require.Error(t, got.err, "the connection is broken")
				require.Equal(t, 200, got.status)
				body := strings.TrimSpace(strings.ReplaceAll(got.body, "\r", ""))
				last := body[strings.LastIndex(body, "\n\n")+2:]
				assert.True(t, strings.HasPrefix(last, c.begin), last)
				assert.Contains(t, last, "The gateway is shutting down")
				assert.NotContains(t, got.body, "broke off")
				assert.Equal(t, "no_available_account", r.store.last(t).Code)
			})
		})
	}
}

// The same before the first byte.
func TestWhatIsCutBeforeItsAnswerSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Always(providertest.Hang())
		done := make(chan answer)
		go func() { done <- r.chat() }()
		time.Sleep(time.Second)
		require.NoError(t, r.s.Close())
		got := <-done
		assert.Equal(t, 503, got.status)
		assert.Contains(t, got.body, "The gateway is shutting down")
	})
}
