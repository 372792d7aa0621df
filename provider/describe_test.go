package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// request makes a request to a path, with headers in pairs.
func request(t testing.TB, method, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	r.Header = headers(header...)
	return r
}

func TestDescribe(t *testing.T) {
	const base, odd = "https://h", "https://h/proxy/openai/x"
	met := map[string]bool{}
	for _, c := range []struct {
		p                 *provider.Provider
		method, url, body string
		kind              provider.OperationKind
		model             string
		stream, repeats   bool
	}{
		{provider.OpenAI, "POST", base + "/v1/chat/completions", `{"model":"gpt-5.6","stream":true}`, provider.OpChat, "gpt-5.6", true, true},
		{provider.OpenAI, "POST", odd + "/chat/completions/?beta=true", `{"stream": false, "model" : "openai/gpt:4o"}`, provider.OpChat, "openai/gpt:4o", false, true},
		{provider.OpenAI, "GET", base + "/v1/chat/completions", "", provider.OpStored, "", false, true},
		{provider.OpenAI, "DELETE", base + "/v1/chat/completions/c1", "", provider.OpStored, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/responses", `{"model":"m","stream":true,"store":true}`, provider.OpResponses, "m", true, true},
		{provider.OpenAI, "POST", base + "/v1/responses", `{"prompt":{"id":"p"}}`, provider.OpResponses, "", false, true},
		{provider.OpenAI, "POST", base + "/v1/responses", `{"model":"m","conversation":{"id":"c"}}`, provider.OpResponses, "m", false, false},
		{provider.OpenAI, "POST", base + "/v1/responses", `{"model":"m","conversation":null}`, provider.OpResponses, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/responses/compact", `{"model":"m"}`, provider.OpResponses, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/responses/input_tokens", `{"model":"m"}`, provider.OpCountTokens, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/responses/r1/cancel", "", provider.OpStored, "", false, false},
		{provider.OpenAI, "GET", base + "/v1/responses/r1?stream=true", "", provider.OpStored, "", true, true},
		{provider.OpenAI, "POST", base + "/v1/completions", `{"model":"m"}`, provider.OpCompletions, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/embeddings", `{"model":"m"}`, provider.OpEmbeddings, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/images/generations", `{"model":"m","stream":true}`, provider.OpImages, "m", true, true},
		{provider.OpenAI, "POST", base + "/v1/images/edits", `{"model":"m"}`, provider.OpImages, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/audio/speech", `{"model":"m","stream_format":"sse"}`, provider.OpAudio, "m", true, true},
		{provider.OpenAI, "POST", base + "/v1/audio/speech", `{"model":"m","stream":true}`, provider.OpAudio, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/moderations", `{}`, provider.OpModeration, "", false, true},
		{provider.OpenAI, "GET", base + "/v1/models", "", provider.OpModels, "", false, true},
		{provider.OpenAI, "GET", base + "/v1/models/ft:gpt-4o:org::id", "", provider.OpModels, "ft:gpt-4o:org::id", false, true},
		{provider.OpenAI, "GET", base + "/v1/models/openai%2Fgpt-4o", "", provider.OpModels, "openai/gpt-4o", false, true},
		{provider.OpenAI, "DELETE", base + "/v1/models/m", "", provider.OpModels, "m", false, false},
		{provider.OpenAI, "POST", base + "/v1/files", "", provider.OpFiles, "", false, false},
		{provider.OpenAI, "HEAD", base + "/v1/files/f1/content", "", provider.OpFiles, "", false, true},
		{provider.OpenAI, "POST", base + "/v1/uploads/u/parts", "", provider.OpFiles, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/batches", `{"input_file_id":"f"}`, provider.OpBatches, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/fine_tuning/jobs", `{"model":"m"}`, provider.OpFineTuning, "m", false, false},
		{provider.OpenAI, "POST", base + "/v1/videos", `{"model":"m"}`, provider.OpVideos, "m", false, false},
		{provider.OpenAI, "POST", base + "/v1/vector_stores/v/files", `{}`, provider.OpStored, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/images/variations", `{"model":"m"}`, provider.OpImages, "m", false, true},
		{provider.OpenAI, "POST", base + "/v1/audio/transcriptions", `{"model":"m","stream":true}`, provider.OpAudio, "m", true, true},
		{provider.OpenAI, "POST", base + "/v1/audio/translations", `{"model":"m","stream":true}`, provider.OpAudio, "m", false, true},
		{provider.OpenAI, "GET", base + "/v1/realtime?model=m", "", provider.OpRealtime, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/realtime", "", provider.OpRealtime, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/realtime/sessions", `{"model":"m"}`, provider.OpStored, "m", false, false},
		{provider.OpenAI, "POST", base + "/v1/realtime/client_secrets", `{"session":{"model":"m"}}`, provider.OpStored, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/realtime/transcription_sessions", `{}`, provider.OpStored, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/fine_tuning/alpha/graders/run", `{"model":"m"}`, provider.OpFineTuning, "m", false, false},
		{provider.OpenAI, "GET", base + "/v1/fine_tuning/jobs/j/events", "", provider.OpFineTuning, "", false, true},
		{provider.OpenAI, "POST", base + "/v1/conversations/c/items", `{}`, provider.OpStored, "", false, false},
		{provider.OpenAI, "DELETE", base + "/v1/conversations/c", "", provider.OpStored, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/containers", `{}`, provider.OpStored, "", false, false},
		{provider.OpenAI, "GET", base + "/v1/containers/c/files/f/content", "", provider.OpStored, "", false, true},
		{provider.OpenAI, "GET", base + "/v1/responses/r1/input_items", "", provider.OpStored, "", false, true},
		{provider.OpenAI, "POST", base + "/v1/batches/b/cancel", "", provider.OpBatches, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/videos/v/remix", `{}`, provider.OpVideos, "", false, false},
		{provider.OpenAI, "GET", base + "/v1/videos/v/content", "", provider.OpVideos, "", false, true},
		{provider.OpenAI, "POST", base + "/v1/uploads/u/complete", `{}`, provider.OpFiles, "", false, false},
		{provider.OpenAI, "POST", base + "/v1/new/thing", `{"model":"m","stream":true}`, provider.OpUnknown, "m", true, false},
		{provider.OpenAI, "GET", base + "/v1/filesystem", "", provider.OpUnknown, "", false, true},

		{provider.Anthropic, "POST", base + "/v1/messages?beta=true", `{"model":"claude-opus-5","stream":true}`, provider.OpMessages, "claude-opus-5", true, true},
		{provider.Anthropic, "POST", base + "/v1/messages", `{"model":"m","thread":{"id":"t"}}`, provider.OpMessages, "m", false, false},
		{provider.Anthropic, "POST", base + "/v1/messages/count_tokens", `{"model":"m"}`, provider.OpCountTokens, "m", false, true},
		{provider.Anthropic, "POST", base + "/v1/messages/batches", `{"requests":[{"params":{"model":"m"}}]}`, provider.OpBatches, "", false, false},
		{provider.Anthropic, "GET", base + "/v1/messages/batches/b/results", "", provider.OpBatches, "", false, true},
		{provider.Anthropic, "POST", base + "/v1/chat/completions", `{"model":"m"}`, provider.OpChat, "m", false, true},
		{provider.Anthropic, "GET", base + "/v1/models/m", "", provider.OpModels, "m", false, true},
		{provider.Anthropic, "POST", base + "/v1/files", "", provider.OpFiles, "", false, false},
		{provider.Anthropic, "POST", base + "/v1/complete", `{"model":"m","stream":true}`, provider.OpCompletions, "m", true, true},
		{provider.Anthropic, "POST", base + "/v1/skills/s/versions", "", provider.OpStored, "", false, false},
		{provider.Anthropic, "POST", base + "/v1/user_profiles", "{}", provider.OpStored, "", false, false},
		{provider.Anthropic, "POST", base + "/v1/agents", `{"model":"m"}`, provider.OpStored, "", false, false},
		{provider.Anthropic, "GET", base + "/v1/sessions/s/events", "", provider.OpStored, "", false, true},
		{provider.Anthropic, "POST", base + "/v1/oauth/token", "{}", provider.OpUnknown, "", false, false},
		{provider.Anthropic, "HEAD", base + "/api/hello", "", provider.OpUnknown, "", false, true},

		{provider.Gemini, "POST", base + "/v1beta/models/gemini-3-pro:generateContent", `{"model":"no"}`, provider.OpGenerate, "gemini-3-pro", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/a%3Ab:streamGenerateContent?alt=sse", "", provider.OpGenerate, "a:b", true, true},
		{provider.Gemini, "POST", base + "/v1beta/tunedModels/t1:generateContent", "", provider.OpGenerate, "tunedModels/t1", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/m:countTokens", "", provider.OpCountTokens, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/m:embedContent", "", provider.OpEmbeddings, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/m:batchEmbedContents", "", provider.OpEmbeddings, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/m:batchGenerateContent", "", provider.OpBatches, "m", false, false},
		{provider.Gemini, "POST", base + "/v1beta/models/m:predict", "", provider.OpImages, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/models/m:predictLongRunning", "", provider.OpVideos, "m", false, false},
		{provider.Gemini, "POST", base + "/v1beta/models/m:somethingNew", "", provider.OpUnknown, "m", false, false},
		{provider.Gemini, "POST", base + "/v1/models/m:asyncBatchEmbedContent", "", provider.OpBatches, "m", false, false},
		{provider.Gemini, "POST", base + "/v1beta/interactions", `{"model":"models/m","stream":true,"input":"hi"}`, provider.OpInteractions, "m", true, true},
		{provider.Gemini, "POST", base + "/v1beta/interactions", `{"agent":"a","input":"hi"}`, provider.OpInteractions, "a", false, true},
		{provider.Gemini, "POST", base + "/v1beta/interactions", `{"agent":"a","model":"m"}`, provider.OpInteractions, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/interactions", `{"agent":"a","model":null}`, provider.OpInteractions, "a", false, true},
		{provider.Gemini, "GET", base + "/v1beta/interactions/i?stream=true", "", provider.OpStored, "", true, true},
		{provider.Gemini, "POST", base + "/v1beta/interactions/i/cancel", "", provider.OpStored, "", false, false},
		{provider.Gemini, "GET", base + "/v1beta/operations/o", "", provider.OpStored, "", false, true},
		{provider.Gemini, "GET", base + "/v1beta/models/veo/operations/o", "", provider.OpStored, "", false, true},
		{provider.Gemini, "POST", base + "/v1beta/batches/b:cancel", "", provider.OpBatches, "", false, false},
		{provider.Gemini, "GET", base + "/v1beta/files/f", "", provider.OpFiles, "", false, true},
		{provider.Gemini, "GET", base + "/v1beta/tunedModels/t", "", provider.OpModels, "tunedModels/t", false, true},
		{provider.Gemini, "GET", base + "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "", provider.OpRealtime, "", false, false},
		{provider.Gemini, "POST", base + "/v1beta/openai/embeddings", `{"model":"m"}`, provider.OpEmbeddings, "m", false, true},
		{provider.Gemini, "POST", base + "/v1beta/openai/images/generations", `{"model":"m"}`, provider.OpImages, "m", false, true},
		{provider.Gemini, "GET", base + "/v1beta/openai/models", "", provider.OpModels, "", false, true},
		{provider.Gemini, "GET", base + "/v1beta/models", "", provider.OpModels, "", false, true},
		{provider.Gemini, "GET", base + "/v1beta/models/m", "", provider.OpModels, "m", false, true},
		{provider.Gemini, "POST", base + "/upload/v1beta/files", "", provider.OpFiles, "", false, false},
		{provider.Gemini, "POST", base + "/v1beta/cachedContents", `{"model":"models/m"}`, provider.OpStored, "m", false, false},
		{provider.Gemini, "POST", base + "/v1beta/openai/chat/completions", `{"model":"models/m","stream":true}`, provider.OpChat, "m", true, true},
	} {
		r := request(t, c.method, c.url)
		op := c.p.API.Describe(r, []byte(c.body))
		met[c.p.Name+provider.RouteOf(c.p.Name, r)] = true
		name := c.method + " " + c.url + " " + c.body
		assert.Equal(t, c.p.Name, op.API, name)
		assert.Equal(t, c.kind.String(), op.Kind.String(), name)
		assert.Equal(t, c.model, op.Model, name)
		assert.Equal(t, c.stream, op.Stream, name)
		assert.Equal(t, c.repeats, op.Repeatable, name)
	}
	for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
		for _, row := range provider.Routes(p.Name) {
			assert.True(t, met[p.Name+row], "no request above meets the row %q of %s", row, p.Name)
		}
	}
	assert.Equal(t, "unknown", provider.OperationKind(99).String())
}

// What cannot be read is unknown, never a failure.
func TestDescribeUnreadable(t *testing.T) {
	for body, want := range map[string]string{
		"":                                   "",
		"not JSON":                           "",
		"[1]":                                "",
		"\x28\xb5\x2f\xfd":                   "",
		`{"model":"m"`:                       "m", // cut off after the model
		`{"messages":[{"a":"b`:               "",
		`{"model":"m","messages":[{"a`:       "m",
		`{"model":"m`:                        "",
		`{"model":12}`:                       "",
		`{"model":null}`:                     "",
		`{"model":["m"]}`:                    "",
		`{"model":"a","model":"b"}`:          "b",
		`{"model":"a","model":null}`:         "",
		`{"x":{"model":"no"}}`:               "",
		`{"x":"\"model\":\"no\""}`:           "",
		"\n\t {\"mod\\u0065l\":\"m\"}":       "m",
		"\xef\xbb\xbf {\"model\":\"m\"}":     "m",
		`{"model":"\u00e9\n\"\ud83d\ude00"}`: "é\n\"😀",
		`{"Model":"no"}`:                     "",
		`{"a":[],"b":{},"c":"\\","d":1.5e3,"e":true,"model":"m"}`: "m",
		`{"model":"` + strings.Repeat("x", 600) + `"}`:            "",
	} {
		op := provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/chat/completions"), []byte(body))
		assert.Equal(t, want, op.Model, body)
		assert.Equal(t, provider.OpChat, op.Kind)
	}
	const body = `{"model":"m"}`
	for _, h := range [][]string{
		{"Content-Encoding", "zstd"}, {"Content-Encoding", "gzip"}, {"Content-Type", "multipart/form-data; boundary=x"},
	} {
		op := provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/chat/completions", h...), []byte(body))
		assert.Empty(t, op.Model, h)
		_, err := op.Rename(request(t, "POST", "https://h/v1/chat/completions", h...), []byte(body), "n")
		assert.ErrorContains(t, err, "names no model")
	}
	op := provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/chat/completions", "Content-Encoding", "identity"), []byte(body))
	assert.Equal(t, "m", op.Model)
}

func TestSession(t *testing.T) {
	for _, c := range []struct{ header, body, want string }{
		{"", `{}`, ""},
		{"", `{"prompt_cache_key":"k"}`, "k"},
		{"", `{"metadata":{"x":1,"user_id":"u\u0031"}}`, "u1"},
		{"", `{"metadata":{"user_id":"u"},"prompt_cache_key":"k"}`, "k"},
		{"", `{"metadata":{"user_id":7},"prompt_cache_key":8}`, ""},
		{"", `{"metadata":null}`, ""},
		{"s", `{"prompt_cache_key":"k"}`, "s"},
		{"", `{"prompt_cache_key":"` + strings.Repeat("x", 513) + `"}`, ""},
	} {
		r := request(t, "POST", "https://h/v1/messages", "X-Claude-Code-Session-Id", c.header)
		assert.Equal(t, c.want, provider.Anthropic.API.Describe(r, []byte(c.body)).Session, c.body)
	}
}

// A renamed model stands where the old one stood; every other byte is as it
// was, and so is the caller's own body.
func TestRenameInBody(t *testing.T) {
	for _, c := range []struct{ body, model, want string }{
		{`{"model":"a"}`, "longer-name", `{"model":"longer-name"}`},
		{"{ \"x\" : 1.0 ,\n\"mod\\u0065l\"\t: \"\\u0061\", \"y\":\"\\u00e9\"} trailing", "b", "{ \"x\" : 1.0 ,\n\"mod\\u0065l\"\t: \"b\", \"y\":\"\\u00e9\"} trailing"},
		{`{"model":"a","messages":[{"model":"a"}]}`, `q"\` + "\n", `{"model":"q\"\\\n","messages":[{"model":"a"}]}`},
		{`{"model":"x","model":"a"}`, "b", `{"model":"x","model":"b"}`},
		{`{"model":""}`, "b", `{"model":"b"}`},
	} {
		r := request(t, "POST", "https://h/v1/chat/completions")
		body := []byte(c.body)
		op := provider.OpenAI.API.Describe(r, body)
		got, err := op.Rename(r, body, c.model)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
		assert.Equal(t, c.body, string(body), "the caller's body is left alone")
		assert.Equal(t, c.model, provider.OpenAI.API.Describe(r, got).Model)

		same, err := op.Rename(r, body, op.Model+"")
		if c.model != "" && op.Model != "" {
			require.NoError(t, err)
			assert.Equal(t, c.body, string(same))
		}
	}
}

func TestRenameRefuses(t *testing.T) {
	r := request(t, "POST", "https://h/v1/responses")
	op := provider.OpenAI.API.Describe(r, []byte(`{"prompt":{"id":"p"}}`))
	_, err := op.Rename(r, []byte(`{"prompt":{"id":"p"}}`), "m")
	assert.ErrorContains(t, err, "responses request names no model")
	op = provider.OpenAI.API.Describe(r, []byte(`{"model":"a"}`))
	_, err = op.Rename(r, []byte(`{"model":"a"}`), "")
	assert.ErrorContains(t, err, "empty")
	_, err = op.Rename(r, []byte(`{"other":"a"}`), "b")
	assert.ErrorContains(t, err, "where it did")
	got, err := op.Rename(r, []byte(`{"x":1,"model":"a"}`), "b") // moved, but still there
	assert.NoError(t, err)
	renamed := `{"x":1,"model":"b"}`
	assert.Equal(t, renamed, string(got))
	r = request(t, "GET", "https://h/v1/models/a")
	op = provider.OpenAI.API.Describe(r, nil)
	_, err = op.Rename(r, nil, "..")
	assert.Error(t, err)
	r.URL.Path = "/v1/elsewhere"
	_, err = op.Rename(r, nil, "b")
	assert.Error(t, err)
}

func TestRenameInPath(t *testing.T) {
	for _, c := range []struct {
		p                        *provider.Provider
		method, url, model, want string
	}{
		{provider.Gemini, "POST", "https://h/v1beta/models/a:generateContent", "b", "https://h/v1beta/models/b:generateContent"},
		{provider.Gemini, "POST", "https://h/v1beta/models/a%3Ax:streamGenerateContent?alt=sse", "b/c d:e", "https://h/v1beta/models/b%2Fc%20d:e:streamGenerateContent?alt=sse"},
		{provider.Gemini, "POST", "https://h/v1beta/models/a:countTokens", "models/b", "https://h/v1beta/models/b:countTokens"},
		{provider.Gemini, "POST", "https://h/v1beta/models/a:generateContent", "tunedModels/t", "https://h/v1beta/tunedModels/t:generateContent"},
		{provider.Gemini, "POST", "https://h/v1beta/tunedModels/t:generateContent", "b", "https://h/v1beta/models/b:generateContent"},
		{provider.Gemini, "GET", "https://h/p%2Fq/v1beta/models/a", "b", "https://h/p%2Fq/v1beta/models/b"},
		{provider.OpenAI, "GET", "https://h/v1/models/a", "openai/b?c#d%", "https://h/v1/models/openai%2Fb%3Fc%23d%25"},
		{provider.Anthropic, "GET", "https://h/v1/models/a?x=1", "b", "https://h/v1/models/b?x=1"},
	} {
		r := request(t, c.method, c.url)
		op := c.p.API.Describe(r, nil)
		old := r.URL
		_, err := op.Rename(r, nil, c.model)
		require.NoError(t, err)
		assert.Equal(t, c.want, r.URL.String())
		assert.Equal(t, c.url, old.String(), "the URL it came with is left alone")
		again := strings.TrimPrefix(c.model, "models/")
		assert.Equal(t, again, c.p.API.Describe(r, nil).Model)
	}
}

// A Gemini body may say again what the path says.
func TestRenameInPathAndBody(t *testing.T) {
	for _, c := range []struct{ method, body, want string }{
		{"batchEmbedContents", `{"requests":[{"model":"models/a","x":[1]}, {"content":{},"model":"a"},{"model":"other"}]}`, `{"requests":[{"model":"models/b","x":[1]}, {"content":{},"model":"b"},{"model":"other"}]}`},
		{"countTokens", `{"generateContentRequest": {"contents":[{"model":"a"}],"model":"models/a"}}`, `{"generateContentRequest": {"contents":[{"model":"a"}],"model":"models/b"}}`},
		{"embedContent", `{"model":"models/a","content":{}}`, `{"model":"models/b","content":{}}`},
		{"generateContent", `{"contents":[{"parts":[{"text":"models/a"}]}]}`, `{"contents":[{"parts":[{"text":"models/a"}]}]}`},
		{"batchEmbedContents", `{"requests":[`, `{"requests":[`},
		{"batchEmbedContents", `{"requests":[1 2]}`, `{"requests":[1 2]}`},
		{"batchEmbedContents", ``, ``},
	} {
		r := request(t, "POST", "https://h/v1beta/models/a:"+c.method)
		got, err := provider.Gemini.API.Describe(r, []byte(c.body)).Rename(r, []byte(c.body), "b")
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
		assert.Equal(t, "/v1beta/models/b:"+c.method, r.URL.Path)
	}
	r := request(t, "POST", "https://h/v1beta/openai/chat/completions")
	body := []byte(`{"model":"models/a"}`)
	got, err := provider.Gemini.API.Describe(r, body).Rename(r, body, "b")
	require.NoError(t, err)
	renamed := `{"model":"models/b"}`
	assert.Equal(t, renamed, string(got))
}
