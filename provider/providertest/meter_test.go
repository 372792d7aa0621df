package providertest_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// thoughtful is a fake's configuration in which every number is another.
var thoughtful = providertest.Config{
	Text: text, InputTokens: 100, CachedTokens: 40, CacheWriteTokens: 8, OutputTokens: 50, ReasoningTokens: 20,
	Reasoning: "Let me see.", ToolCall: providertest.ToolCall{Name: "look", Arguments: `{"at":"this thing"}`},
	AudioTime: 7 * time.Second,
}

// whole is the usage of thoughtful where everything is told.
var whole = provider.Usage{Input: 100, CachedInput: 40, CacheWrite: 8, Output: 50, Reasoning: 20, Model: "m1", Complete: true}

// less is that without what an API does not tell.
func less(change func(u *provider.Usage)) provider.Usage {
	u := whole
	change(&u)
	return u
}

// form is a multipart body with these fields and a file in each of the files.
func form(t *testing.T, files []string, fields ...string) (body string, header http.Header) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range files {
		part, err := w.CreateFormFile(name, name+".bin")
		require.NoError(t, err)
		_, err = part.Write([]byte("the content of " + name))
		require.NoError(t, err)
	}
	for i := 0; i < len(fields); i += 2 {
		require.NoError(t, w.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(t, w.Close())
	return b.String(), http.Header{"Content-Type": {w.FormDataContentType()}}
}

// metered is an operation, and what package provider is to make of it. Where
// the API has one, the call is made as a stream too, to the same effect.
type metered struct {
	name         string
	api          *provider.Provider
	fake         func(providertest.Config) *providertest.Fake
	path         string
	body, stream string // JSON; "": there is no stream
	streamPath   string // "": the same
	files        []string
	fields       []string
	kind         provider.OperationKind
	usage        provider.Usage
}

func operations() []metered {
	tokens := less(func(u *provider.Usage) { u.CachedInput, u.CacheWrite, u.Reasoning = 0, 0, 0 })
	input := less(func(u *provider.Usage) { u.CachedInput, u.CacheWrite, u.Output, u.Reasoning = 0, 0, 0, 0 })
	anonymous := func(u provider.Usage) provider.Usage { u.Model = ""; return u }
	nothing, free := provider.Usage{}, provider.Usage{Complete: true}
	noWrite := less(func(u *provider.Usage) { u.CacheWrite = 0 })
	openai, anthropic, gemini := provider.OpenAI, provider.Anthropic, provider.Gemini
	return []metered{
		{name: "chat", api: openai, fake: providertest.OpenAI, path: "/v1/chat/completions", kind: provider.OpChat, usage: whole,
			body: `{"model":"m1","messages":[]}`, stream: `{"model":"m1","messages":[],"stream":true,"stream_options":{"include_usage":true}}`},
		{name: "responses", api: openai, fake: providertest.OpenAI, path: "/v1/responses", kind: provider.OpResponses, usage: whole,
			body: `{"model":"m1","input":"hi"}`, stream: `{"model":"m1","input":"hi","stream":true}`},
		{name: "compact", api: openai, fake: providertest.OpenAI, path: "/v1/responses/compact", kind: provider.OpResponses, usage: anonymous(whole),
			body: `{"model":"m1","input":"hi"}`},
		{name: "input tokens", api: openai, fake: providertest.OpenAI, path: "/v1/responses/input_tokens", kind: provider.OpCountTokens, usage: free,
			body: `{"model":"m1","input":"hi"}`},
		{name: "completions", api: openai, fake: providertest.OpenAI, path: "/v1/completions", kind: provider.OpCompletions, usage: whole,
			body: `{"model":"m1","prompt":"hi"}`, stream: `{"model":"m1","prompt":"hi","stream":true,"stream_options":{"include_usage":true}}`},
		{name: "embeddings", api: openai, fake: providertest.OpenAI, path: "/v1/embeddings", kind: provider.OpEmbeddings, usage: input,
			body: `{"model":"m1","input":"hi"}`},
		{name: "image generations", api: openai, fake: providertest.OpenAI, path: "/v1/images/generations", kind: provider.OpImages, usage: anonymous(tokens),
			body: `{"model":"m1","prompt":"hi","n":1}`, stream: `{"model":"m1","prompt":"hi","stream":true,"partial_images":2}`},
		{name: "image edits, JSON", api: openai, fake: providertest.OpenAI, path: "/v1/images/edits", kind: provider.OpImages, usage: anonymous(tokens),
			body: `{"model":"m1","prompt":"hi"}`, stream: `{"model":"m1","prompt":"hi","stream":true}`},
		{name: "image edits", api: openai, fake: providertest.OpenAI, path: "/v1/images/edits", kind: provider.OpImages, usage: anonymous(tokens),
			files: []string{"image"}, fields: []string{"model", "m1", "prompt", "hi"}},
		{name: "image variations", api: openai, fake: providertest.OpenAI, path: "/v1/images/variations", kind: provider.OpImages, usage: provider.Usage{Complete: true},
			files: []string{"image"}, fields: []string{"model", "m1"}},
		{name: "speech", api: openai, fake: providertest.OpenAI, path: "/v1/audio/speech", kind: provider.OpAudio, usage: nothing,
			body: `{"model":"m1","input":"hi","voice":"alloy"}`},
		{name: "speech in events", api: openai, fake: providertest.OpenAI, path: "/v1/audio/speech", kind: provider.OpAudio, usage: anonymous(tokens),
			stream: `{"model":"m1","input":"hi","voice":"alloy","stream_format":"sse"}`},
		{name: "transcription", api: openai, fake: providertest.OpenAI, path: "/v1/audio/transcriptions", kind: provider.OpAudio, usage: anonymous(tokens),
			files: []string{"file"}, fields: []string{"model", "m1"}},
		{name: "transcription in events", api: openai, fake: providertest.OpenAI, path: "/v1/audio/transcriptions", kind: provider.OpAudio, usage: anonymous(tokens),
			files: []string{"file"}, fields: []string{"model", "m1", "stream", "true"}},
		{name: "translation", api: openai, fake: providertest.OpenAI, path: "/v1/audio/translations", kind: provider.OpAudio, usage: nothing,
			files: []string{"file"}, fields: []string{"model", "m1"}},
		{name: "moderation", api: openai, fake: providertest.OpenAI, path: "/v1/moderations", kind: provider.OpModeration, usage: provider.Usage{Model: "m1", Complete: true}, body: `{"model":"m1","input":"hi"}`},

		{name: "messages", api: anthropic, fake: providertest.Anthropic, path: "/v1/messages", kind: provider.OpMessages, usage: whole,
			body: messageBody, stream: messageStream},
		{name: "count tokens", api: anthropic, fake: providertest.Anthropic, path: "/v1/messages/count_tokens", kind: provider.OpCountTokens, usage: free,
			body: messageBody},
		{name: "Anthropic's chat", api: anthropic, fake: providertest.Anthropic, path: "/v1/chat/completions", kind: provider.OpChat, usage: whole,
			body: `{"model":"m1","messages":[]}`, stream: `{"model":"m1","messages":[],"stream":true,"stream_options":{"include_usage":true}}`},

		{name: "generate", api: gemini, fake: providertest.Gemini, path: generatePath, streamPath: streamPath + "?alt=sse", kind: provider.OpGenerate, usage: noWrite,
			body: contentBody, stream: contentBody},
		{name: "generate in an array", api: gemini, fake: providertest.Gemini, path: streamPath, kind: provider.OpGenerate, usage: noWrite, stream: contentBody},
		{name: "Gemini's count tokens", api: gemini, fake: providertest.Gemini, path: "/v1beta/models/m1:countTokens", kind: provider.OpCountTokens, usage: free,
			body: contentBody},
		{name: "embed", api: gemini, fake: providertest.Gemini, path: "/v1beta/models/m1:embedContent", kind: provider.OpEmbeddings, usage: nothing, body: `{}`},
		{name: "embed many", api: gemini, fake: providertest.Gemini, path: "/v1beta/models/m1:batchEmbedContents", kind: provider.OpEmbeddings, usage: nothing,
			body: `{"requests":[{"model":"models/m1"}]}`},
		{name: "Gemini's chat", api: gemini, fake: providertest.Gemini, path: "/v1beta/openai/chat/completions", kind: provider.OpChat, usage: whole,
			body: `{"model":"models/m1","messages":[]}`, stream: `{"model":"m1","messages":[],"stream":true,"stream_options":{"include_usage":true}}`},
		{name: "Gemini's compatible embeddings", api: gemini, fake: providertest.Gemini, path: "/v1beta/openai/embeddings", kind: provider.OpEmbeddings, usage: input,
			body: `{"model":"m1","input":"hi"}`},
	}
}

// TestMetersAgree makes every operation that uses tokens and compares what
// package provider says of it with what the fake was told to use: what stands
// in a form, how much of it was sound or pictures, and what is paid otherwise
// is for the tests of package provider.
func TestMetersAgree(t *testing.T) {
	for _, m := range operations() {
		for _, streamed := range []bool{false, true} {
			path, body, header := m.path, m.body, make(http.Header)
			switch {
			case streamed:
				if body = m.stream; m.streamPath != "" {
					path = m.streamPath
				}
			case m.files != nil:
				body, header = form(t, m.files, m.fields...)
			}
			if body == "" {
				continue
			}
			name := m.name
			if streamed {
				name += ", streamed"
			}
			t.Run(name, func(t *testing.T) {
				op, u := meter(t, m, path, body, header)
				assert.Equal(t, m.kind, op.Kind)
				if m.files == nil {
					assert.Equal(t, "m1", op.Model)
					assert.Equal(t, streamed, op.Stream)
				}
				assert.Equal(t, m.usage, tokensOf(u))
			})
		}
	}
}

// tokensOf is a usage without what this test does not compare.
func tokensOf(u provider.Usage) provider.Usage {
	return provider.Usage{
		Input: u.Input, CachedInput: u.CachedInput, CacheWrite: u.CacheWrite, Output: u.Output, Reasoning: u.Reasoning,
		Model: u.Model, Complete: u.Complete,
	}
}

// meter makes a call as package provider would, and meters the answer in pieces.
func meter(t *testing.T, m metered, path, body string, header http.Header) (provider.Operation, provider.Usage) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.test"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header.Clone()
	require.NoError(t, m.api.API.Authorize(r, "key"))
	if m.api == provider.Anthropic {
		r.Header.Set("Anthropic-Version", "2023-06-01")
	}
	op := m.api.API.Describe(r, []byte(body))
	resp, err := m.fake(thoughtful).Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(all))
	mt := m.api.API.NewMeter(op, resp.Header)
	for part := range bytes.SplitAfterSeq(all, []byte("o")) {
		_, err = mt.Write(part)
		require.NoError(t, err)
	}
	failure, failed := mt.(interface {
		Failure() (provider.Verdict, bool)
	}).Failure()
	assert.False(t, failed, "%v", failure)
	return op, mt.Usage()
}

