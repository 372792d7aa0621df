package balancer_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// api is a provider whose fake streams, and a request for a stream there.
type api struct {
	provider *provider.Provider
	fake     func(providertest.Config) *providertest.Fake
	url      string
	body     string
	whole    string // the URL, or
	single   string // the body, of the same request for an answer in one piece
}

var apis = map[string]api{
	"chat":      {provider.OpenAI, providertest.OpenAI, chatURL, streamedChat, chatURL, chat},
	"responses": {provider.OpenAI, providertest.OpenAI, "https://api.openai.com/v1/responses", `{"model":"gpt-5","stream":true,"input":"hi"}`, "https://api.openai.com/v1/responses", `{"model":"gpt-5","input":"hi"}`},
	"messages":  {provider.Anthropic, providertest.Anthropic, "https://api.anthropic.com/v1/messages", `{"model":"claude-opus-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, "https://api.anthropic.com/v1/messages", `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`},
	"generate":  {provider.Gemini, providertest.Gemini, "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"hi"}]}]}`, "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`},
	"array":     {provider.Gemini, providertest.Gemini, "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`},
}

// request asks for a stream, or for an answer in one piece.
func (a api) request(ctx context.Context, t *testing.T, stream bool) *http.Request {
	t.Helper()
	url, body := a.url, a.body
	if !stream {
		url, body = a.whole, a.single
	}
	r := newRequest(ctx, t, http.MethodPost, url, body)
	if a.provider == provider.Anthropic {
		r.Header.Set("Anthropic-Version", "2023-06-01")
	}
	return r
}

// two are two accounts of the API, tried in this order.
func (a api) two() []balancer.Account {
	accounts := twoAccounts()
	for i := range accounts {
		accounts[i].Provider = a.provider
	}
	return accounts
}

// Which failures before content fail over, and which go to the caller as they are.
func TestFailuresInsideAStreamBeforeContent(t *testing.T) {
	const left = provider.ClassOK // the caller gets the first answer, whatever is inside
	tests := map[string]struct {
		step   providertest.Step
		class  provider.Class // of the attempt that was left
		gemini bool           // whose first event has content
	}{
		"server error at once":      {providertest.ErrorInStream(0), provider.ClassTransient, true},
		"overloaded at once":        {providertest.FailInStream(0, providertest.Overloaded()), provider.ClassOverloaded, true},
		"server error":              {providertest.FailInStream(1, providertest.ServerError()), provider.ClassTransient, false},
		"overloaded":                {providertest.FailInStream(1, providertest.Overloaded()), provider.ClassOverloaded, false},
		"rate limit":                {providertest.FailInStream(1, providertest.RateLimited(time.Minute)), provider.ClassRateLimited, false},
		"no money":                  {providertest.FailInStream(1, providertest.QuotaExhausted()), provider.ClassQuotaExhausted, false},
		"wrong key":                 {providertest.FailInStream(1, providertest.Unauthorized()), provider.ClassAuthInvalid, false},
		"after pings":               {providertest.FailInStream(1, providertest.Overloaded()).KeepAlive(3, 3, time.Second), provider.ClassOverloaded, false},
		"byte by byte":              {providertest.FailInStream(1, providertest.Overloaded()).ByteByByte(0), provider.ClassOverloaded, false},
		"cut":                       {providertest.CutStream(1), provider.ClassTransient, false},
		"cut at once":               {providertest.CutStream(0), provider.ClassTransient, true},
		"ended early":               {providertest.EndStream(1), provider.ClassTransient, false},
		"ended at once":             {providertest.EndStream(0), provider.ClassTransient, true},
		"the caller's own fault":    {providertest.FailInStream(1, providertest.InvalidRequest()), left, true},
		"a prompt that is too long": {providertest.FailInStream(1, providertest.ContextTooLong()), left, true},
		"no failure":                {providertest.OK(), left, true},
		"no failure, with pings":    {providertest.OK().KeepAlive(2, 1, time.Second), left, true},
		"no failure, odd lines":     {providertest.OK().Lines(providertest.Lines{End: "\r\n", BOM: true}), left, true},
		"no failure, byte by byte":  {providertest.OK().ByteByByte(time.Millisecond), left, true},
		"no failure, no usage":      {providertest.OK().NoUsage(), left, true},
	}
	for name, a := range apis {
		for step, tt := range tests {
			if a.provider == provider.Gemini && !tt.gemini || name == "responses" && step == "the caller's own fault" { // which has no word for it
				continue
			}
			t.Run(name+"/"+step, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { a.testInside(t, tt.step, tt.class) })
			})
		}
	}
}

func (a api) testInside(t *testing.T, step providertest.Step, class provider.Class) {
	fake := a.fake(providertest.Config{})
	fake.ScriptFor("key-first", step)
	lb := newTransport(t, over(fake, a.two()...))
	ctx, trail := balancer.WithTrail(t.Context())
	status, body, err := do(lb, a.request(ctx, t, true))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	attempts := trail.Attempts()
	if class == provider.ClassOK {
		require.Len(t, attempts, 1)
		require.True(t, attempts[0].Answered)
		require.Equal(t, []string{"first"}, keysSeen(fake))
		return
	}
	require.Contains(t, body, "Hello")
	require.NotContains(t, body, `"error":{`, "nothing of the first answer reaches the caller")
	require.Equal(t, []string{"first", "second"}, keysSeen(fake))
	require.Len(t, attempts, 2)
	assert.Equal(t, class, attempts[0].Class)
	assert.Equal(t, http.StatusOK, attempts[0].Status)
	assert.False(t, attempts[0].Answered)
	assert.Equal(t, provider.ClassOK, attempts[1].Class)
	assert.True(t, attempts[1].Answered)
	assert.True(t, attempts[1].Usage.Complete)
}

// An answer in one piece that is an error fails over too.
func TestErrorsInsideAnAnswerInOnePiece(t *testing.T) {
	for name, a := range apis {
		t.Run(name, func(t *testing.T) {
			fake := a.fake(providertest.Config{})
			fake.ScriptFor("key-first", providertest.Overloaded().In200())
			lb := newTransport(t, over(fake, a.two()...))
			ctx, trail := balancer.WithTrail(t.Context())
			status, body, err := do(lb, a.request(ctx, t, false))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, "Hello")
			require.Len(t, trail.Attempts(), 2)
			assert.Equal(t, provider.ClassOverloaded, trail.Attempts()[0].Class)
		})
	}
}
