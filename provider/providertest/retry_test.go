package providertest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

func TestHeader(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	call := serve(t, f)
	base := providertest.OK().Header("X-Mark", "one")
	f.Script(
		base.Header("Content-Type", "application/json"),
		base.Header("X-Mark", "two").Header("Content-Type", ""),
		providertest.ServerError().Header("Content-Type", "text/event-stream; charset=utf-8"),
		base,
	)
	r := call(asked{path: "/v1/chat/completions", key: "k", body: chatStream})
	assert.Equal(t, "application/json", r.header.Get("Content-Type"), "events under a wrong name")
	assert.True(t, strings.HasPrefix(r.body, "data: "))
	assert.Equal(t, "one", r.header.Get("X-Mark"))
	r = call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	assert.NotContains(t, r.header, "Content-Type")
	assert.Equal(t, "two", r.header.Get("X-Mark"))
	r = call(asked{path: "/v1/chat/completions", key: "k", body: chatStream})
	assert.Equal(t, "text/event-stream; charset=utf-8", r.header.Get("Content-Type"))
	assert.Equal(t, 500, r.status)
	r = call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	assert.Equal(t, []string{"one"}, r.header["X-Mark"], "a step that was built upon has not changed")
}

func TestRetryAfter(t *testing.T) {
	const wait = 1500 * time.Millisecond
	cases := []struct {
		name   string
		form   providertest.RetryForm
		wait   time.Duration
		header string
		want   string
	}{
		{"seconds", providertest.RetrySeconds, wait, "Retry-After", "2"},
		{"at once", providertest.RetrySeconds, 0, "Retry-After", "0"},
		{"fraction", providertest.RetryFraction, wait, "Retry-After", "1.5"},
		{"date", providertest.RetryDate, wait, "Retry-After", "Sat, 01 Jan 2000 00:00:02 GMT"},
		{"past", providertest.RetryDate, -time.Hour, "Retry-After", "Fri, 31 Dec 1999 23:00:00 GMT"},
		{"milliseconds", providertest.RetryMilliseconds, wait, "Retry-After-Ms", "1500"},
		{"reset in seconds", providertest.ResetSeconds, wait, "X-Ratelimit-Reset", "2"},
		{"epoch", providertest.ResetEpoch, wait, "X-Ratelimit-Reset", "946684802"},
		{"epoch in milliseconds", providertest.ResetEpochMs, wait, "X-Ratelimit-Reset", "946684801500"},
		{"duration", providertest.ResetDuration, 6 * time.Minute, "X-Ratelimit-Reset-Requests", "6m0s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // begins at the first moment of 2000
				for _, f := range []*providertest.Fake{providertest.OpenAI(providertest.Config{}), providertest.Anthropic(providertest.Config{})} {
					path := "/v1/messages"
					if f.Count() == 0 {
						path = "/v1/chat/completions"
					}
					p, _ := ask(t, f, providertest.RateLimited(time.Hour).RetryAfter(c.wait, c.form), path, messageBody)
					told := make(http.Header)
					for name, values := range p.header {
						if strings.Contains(name, "Retry") || strings.Contains(name, "Reset") {
							told[name] = values
						}
					}
					assert.Equal(t, http.Header{c.header: {c.want}}, told, "in this form alone")
				}
			})
		})
	}
}

func TestRemaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := providertest.OK().Remaining(3, 1200, 90*time.Second)
		cases := []struct {
			fake       *providertest.Fake
			path, body string
			want       map[string]string
		}{
			{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatStream, map[string]string{
				"X-Ratelimit-Remaining-Requests": "3", "X-Ratelimit-Remaining-Tokens": "1200", "X-Ratelimit-Reset-Requests": "1m30s", "X-Ratelimit-Reset-Tokens": "1m30s"}},
			{providertest.Anthropic(providertest.Config{}), "/v1/messages", messageBody, map[string]string{
				"Anthropic-Ratelimit-Requests-Remaining": "3", "Anthropic-Ratelimit-Tokens-Remaining": "1200", "Anthropic-Ratelimit-Input-Tokens-Remaining": "1200",
				"Anthropic-Ratelimit-Requests-Reset": "2000-01-01T00:01:30Z", "Anthropic-Ratelimit-Tokens-Reset": "2000-01-01T00:01:30Z"}},
			{providertest.Compatible("groq", providertest.Config{}), "/openai/v1/chat/completions", chatBody, map[string]string{
				"X-Ratelimit-Remaining-Requests": "3", "X-Ratelimit-Remaining-Tokens": "1200", "X-Ratelimit-Reset-Requests": "1m30s"}},
			{providertest.Compatible("mistral", providertest.Config{}), "/v1/chat/completions", chatBody, map[string]string{
				"X-Ratelimit-Remaining-Req-Minute": "3", "X-Ratelimit-Remaining-Tokens-Minute": "1200", "X-Ratelimit-Reset": ""}},
			{providertest.Compatible("mistral", providertest.Config{}), "/v1/chat/completions", chatStream, map[string]string{
				"X-Ratelimit-Remaining-Req-Minute": ""}},
			{providertest.Compatible("cerebras", providertest.Config{}), "/v1/chat/completions", chatBody, map[string]string{
				"X-Ratelimit-Remaining-Requests-Day": "3", "X-Ratelimit-Remaining-Tokens-Minute": "1200", "X-Ratelimit-Reset-Tokens-Minute": "90"}},
			{providertest.Compatible("together", providertest.Config{}), "/v1/chat/completions", chatBody, map[string]string{
				"X-Ratelimit-Remaining": "3", "X-Ratelimit-Reset": "90"}},
			{providertest.Compatible("deepseek-anthropic", providertest.Config{}), "/anthropic/v1/messages", messageBody, map[string]string{
				"Anthropic-Ratelimit-Requests-Remaining": ""}},
		}
		for _, c := range cases {
			p, _ := ask(t, c.fake, step, c.path, c.body)
			require.Equal(t, 200, p.status, c.path)
			for name, w := range c.want {
				assert.Equal(t, w, p.header.Get(name), name)
			}
		}
	})
}