// TestErrorsAreUnderstood makes every operation fail in every way, and
// compares what package provider makes of the provider's words, of the answer
// itself and of a stream that fails, with what the step stands for.
func TestErrorsAreUnderstood(t *testing.T) {
	steps := []struct {
		name  string
		step  providertest.Step
		class provider.Class
	}{
		{"rate limit", providertest.RateLimited(2 * time.Second), provider.ClassRateLimited},
		{"quota", providertest.QuotaExhausted(), provider.ClassQuotaExhausted},
		{"spend limit", providertest.SpendLimitReached(), provider.ClassQuotaExhausted},
		{"wrong key", providertest.Unauthorized(), provider.ClassAuthInvalid},
		{"permission", providertest.PermissionDenied(), provider.ClassPermission},
		{"no such model", providertest.ModelNotFound(), provider.ClassModelNotFound},
		{"context too long", providertest.ContextTooLong(), provider.ClassContextTooLong},
		{"invalid", providertest.InvalidRequest(), provider.ClassInvalidRequest},
		{"server error", providertest.ServerError(), provider.ClassTransient},
		{"overloaded", providertest.Overloaded(), provider.ClassOverloaded},
	}
	for _, m := range operations() {
		for _, s := range steps {
			want := s.class
			switch {
			case m.api == provider.Gemini && s.name == "permission":
				want = provider.ClassAuthInvalid // Google says the same of a leaked key (provider-facts 5.4)
			case m.name == "Anthropic's chat" && s.name == "spend limit":
				continue // how the OpenAI-compatible layer tells it from a rate limit is not known
			}
			t.Run(m.name+", "+s.name, func(t *testing.T) {
				body, header := m.body, make(http.Header)
				if m.files != nil {
					body, header = form(t, m.files, m.fields...)
				} else if body == "" {
					body = m.stream
				}
				v := classify(t, m, s.step, body, header)
				assert.Equal(t, want, v.Class, "%v", v)
				if s.name == "rate limit" {
					assert.False(t, v.Until.IsZero(), "no time when it ends")
				}
			})
		}
	}
}

// classify makes a call that fails, and judges the answer.
func classify(t *testing.T, m metered, step providertest.Step, body string, header http.Header) provider.Verdict {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.test"+m.path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header.Clone()
	require.NoError(t, m.api.API.Authorize(r, "key"))
	f := m.fake(providertest.Config{})
	f.Script(step)
	op := m.api.API.Describe(r, []byte(body))
	resp, err := f.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return m.api.API.Classify(provider.Answer{Op: op, Status: resp.StatusCode, Header: resp.Header, Body: all, At: time.Now()})
}
