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

// anthropicAs is a header with a key and a version.
func anthropicAs(key string, more ...string) http.Header {
	h := http.Header{"X-Api-Key": {key}, "Anthropic-Version": {"2023-06-01"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

const batchRequests = `{"requests":[{"custom_id":"one","params":{"model":"m1","max_tokens":9,"messages":[],"stream":true}},{"custom_id":"two","params":{"model":"other"}}]}`

func TestMessageBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := inMemory(t, providertest.Anthropic(providertest.Config{Text: text, Models: []string{"m1"}, WorkTime: time.Hour}))
		at := func(method, path, key string) got {
			return call(asked{method: method, path: "/v1/messages/batches" + path, header: anthropicAs(key)})
		}
		create := asked{path: "/v1/messages/batches", header: anthropicAs("a"), body: batchRequests}
		r := call(create)
		want(t, r.body, map[string]any{
			"type": "message_batch", "processing_status": "in_progress", "request_counts.processing": 2.0, "results_url": nil, "ended_at": nil,
		})
		id := "/" + dig(t, r.body, "id").(string)
		assert.Equal(t, 400, at("GET", id+"/results", "a").status, "results of a batch that goes on")
		assert.Equal(t, 400, at("DELETE", id, "a").status, "a batch that goes on")
		assert.Equal(t, 404, at("GET", id, "b").status, "another account's")

		time.Sleep(time.Hour)
		r = at("GET", id, "a")
		want(t, r.body, map[string]any{
			"processing_status": "ended", "request_counts.succeeded": 1.0, "request_counts.errored": 1.0,
			"results_url": "https://fake.test/v1/messages/batches" + id + "/results",
		})
		r = at("GET", id+"/results", "a")
		assert.Equal(t, "application/x-jsonl", r.header.Get("Content-Type"))
		lines := strings.Split(strings.TrimSpace(r.body), "\n")
		require.Len(t, lines, 2)
		want(t, lines[0], map[string]any{"custom_id": "one", "result.type": "succeeded", "result.message.content.0.text": text, "result.message.usage.output_tokens": 7.0})
		want(t, lines[1], map[string]any{"custom_id": "two", "result.type": "errored", "result.error.type": "error", "result.error.error.type": "not_found_error"})

		second := "/" + dig(t, call(create).body, "id").(string)
		want(t, at("POST", second+"/cancel", "a").body, map[string]any{"processing_status": "canceling"})
		want(t, at("GET", second, "a").body, map[string]any{"processing_status": "ended", "request_counts.canceled": 2.0, "request_counts.succeeded": 0.0})
		assert.Equal(t, 2, strings.Count(at("GET", second+"/results", "a").body, `{"type":"canceled"}`))
		r = at("GET", "?limit=1", "a")
		want(t, r.body, map[string]any{"data.0.id": second[1:], "has_more": true, "last_id": second[1:]})
		want(t, at("DELETE", id, "a").body, map[string]any{"type": "message_batch_deleted", "id": id[1:]})
		assert.Equal(t, 404, at("GET", id, "a").status)
	})
}

func TestAnthropicFiles(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{}))
	body, header := form(t, []string{"file"})
	r := call(asked{path: "/v1/files", header: anthropicAs("a", "Content-Type", header.Get("Content-Type")), body: body})
	want(t, r.body, map[string]any{"type": "file", "filename": "file.bin", "size_bytes": 19.0, "mime_type": "application/octet-stream"})
	id := dig(t, r.body, "id").(string)
	at := func(method, path, key string) got {
		return call(asked{method: method, path: "/v1/files" + path, header: anthropicAs(key)})
	}
	want(t, at("GET", "", "a").body, map[string]any{"data.0.id": id, "has_more": false, "first_id": id})
	want(t, at("GET", "", "b").body, map[string]any{"first_id": nil})
	want(t, at("GET", "/"+id, "a").body, map[string]any{"id": id})
	assert.Equal(t, "the content of file", at("GET", "/"+id+"/content", "a").body)
	r = at("GET", "/"+id, "b")
	assert.Equal(t, 404, r.status)
	want(t, r.body, map[string]any{"error.type": "not_found_error"})
	late := call(asked{method: "GET", path: "/v1/files/" + id, header: anthropicAs("a", "Anthropic-Version", "2026-10-21")})
	assert.Contains(t, late.body, `"expires_at":null`)

	message := `{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"` + id + `"}}]}]}`
	assert.Equal(t, 200, call(asked{path: "/v1/messages", key: "a", body: message}).status)
	assert.Equal(t, 404, call(asked{path: "/v1/messages", key: "b", body: message}).status, "a file of another account's")
	want(t, at("DELETE", "/"+id, "a").body, map[string]any{"type": "file_deleted", "id": id})
	assert.Equal(t, 404, at("DELETE", "/"+id, "a").status)
	r = call(asked{path: "/v1/files", header: anthropicAs("a"), body: "no form"})
	assert.Equal(t, 400, r.status)
}

