package providertest_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// Every chat calls the tool that the fake is told to call, streamed or not.
func TestEveryFakeCallsTheTool(t *testing.T) {
	for _, name := range providertest.Names() {
		if strings.HasSuffix(name, "anthropic") || name == "gemini" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := providertest.Compatible(name, providertest.Config{ToolCall: providertest.ToolCall{Name: "look_up"}})
			path := "/v1/chat/completions"
			assert.Contains(t, inMemory(t, f)(asked{path: path, key: "k", body: chatBody}).body, "look_up")
			assert.Contains(t, inMemory(t, f)(asked{path: path, key: "k", body: chatStream}).body, "look_up")
		})
	}
}

// What the model thinks is shown where the API is known to show it.
func TestDialectsShowTheirReasoning(t *testing.T) {
	config := providertest.Config{Reasoning: "hmm well", ReasoningTokens: 3, ToolCall: providertest.ToolCall{Name: "look_up", Arguments: `{"at":"here"}`}}
	ask := func(name string, a asked) string { return inMemory(t, providertest.Compatible(name, config))(a).body }
	body := ask("deepseek", asked{path: "/chat/completions", key: "k", body: chatBody})
	want(t, body, map[string]any{
		"choices.0.message.reasoning_content": "hmm well", "choices.0.message.content": "Hello from deepseek.",
		"choices.0.message.tool_calls.0.function.name": "look_up", "choices.0.finish_reason": "tool_calls",
	})
	var thought, arguments strings.Builder
	for _, chunk := range chunks(t, ask("deepseek", asked{path: "/chat/completions", key: "k", body: chatStream})) {
		delta := dig(t, chunk, "choices.0.delta").(map[string]any)
		if p, ok := delta["reasoning_content"].(string); ok {
			thought.WriteString(p)
		}
		if delta["tool_calls"] != nil {
			arguments.WriteString(dig(t, chunk, "choices.0.delta.tool_calls.0.function.arguments").(string))
		}
	}
	assert.Equal(t, "hmm well", thought.String())
	assert.JSONEq(t, `{"at":"here"}`, arguments.String())
	assert.NotContains(t, ask("groq", asked{path: "/chat/completions", key: "k", body: chatBody}), "hmm well", "no facts say so")

	want(t, ask("ollama", asked{path: "/api/chat", body: `{"model":"m1","stream":false}`}), map[string]any{
		"message.thinking": "hmm well", "message.content": "Hello from ollama.",
		"message.tool_calls.0.function.name": "look_up", "message.tool_calls.0.function.arguments.at": "here",
	})
	body = ask("ollama", asked{path: "/api/chat", body: `{"model":"m1"}`})
	assert.Contains(t, body, `"thinking":"hmm "`)
	assert.Contains(t, body, `"arguments":{"at":"here"}`)
	body = ask("ollama", asked{path: "/api/generate", body: `{"model":"m1","stream":false}`})
	want(t, body, map[string]any{"thinking": "hmm well", "response": "Hello from ollama."})
	assert.NotContains(t, body, "look_up", "it has no tools")
}

// Mistral and Cohere tell the usage in the chunk that ends the stream, asked for
// or not, and nowhere else.
func TestUsageThatNobodyAskedFor(t *testing.T) {
	for _, name := range []string{"mistral", "cohere"} {
		for _, body := range []string{chatStream, asksUsage} {
			list := chunks(t, compatible(t, name, asked{path: chatPaths[name], key: "k", body: body}).body.String())
			want(t, list[len(list)-1], map[string]any{
				"choices.0.finish_reason": "stop", "usage.prompt_tokens": 11.0, "usage.completion_tokens": 7.0,
			})
			assert.NotContains(t, strings.Join(list[:len(list)-1], ""), "usage", name)
		}
	}
}

// Neither the values of the client's context nor its deadline cross a connection.
func TestNoValueOfTheClientsContextReachesTheHandler(t *testing.T) {
	type key struct{}
	var seen any
	var timed bool
	rt := providertest.InMemory(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Context().Value(key{})
		_, timed = r.Context().Deadline()
	}))
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "secret"), time.Hour)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x.test/", nil)
	require.NoError(t, err)
	resp, err := rt.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Nil(t, seen)
	assert.False(t, timed)
}

