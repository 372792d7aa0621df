package provider_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

const (
	jsonType = "application/json"
	sseType  = "text/event-stream"
	codeTool = `{"model":"m","tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}`
	execTool = `{"model":"m","tools":[{"type":"code_execution_20250825","name":"x"}]}`
)

// found describes a request and returns what an answer to it teaches, in one piece and in
// small ones, which must be the same.
func found(t *testing.T, p *provider.Provider, method, path, ask, contentType, answer string) []string {
	t.Helper()
	op := p.API.Describe(request(t, method, "https://h"+path), []byte(ask))
	var got [][]string
	few := 1 + len(answer)>>10 // bytes at a time
	for _, size := range []int{len(answer) + 1, few, 7 * few} {
		f := provider.NewObjectFinder(op, headers("Content-Type", contentType))
		before := f.Objects()
		for part := range slices.Chunk([]byte(answer), size) {
			given := slices.Clone(part)
			n, err := f.Write(given)
			require.NoError(t, err)
			require.Equal(t, len(part), n)
			require.Equal(t, part, given, "it is not changed")
			clear(given) // and not kept
			now := f.Objects()
			require.True(t, slices.Equal(before, now[:len(before)]), "what was found stays")
			before = now
		}
		got = append(got, f.Objects())
	}
	require.Equal(t, got[0], got[1], "%s %s: few bytes at a time", method, path)
	require.Equal(t, got[0], got[2], "%s %s: more bytes at a time", method, path)
	return got[0]
}