func TestAnthropicModelPages(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Models: []string{"a", "b", "c"}}))
	cases := []struct {
		query, first, last string
		more               bool
	}{
		{"", "a", "c", false},
		{"limit=2", "a", "b", true},
		{"limit=2&after_id=b", "c", "c", false},
		{"limit=1&before_id=c", "b", "b", true},
		{"before_id=b", "a", "a", false},
	}
	for _, c := range cases {
		r := call(asked{method: "GET", path: "/v1/models?" + c.query, header: anthropicAs("k")})
		want(t, r.body, map[string]any{"first_id": c.first, "last_id": c.last, "has_more": c.more, "data.0.id": c.first, "data.0.type": "model"})
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "after_id=z", "after_id=a&before_id=b"} {
		r := call(asked{method: "GET", path: "/v1/models?" + query, header: anthropicAs("k")})
		assert.Equal(t, 400, r.status, query)
		want(t, r.body, map[string]any{"error.type": "invalid_request_error"})
	}
}

func TestThinkingAndTools(t *testing.T) {
	call := serve(t, providertest.Anthropic(thoughtful))
	for _, v := range []string{"2023-06-01", "2026-10-21"} {
		r := call(asked{path: "/v1/messages", key: "k", body: messageBody, header: version(v)})
		want(t, r.body, map[string]any{
			"stop_reason": "tool_use", "content.0.type": "thinking", "content.0.thinking": thoughtful.Reasoning,
			"content.1.text": text, "content.2.type": "tool_use", "content.2.name": "look", "content.2.input.at": "this thing",
			"usage.input_tokens": 52.0, "usage.cache_creation_input_tokens": 8.0, "usage.cache_creation.ephemeral_5m_input_tokens": 8.0,
			"usage.output_tokens_details.thinking_tokens": 20.0,
		})
		r = call(asked{path: "/v1/messages", key: "k", body: messageStream, header: version(v)})
		list := events(t, r.body, "\n\n")
		assert.Equal(t, "message_start content_block_start ping", names(list[:3]))
		said := map[string]string{}
		for _, e := range list {
			if e.name == "content_block_delta" {
				typ := dig(t, e.data, "delta.type").(string)
				member := map[string]string{"thinking_delta": "thinking", "signature_delta": "signature", "text_delta": "text", "input_json_delta": "partial_json"}[typ]
				said[typ] += dig(t, e.data, "delta."+member).(string)
			}
		}
		assert.Equal(t, thoughtful.Reasoning, said["thinking_delta"])
		assert.NotEmpty(t, said["signature_delta"])
		assert.Equal(t, text, said["text_delta"])
		assert.JSONEq(t, thoughtful.ToolCall.Arguments, said["input_json_delta"])
		want(t, list[len(list)-2].data, map[string]any{"delta.stop_reason": "tool_use", "usage.output_tokens": 50.0, "usage.output_tokens_details.thinking_tokens": 20.0})
	}
}

func TestAnthropicChat(t *testing.T) {
	f := providertest.Anthropic(providertest.Config{Text: text, Keys: []string{"good"}})
	call := serve(t, f)
	r := call(asked{path: "/v1/chat/completions", key: "good", body: chatBody})
	want(t, r.body, map[string]any{"object": "chat.completion", "choices.0.message.content": text})
	r = call(asked{path: "/v1/chat/completions", key: "good", body: chatStream})
	assert.Equal(t, text, chatText(t, dropLast(events(t, r.body, "\n\n"))))
	r = call(asked{path: "/v1/chat/completions", key: "bad", body: chatBody})
	assert.Equal(t, 401, r.status)
	want(t, r.body, map[string]any{"error.type": "authentication_error", "error.param": nil})
	assert.NotContains(t, r.body, "request_id")
	f.Script(providertest.ErrorInStream(1))
	list := events(t, call(asked{path: "/v1/chat/completions", key: "good", body: chatStream}).body, "\n\n")
	require.Len(t, list, 2)
	assert.Empty(t, list[1].name)
	want(t, list[1].data, map[string]any{"error.type": "api_error"})
}

func dropLast(list []sse) []sse { return list[:len(list)-1] }

// Some clients send a file with an empty name.
func TestFileWithoutAName(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{}))
	body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--x--\r\n"
	r := call(asked{path: "/v1/files", header: anthropicAs("a", "Content-Type", "multipart/form-data; boundary=x"), body: body})
	want(t, r.body, map[string]any{"filename": "", "mime_type": "text/plain", "size_bytes": 3.0})
}