// How an answer is put on the wire holds for errors and for broken answers, too.
func TestStepsComposeWithSignsOfLife(t *testing.T) {
	t.Run("an error after DeepSeek's empty lines", func(t *testing.T) {
		f := providertest.Compatible("deepseek", providertest.Config{})
		f.Script(providertest.Overloaded().In200().KeepAlive(2, 0, 0))
		assert.True(t, strings.HasPrefix(inMemory(t, f)(asked{path: "/chat/completions", key: "k", body: chatBody}).body, "\n\n{"))
	})
	t.Run("an error after a wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := providertest.OpenAI(providertest.Config{})
			f.Script(providertest.ErrorInStream(1).KeepAlive(3, 0, time.Minute))
			began := time.Now()
			r := inMemory(t, f)(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
			assert.Equal(t, 500, r.status)
			assert.Equal(t, 3*time.Minute, time.Since(began), "the others are silent for as long")
		})
	})
	t.Run("a page of somebody else's after a wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := providertest.OpenAI(providertest.Config{})
			f.Script(providertest.Firewall().KeepAlive(2, 0, time.Minute), providertest.EndStream(0).KeepAlive(2, 0, time.Minute))
			for i, status := range []int{403, 200} {
				began := time.Now()
				r := inMemory(t, f)(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
				assert.Equal(t, status, r.status)
				assert.Equal(t, 2*time.Minute, time.Since(began), i)
			}
		})
	})
	t.Run("a cut after DeepSeek's empty lines", func(t *testing.T) {
		f := providertest.Compatible("deepseek", providertest.Config{})
		call := inMemory(t, f)
		whole := call(asked{path: "/chat/completions", key: "k", body: chatBody})
		f.Script(providertest.CutStream(0).KeepAlive(3, 0, 0))
		r := call(asked{path: "/chat/completions", key: "k", body: chatBody})
		require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
		assert.True(t, strings.HasPrefix(r.body, "\n\n\n{"), r.body)
		assert.Equal(t, strconv.Itoa(3+len(strings.TrimSpace(whole.body))), r.header.Get("Content-Length"))
	})
	t.Run("a large error", func(t *testing.T) {
		f := providertest.OpenAI(providertest.Config{})
		f.Script(providertest.Overloaded().BigEvent(1 << 20))
		assert.GreaterOrEqual(t, len(inMemory(t, f)(asked{path: "/v1/chat/completions", key: "k", body: chatBody}).body), 1<<20)
	})
	t.Run("a stream that ends without its end, and never closes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := providertest.OpenAI(providertest.Config{})
			f.Script(providertest.EndStream(1).Endless(time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, aborted := askUntil(ctx, f, "/v1/chat/completions", chatStream)
			assert.True(t, aborted, "it should go on until the client leaves")
		})
	})
}

// NoUsage takes away what tells the usage, and not what the model says.
func TestNoUsageLeavesTheArgumentsOfATool(t *testing.T) {
	f := providertest.Gemini(providertest.Config{ToolCall: providertest.ToolCall{Name: "report", Arguments: `{"usage":"high","n":1}`}})
	for _, path := range []string{"/v1beta/models/m1:generateContent", "/v1beta/models/m1:streamGenerateContent?alt=sse"} {
		f.Script(providertest.OK().NoUsage())
		body := inMemory(t, f)(asked{path: path, key: "k", body: contentBody}).body
		assert.Contains(t, body, `"usage":"high"`)
		assert.NotContains(t, body, "usageMetadata")
	}
}

// A wait below 0 is a time that is past, rounded up to whole seconds as any other.
func TestRetryAfterInThePast(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	f.Script(providertest.RateLimited(0).RetryAfter(-time.Second, providertest.RetrySeconds), providertest.RateLimited(0).RetryAfter(-30*time.Second, providertest.RetrySeconds))
	f.Script(providertest.RateLimited(0).RetryAfter(-1500*time.Millisecond, providertest.ResetSeconds))
	for _, want := range []string{"-1", "-30"} {
		assert.Equal(t, want, inMemory(t, f)(asked{path: "/v1/chat/completions", key: "k", body: chatBody}).header.Get("Retry-After"))
	}
	assert.Equal(t, "-1", inMemory(t, f)(asked{path: "/v1/chat/completions", key: "k", body: chatBody}).header.Get("X-Ratelimit-Reset"), "rounded up")
}