// Where each API puts the ids of what lives in the account now.
func TestFindObjects(t *testing.T) {
	const responses, chat, messages = "/v1/responses", "/v1/chat/completions", "/v1/messages"
	stored := `{"model":"m","store":true}`
	for _, c := range []struct {
		p                               *provider.Provider
		method, path, ask, kind, answer string
		want                            []string
	}{
		{provider.OpenAI, "POST", responses, `{"model":"m"}`, jsonType, `{"id":"r1","object":"response","conversation":{"id":"c1"},"previous_response_id":"r0","prompt":{"id":"p"},"output":[{"id":"msg_1","content":[{"text":"{\"id\":\"no\"}"}]}],"metadata":{"id":"no"}}`, []string{"r1", "c1"}},
		{provider.OpenAI, "POST", responses, `{"model":"m","store":null}`, jsonType, `{"id":"r1"}`, []string{"r1"}},
		{provider.OpenAI, "POST", responses, `{"model":"m","store":false}`, jsonType, `{"id":"r1"}`, nil},
		{provider.OpenAI, "POST", responses, codeTool, jsonType, `{"id":"r1","output":[{"type":"code_interpreter_call","id":"ci","container_id":"k1"},{"arguments":"{\"container_id\":\"no\"}"}]}`, []string{"r1", "k1"}},
		{provider.OpenAI, "POST", responses, `{"stream":true}`, sseType, "event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"conversation\":{\"id\":\"c1\"}}}\r\n\r\nevent: x\r\ndata: {\"response\":{\"id\":\"late\"}}\r\n\r\n", []string{"r1", "c1"}},
		{provider.OpenAI, "POST", responses, codeTool, sseType, "data: {\"response\":{\"id\":\"r1\"}}\n\ndata: {\"item_id\":\"no\",\"item\":{\"id\":\"no\",\"type\":\"code_interpreter_call\",\"container_id\":\"k1\"}}\n\ndata: {\"delta\":\"\\\"item\\\":{\\\"container_id\\\":\\\"no\\\"}\"}\n\n", []string{"r1", "k1"}},
		{provider.OpenAI, "GET", responses + "/r1?stream=true", "", sseType, "data: {\"response\":{\"id\":\"r1\"}}\n\n", []string{"r1"}},
		{provider.OpenAI, "GET", responses + "/r1", "", jsonType, `{"id":"r1"}`, []string{"r1"}},
		{provider.OpenAI, "POST", responses + "/r1/cancel", "", jsonType, `{"id":"r1"}`, []string{"r1"}},
		{provider.OpenAI, "GET", responses + "/r1/input_items", "", jsonType, `{"object":"list","id":"no","data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "DELETE", responses + "/r1", "", jsonType, `{"id":"r1","deleted":true}`, nil},
		{provider.OpenAI, "POST", responses + "/compact", `{"model":"m"}`, jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", chat, `{"model":"m"}`, jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", chat, `{"store":false}`, jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", chat, `{"metadata":{"store":true},"messages":[{"store":true}]}`, jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", chat, stored, jsonType, `{"id":"c1","choices":[{"message":{"content":"\"id\":\"no\"","tool_calls":[{"id":"no"}]}}]}`, []string{"c1"}},
		{provider.OpenAI, "POST", chat, stored, sseType, ": hello\n\nretry: 1\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"no\"}]}}],\ndata: \"id\":\"c1\"}\n\ndata: {\"id\":\"c1\"}\n\ndata: [DONE]\n\n", []string{"c1"}},
		{provider.OpenAI, "GET", chat, "", jsonType, `{"data":[{"id":"c1"},{"id":"c2"}],"first_id":"c1"}`, []string{"c1", "c2"}},
		{provider.OpenAI, "GET", chat + "/c1", "", jsonType, `{"id":"c1"}`, []string{"c1"}},
		{provider.OpenAI, "GET", chat + "/c1/messages", "", jsonType, `{"data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "POST", "/v1/files", "", jsonType, `{"object":"file","id":"f1","filename":"{\"id\":\"no\"}"}`, []string{"f1"}},
		{provider.OpenAI, "GET", "/v1/files", "", jsonType, `{"data":[{"id":"f1"},{"x":{"id":"no"},"id":"f2"}],"id":"no"}`, []string{"f1", "f2"}},
		{provider.OpenAI, "GET", "/v1/files/f1", "", jsonType, `{"id":"f1","data":[{"id":"no"}]}`, []string{"f1"}},
		{provider.OpenAI, "GET", "/v1/files/f1/content", "", jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", "/v1/uploads/u1/complete", `{}`, jsonType, `{"id":"u1","file":{"id":"f1"}}`, []string{"u1", "f1"}},
		{provider.OpenAI, "POST", "/v1/uploads/u1/parts", "", jsonType, `{"id":"part_1"}`, nil},
		{provider.OpenAI, "POST", "/v1/batches", `{"input_file_id":"f1"}`, jsonType, `{"id":"b1","input_file_id":"f1","output_file_id":null,"metadata":{"error_file_id":"no"}}`, []string{"b1", "f1"}},
		{provider.OpenAI, "GET", "/v1/batches/b1", "", jsonType, `{"id":"b1","errors":{"data":[{"id":"no"}]},"output_file_id":"f2","error_file_id":"f3"}`, []string{"b1", "f2", "f3"}},
		{provider.OpenAI, "GET", "/v1/batches", "", jsonType, `{"data":[{"id":"b1","output_file_id":"f2"}]}`, []string{"b1", "f2"}},
		{provider.OpenAI, "POST", "/v1/containers", `{}`, jsonType, `{"id":"k1"}`, []string{"k1"}},
		{provider.OpenAI, "GET", "/v1/containers/k1/files", "", jsonType, `{"data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "GET", "/v1/containers/k1/files/f/content", "", jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", "/v1/conversations", `{}`, jsonType, `{"id":"c1"}`, []string{"c1"}},
		{provider.OpenAI, "GET", "/v1/conversations/c1/items", "", jsonType, `{"data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "POST", "/v1/fine_tuning/jobs", `{"model":"m"}`, jsonType, `{"id":"j1","training_file":"f1","result_files":["f2","f3"],"validation_file":null,"hyperparameters":{"id":"no"}}`, []string{"j1", "f1", "f2", "f3"}},
		{provider.OpenAI, "GET", "/v1/fine_tuning/jobs/j1/events", "", jsonType, `{"data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "POST", "/v1/fine_tuning/jobs/j1/pause", "", jsonType, `{"id":"j1"}`, []string{"j1"}},
		{provider.OpenAI, "POST", "/v1/vector_stores", `{}`, jsonType, `{"id":"v1"}`, []string{"v1"}},
		{provider.OpenAI, "POST", "/v1/vector_stores/v1/search", `{}`, jsonType, `{"data":[{"id":"no","file_id":"no"}]}`, nil},
		{provider.OpenAI, "POST", "/v1/videos", `{"model":"m"}`, jsonType, `{"id":"v1"}`, []string{"v1"}},
		{provider.OpenAI, "POST", "/v1/videos/v1/remix", `{}`, jsonType, `{"id":"v2"}`, []string{"v2"}},
		{provider.OpenAI, "GET", "/v1/models", "", jsonType, `{"data":[{"id":"no"}]}`, nil},
		{provider.OpenAI, "POST", "/v1/embeddings", `{"model":"m"}`, jsonType, `{"id":"no"}`, nil},
		{provider.OpenAI, "POST", "/v1/new/thing", `{}`, jsonType, `{"id":"no"}`, nil},

		{provider.Anthropic, "POST", messages, `{"model":"m"}`, jsonType, `{"id":"no","container":{"id":"no"}}`, nil},
		{provider.Anthropic, "POST", messages, execTool, jsonType, `{"id":"no","container":{"id":"k1"},"content":[{"type":"bash_code_execution_tool_result","content":{"content":[{"type":"bash_code_execution_output","file_id":"f1"}]}},{"type":"tool_use","input":{"file_id":"no","content":{"content":[{"file_id":"no"}]}}},{"type":"text","text":"\"file_id\":\"no\""}]}`, []string{"k1", "f1"}},
		{provider.Anthropic, "POST", messages, execTool, sseType, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"no\",\"container\":null}}\n\nevent: content_block_start\ndata: {\"content_block\":{\"content\":{\"content\":[{\"file_id\":\"f1\"}]}}}\n\ndata: {\"delta\":{\"container\":{\"id\":\"k1\"}}}\n\n", []string{"f1", "k1"}},
		{provider.Anthropic, "POST", "/v1/messages/batches", `{"requests":[]}`, jsonType, `{"id":"b1"}`, []string{"b1"}},
		{provider.Anthropic, "GET", "/v1/messages/batches", "", jsonType, `{"data":[{"id":"b1"}]}`, []string{"b1"}},
		{provider.Anthropic, "GET", "/v1/messages/batches/b1/results", "", "application/x-jsonl", `{"id":"no"}`, nil},
		{provider.Anthropic, "POST", "/v1/messages/batches/b1/cancel", "", jsonType, `{"id":"b1"}`, []string{"b1"}},
		{provider.Anthropic, "POST", "/v1/files", "", jsonType, `{"id":"f1"}`, []string{"f1"}},
		{provider.Anthropic, "POST", "/v1/skills", "", jsonType, `{"id":"s1"}`, []string{"s1"}},
		{provider.Anthropic, "POST", "/v1/skills/s1/versions", "", jsonType, `{"id":"no"}`, nil},

		{provider.Gemini, "POST", "/upload/v1beta/files?upload_id=u", "", jsonType, `{"file":{"name":"files/f1","uri":"https://h/v1beta/files/f1"}}`, []string{"files/f1"}},
		{provider.Gemini, "GET", "/v1beta/files/f1", "", jsonType, `{"name":"files/f1","displayName":"files/no"}`, []string{"files/f1"}},
		{provider.Gemini, "GET", "/v1beta/files/f1:download", "", jsonType, `{"name":"files/no"}`, nil},
		{provider.Gemini, "GET", "/v1beta/files", "", jsonType, `{"files":[{"name":"files/f1"},{"name":"files\/f2"}]}`, []string{"files/f1", "files/f2"}},
		{provider.Gemini, "POST", "/v1beta/cachedContents", `{"model":"models/m"}`, jsonType, `{"name":"cachedContents/c1","model":"models/m"}`, []string{"cachedContents/c1"}},
		{provider.Gemini, "GET", "/v1beta/cachedContents", "", jsonType, `{"cachedContents":[{"name":"cachedContents/c1"}]}`, []string{"cachedContents/c1"}},
		{provider.Gemini, "POST", "/v1beta/models/m:batchGenerateContent", `{}`, jsonType, `{"name":"batches/b1","metadata":{"name":"no","output":{"responsesFile":"files/f1"}}}`, []string{"batches/b1", "files/f1"}},
		{provider.Gemini, "GET", "/v1beta/batches/b1", "", jsonType, `{"name":"batches/b1","done":true,"response":{"responsesFile":"files/f1"}}`, []string{"batches/b1", "files/f1"}},
		{provider.Gemini, "GET", "/v1beta/batches", "", jsonType, `{"operations":[{"name":"batches/b1"}]}`, []string{"batches/b1"}},
		{provider.Gemini, "POST", "/v1beta/batches/b1:cancel", "", jsonType, `{"name":"no"}`, nil},
		{provider.Gemini, "POST", "/v1beta/models/veo:predictLongRunning", `{}`, jsonType, `{"name":"models/veo/operations/o1"}`, []string{"models/veo/operations/o1"}},
		{provider.Gemini, "GET", "/v1beta/models/veo/operations/o1", "", jsonType, `{"name":"models/veo/operations/o1","response":{"generateVideoResponse":{"generatedSamples":[{"video":{"uri":"https://h/v1beta/files/f1:download?alt=media"}}]}}}`, []string{"models/veo/operations/o1", "files/f1"}},
		{provider.Gemini, "POST", "/v1beta/interactions", `{"model":"m"}`, jsonType, `{"id":"i1","outputs":[{"id":"no"}]}`, []string{"i1"}},
		{provider.Gemini, "POST", "/v1beta/interactions", `{"stream":true}`, sseType, "event: interaction.created\ndata: {\"event_type\":\"interaction.created\",\"interaction\":{\"id\":\"i1\"}}\n\n", []string{"i1"}},
		{provider.Gemini, "POST", "/v1beta/interactions", `{"store":false}`, jsonType, `{"id":"i1"}`, nil},
		{provider.Gemini, "POST", "/v1beta/models/m:generateContent", `{}`, jsonType, `{"name":"no","id":"no"}`, nil},
		{provider.Gemini, "POST", "/v1beta/openai/chat/completions", stored, jsonType, `{"id":"c1"}`, []string{"c1"}},
	} {
		assert.Equal(t, c.want, found(t, c.p, c.method, c.path, c.ask, c.kind, c.answer), "%s %s %s", c.method, c.path, c.answer)
	}
}

// The many requests of which the provider keeps nothing pay nothing.
func TestNoFinder(t *testing.T) {
	for _, c := range []struct {
		p          *provider.Provider
		path, body string
		header     []string
	}{
		{provider.OpenAI, "/v1/chat/completions", `{"model":"m"}`, nil},
		{provider.OpenAI, "/v1/embeddings", `{"model":"m"}`, nil},
		{provider.Anthropic, "/v1/messages", `{"model":"m"}`, nil},
		{provider.Gemini, "/v1beta/models/m:streamGenerateContent", `{}`, nil},
		{provider.OpenAI, "/v1/responses", `{"model":"m"}`, []string{"Content-Encoding", "gzip"}},
		{provider.OpenAI, "/v1/files", ``, []string{"Content-Type", "application/octet-stream"}},
	} {
		op := c.p.API.Describe(request(t, "POST", "https://h"+c.path), []byte(c.body))
		f := provider.NewObjectFinder(op, headers(c.header...))
		assert.Nil(t, f, c.path)
		n, err := f.Write([]byte("abc"))
		assert.Equal(t, 3, n)
		require.NoError(t, err)
		assert.Empty(t, f.Objects())
	}
	assert.Nil(t, provider.NewObjectFinder(provider.Operation{API: "mine", Kind: provider.OpFiles}, nil), "not described here")
}

// What is no JSON, or broken, or hostile, teaches nothing and takes no memory.
func TestFindObjectsInAnything(t *testing.T) {
	const path = "/v1/files"
	for answer, want := range map[string][]string{
		"":                                nil,
		"file-1":                          nil,
		"<html>{\"id\":\"no\"}":           nil,
		`[{"id":"no"}]`:                   nil,
		"\xef\xbb\xbf \n{\"id\":\"f1\"}":  {"f1"},
		`{"id":"f\u0031\n"}`:              {"f1\n"},
		`{"id":""}`:                       nil,
		`{"id":7}`:                        nil,
		`{"id":["no"],"x":{"id":"no"}}`:   nil,
		`{"id":{"id":"no"}}`:              nil,
		`{"x":"\\","id":"f1"}`:            {"f1"},
		`{"x":"\"","id":"f1"}`:            {"f1"},
		`{"x":"\\\",\"id\":\"no\"}`:       nil,
		`{"x":[[["id","no"]]],"id":"f1"}`: {"f1"},
		`{"id":"f1"`:                      {"f1"},
		`{"id":"f1`:                       nil,
		`{"id":"f1"} {"id":"no"}`:         {"f1"},
		`}}]]{"id":"no"}`:                 nil,
		`{"a":1}}}]{"id":"no"}`:           nil,
		`{"id":"` + strings.Repeat("x", 512) + `"}`:        {strings.Repeat("x", 512)},
		`{"id":"` + strings.Repeat("x", 513) + `"}`:        nil,
		`{"x":` + strings.Repeat(`[{"id":`, 5000) + `"no"`: nil,
	} {
		assert.Equal(t, want, found(t, provider.OpenAI, "POST", path, "", jsonType, answer), "%.80s", answer)
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf(`{"id":"f%d"},{"id":"f%d"}`, i, i))
	}
	assert.Len(t, found(t, provider.OpenAI, "GET", path, "", jsonType, `{"data":[`+strings.Join(many, ",")+`]}`), 100)
	long := `{"x":"` + strings.Repeat("x", 1<<20) + `","id":"no"}`
	assert.Nil(t, found(t, provider.OpenAI, "POST", path, "", jsonType, long))
	late := `{"x":"` + strings.Repeat("x", 2<<20) + `","output":[{"container_id":"k1"}]}`
	assert.Equal(t, []string{"k1"}, found(t, provider.OpenAI, "POST", "/v1/responses", codeTool, jsonType, late))
}

// asks is a client of a fake: what each answer teaches, and what each request names.
type asks struct {
	p      *provider.Provider
	client *http.Client
	learnt []string
}

// do sends a request, learns from its answer, and returns that.
func (a *asks) do(t *testing.T, method, path, body string, header ...string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://fake.test"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = headers(header...)
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", jsonType)
	}
	require.NoError(t, a.p.API.Authorize(r, "key"))
	r.Header.Set("Anthropic-Version", "2023-06-01")
	op := a.p.API.Describe(r, []byte(body))
	resp, err := a.client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s %s: %s", method, path, b)
	f := provider.NewObjectFinder(op, resp.Header)
	_, _ = f.Write(b)
	a.learnt = append(a.learnt, f.Objects()...)
	if u := resp.Header.Get("X-Goog-Upload-Url"); u != "" {
		return strings.TrimPrefix(u, "https://fake.test")
	}
	return string(b)
}

// names checks that what a request names has been learnt.
func (a *asks) names(t *testing.T, method, path, body string) {
	t.Helper()
	got := a.p.API.Describe(request(t, method, "https://fake.test"+path), []byte(body)).Objects
	require.NotEmpty(t, got, "%s %s %s", method, path, body)
	assert.Subset(t, a.learnt, got, "%s %s %s", method, path, body)
}

const (
	uploadForm = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n" +
		`{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"m1","messages":[]}}` + "\r\n--b--\r\n"
	formType = "multipart/form-data; boundary=b"
)

// What an answer teaches is what later requests name: both sides mean the same.
func TestLearntIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asks{p: provider.OpenAI, client: providertest.OpenAI(providertest.Config{WorkTime: time.Hour}).Client()}
		id := gjson.Get(a.do(t, "POST", "/v1/responses", `{"model":"m1","input":"hi"}`), "id").Str
		a.names(t, "POST", "/v1/responses", `{"previous_response_id":"`+id+`"}`)
		a.names(t, "GET", "/v1/responses/"+id+"/input_items", "")
		a.do(t, "GET", "/v1/responses/"+id, "")

		a.learnt = nil
		stream := a.do(t, "POST", "/v1/responses", `{"model":"m1","input":"hi","stream":true}`)
		_, data, _ := strings.Cut(stream, "data: ")
		id = gjson.Get(data, "response.id").Str
		a.names(t, "POST", "/v1/responses", `{"previous_response_id":"`+id+`"}`)

		file := gjson.Get(a.do(t, "POST", "/v1/files", uploadForm, "Content-Type", formType), "id").Str
		a.names(t, "GET", "/v1/files/"+file+"/content", "")
		create := `{"input_file_id":"` + file + `","endpoint":"/v1/chat/completions","completion_window":"24h"}`
		a.names(t, "POST", "/v1/batches", create)
		batch := "/v1/batches/" + gjson.Get(a.do(t, "POST", "/v1/batches", create), "id").Str
		a.names(t, "POST", batch+"/cancel", "")
		time.Sleep(time.Hour)
		output := gjson.Get(a.do(t, "GET", batch, ""), "output_file_id").Str
		a.names(t, "GET", "/v1/files/"+output+"/content", "")

		tuning := `{"model":"m1","training_file":"` + file + `"}`
		a.names(t, "GET", "/v1/fine_tuning/jobs/"+gjson.Get(a.do(t, "POST", "/v1/fine_tuning/jobs", tuning), "id").Str, "")
	})
	synctest.Test(t, func(t *testing.T) {
		a := &asks{p: provider.Anthropic, client: providertest.Anthropic(providertest.Config{}).Client()}
		file := gjson.Get(a.do(t, "POST", "/v1/files", uploadForm, "Content-Type", formType, "Anthropic-Beta", "files-api-2025-04-14"), "id").Str
		a.names(t, "POST", "/v1/messages", `{"messages":[{"content":[{"source":{"type":"file","file_id":"`+file+`"}}]}]}`)
		batch := gjson.Get(a.do(t, "POST", "/v1/messages/batches", `{"requests":[{"custom_id":"one","params":{"model":"m1","max_tokens":9,"messages":[]}}]}`), "id").Str
		a.names(t, "GET", "/v1/messages/batches/"+batch+"/results", "")
	})
	synctest.Test(t, func(t *testing.T) {
		a := &asks{p: provider.Gemini, client: providertest.Gemini(providertest.Config{}).Client()}
		upload := a.do(t, "POST", "/upload/v1beta/files", `{"file":{"displayName":"files/no"}}`, "X-Goog-Upload-Protocol", "resumable", "X-Goog-Upload-Command", "start")
		a.names(t, "POST", upload, "the file")
		done := a.do(t, "POST", upload, "the file", "X-Goog-Upload-Command", "upload, finalize", "X-Goog-Upload-Offset", "0")
		a.names(t, "GET", "/v1beta/"+gjson.Get(done, "file.name").Str, "")
		a.names(t, "GET", "/v1beta/"+gjson.Get(done, "file.name").Str+":download?alt=media", "")
		a.names(t, "POST", "/v1beta/models/m1:generateContent", `{"contents":[{"parts":[{"fileData":{"fileUri":"`+gjson.Get(done, "file.uri").Str+`"}}]}]}`)
		a.names(t, "POST", "/v1beta/models/m1:batchGenerateContent", `{"batch":{"inputConfig":{"fileName":"`+gjson.Get(done, "file.name").Str+`"}}}`)
		cache := gjson.Get(a.do(t, "POST", "/v1beta/cachedContents", `{"model":"models/m1","contents":[]}`), "name").Str
		a.names(t, "POST", "/v1beta/models/m1:generateContent", `{"cachedContent":"`+cache+`"}`)
		a.names(t, "DELETE", "/v1beta/"+cache, "")
		assert.NotContains(t, a.learnt, "files/no")
	})
}

func FuzzFindObjects(f *testing.F) {
	f.Add(`{"id":"r1","output":[{"container_id":"k1"}]}`, 3)
	f.Add("data: {\"response\":{\"id\":\"r\\u0031\"}}\r\n\r\ndata: [DONE]\n\n", 1)
	f.Add(`{"x":"\\\"","id":"a\\"}`, 2)
	f.Fuzz(func(t *testing.T, body string, size int) {
		op := provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/responses"), []byte(codeTool))
		whole, parts := provider.NewObjectFinder(op, nil), provider.NewObjectFinder(op, nil)
		_, _ = whole.Write([]byte(body))
		for part := range slices.Chunk([]byte(body), min(max(size, 1), 1000)) {
			_, _ = parts.Write(part)
		}
		assert.Equal(t, whole.Objects(), parts.Objects(), "the split plays no part")
		if gjson.Valid(body) && strings.HasPrefix(body, "{") && !strings.Contains(body, `\`) {
			if id := gjson.Get(body, "id"); id.Type == gjson.String && id.Str != "" && len(id.Str) <= 512 {
				assert.Contains(t, whole.Objects(), id.Str)
			}
		}
	})
}

func BenchmarkFindObjects(b *testing.B) {
	delta := "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"some words\"}\n\n"
	body := []byte("data: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\"}}\n\n" + strings.Repeat(delta, 1000))
	for name, ask := range map[string]string{"stream": `{"model":"m"}`, "stream-with-code": codeTool} {
		op := provider.OpenAI.API.Describe(request(b, "POST", "https://h/v1/responses"), []byte(ask))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				f := provider.NewObjectFinder(op, nil)
				for part := range slices.Chunk(body, 1024) {
					_, _ = f.Write(part)
				}
				if len(f.Objects()) != 1 {
					b.Fatal("id")
				}
			}
		})
	}
}