// OpenAI's audio streams name their events, the error among them (provider-facts
// 2.4).
func TestAudioStreamsNameTheirEvents(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	r := inMemory(t, f)(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"x","voice":"a","stream_format":"sse"}`})
	assert.Contains(t, r.body, "event: speech.audio.done\n")
	for _, e := range events(t, r.body, "\n\n") {
		assert.Equal(t, e.name, dig(t, e.data, "type"))
	}
	body, header := form(t, []string{"file"}, "model", "m1", "stream", "true")
	r = inMemory(t, f)(asked{path: "/v1/audio/transcriptions", key: "k", body: body, header: header})
	assert.Equal(t, "transcript.text.delta transcript.text.delta transcript.text.delta transcript.text.done", names(events(t, r.body, "\n\n")))
	f.Script(providertest.FailInStream(1, providertest.Overloaded()))
	r = inMemory(t, f)(asked{path: "/v1/audio/transcriptions", key: "k", body: body, header: header})
	assert.Equal(t, "transcript.text.delta error", names(events(t, r.body, "\n\n")))
}

// Ollama's own API embeds, one vector for each input (provider-facts 10).
func TestOllamaEmbedsNatively(t *testing.T) {
	f := providertest.Compatible("ollama", providertest.Config{Models: []string{"m1"}})
	call := inMemory(t, f)
	r := call(asked{path: "/api/embed", key: "k", body: `{"model":"m1","input":["x","y"]}`})
	assert.Equal(t, 200, r.status)
	want(t, r.body, map[string]any{"model": "m1", "prompt_eval_count": 11.0})
	assert.Len(t, dig(t, r.body, "embeddings").([]any), 2)
	assert.Len(t, dig(t, r.body, "embeddings.1").([]any), 8)
	assert.Equal(t, "ollama.embed", f.Hits()[0].Operation)
	r = call(asked{path: "/api/embed", key: "k", body: `{"model":"m2","input":"x"}`})
	assert.Equal(t, 404, r.status)
	assert.JSONEq(t, `{"error":"model 'm2' not found"}`, r.body)
	assert.Equal(t, 405, call(asked{method: http.MethodGet, path: "/api/embed", key: "k"}).status)
}

// Names are found whatever their case, as provider.Lookup finds them.
func TestNamesInAnyCase(t *testing.T) {
	for _, name := range []string{"DeepSeek", "OPENAI", "Moonshot-Intl", "DeepSeek-Anthropic"} {
		_, known := provider.Lookup(name)
		require.True(t, known, name)
		assert.NotPanics(t, func() { providertest.Compatible(name, providertest.Config{}) }, name)
	}
}

// A key with a line break is never sent, and not told in the error.
func TestHeadersThatCannotBeSentAreRefused(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	refused := func(change func(r *http.Request)) error {
		body := &closing{Reader: strings.NewReader(chatBody)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
		require.NoError(t, err)
		change(r)
		resp, err := f.Client().Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		assert.True(t, body.closed)
		return err
	}
	for _, change := range []func(r *http.Request){
		func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer the-key\n"} },
		func(r *http.Request) { r.Header["X-Api-Key"] = []string{"a", "the-key\x00"} },
		func(r *http.Request) { r.Header["a b"] = []string{"the-key"} },
		func(r *http.Request) { r.Trailer = http.Header{"X-Sum": {"the-key\r\nX: y"}} },
	} {
		err := refused(change)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "the-key")
	}
	assert.Zero(t, f.Count())
	require.NoError(t, refused(func(r *http.Request) { r.Header["authorization"] = []string{"Bearer k"} }))
	assert.Equal(t, "k", f.Hits()[0].Key, "names arrive in their canonical form")
}
