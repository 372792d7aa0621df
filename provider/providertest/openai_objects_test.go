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

// uploaded sends a file for the key a and returns its id.
func uploaded(t *testing.T, call func(asked) got, purpose, content string) string {
	t.Helper()
	body, header := form(t, nil, "purpose", purpose)
	part := "Content-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n" + content + "\r\n"
	boundary, _, _ := strings.Cut(body, "\r\n")
	r := call(asked{path: "/v1/files", key: "a", body: boundary + "\r\n" + part + body, header: header})
	require.Equal(t, 200, r.status, r.body)
	want(t, r.body, map[string]any{"object": "file", "purpose": purpose, "filename": "in.jsonl", "bytes": float64(len(content)), "status": "processed"})
	return dig(t, r.body, "id").(string)
}

func TestOpenAIFiles(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{}))
	first := uploaded(t, call, "batch", "one\ntwo")
	second := uploaded(t, call, "assistants", "")
	r := call(asked{method: "GET", path: "/v1/files", key: "a"})
	want(t, r.body, map[string]any{"object": "list", "data.0.id": second, "data.1.id": first, "has_more": false})
	r = call(asked{method: "GET", path: "/v1/files?limit=1&order=asc", key: "a"})
	want(t, r.body, map[string]any{"data.0.id": first, "has_more": true, "last_id": first})
	r = call(asked{method: "GET", path: "/v1/files?order=asc&after=" + first, key: "a"})
	want(t, r.body, map[string]any{"data.0.id": second, "has_more": false})
	r = call(asked{method: "GET", path: "/v1/files?purpose=batch", key: "a"})
	want(t, r.body, map[string]any{"data.0.id": first, "first_id": first, "last_id": first})
	r = call(asked{method: "GET", path: "/v1/files", key: "b"})
	assert.Empty(t, dig(t, r.body, "data"), "another account's files")

	r = call(asked{method: "GET", path: "/v1/files/" + first, key: "a"})
	want(t, r.body, map[string]any{"id": first, "filename": "in.jsonl"})
	r = call(asked{method: "GET", path: "/v1/files/" + first + "/content", key: "a"})
	assert.Equal(t, "one\ntwo", r.body)
	assert.Equal(t, "application/octet-stream", r.header.Get("Content-Type"))
	r = call(asked{method: "GET", path: "/v1/files/" + second + "/content", key: "a"})
	assert.Empty(t, r.body, "an empty file")

	for _, method := range []string{"GET", "DELETE"} {
		r = call(asked{method: method, path: "/v1/files/" + first, key: "b"})
		assert.Equal(t, 404, r.status)
		want(t, r.body, map[string]any{"error.message": "No such File object: " + first, "error.param": "id"})
	}
	r = call(asked{method: "DELETE", path: "/v1/files/" + first, key: "a"})
	want(t, r.body, map[string]any{"id": first, "deleted": true, "object": "file"})
	assert.Equal(t, 404, call(asked{method: "GET", path: "/v1/files/" + first, key: "a"}).status)
	r = call(asked{method: "PUT", path: "/v1/files/" + first, key: "a"})
	assert.Equal(t, 405, r.status)
	assert.Equal(t, "GET, DELETE", r.header.Get("Allow"))
}

const batchLines = `{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"m1","messages":[]}}
{"custom_id":"two","method":"POST","url":"/v1/chat/completions","body":{"model":"other","messages":[]}}
`

func TestOpenAIBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := inMemory(t, providertest.OpenAI(providertest.Config{Text: text, Models: []string{"m1"}, WorkTime: time.Hour}))
		input := uploaded(t, call, "batch", batchLines)
		create := asked{path: "/v1/batches", key: "a", body: `{"input_file_id":"` + input + `","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"x":"y"}}`}
		r := call(create)
		want(t, r.body, map[string]any{"object": "batch", "status": "validating", "output_file_id": nil, "request_counts.total": 2.0, "metadata.x": "y", "usage": nil})
		id := dig(t, r.body, "id").(string)
		look := asked{method: "GET", path: "/v1/batches/" + id, key: "a"}
		want(t, call(look).body, map[string]any{"status": "in_progress", "request_counts.completed": 0.0})
		files := call(asked{method: "GET", path: "/v1/files", key: "a"}).body
		assert.Len(t, dig(t, files, "data"), 1, "the output is not there yet")

		time.Sleep(time.Hour)
		r = call(look)
		want(t, r.body, map[string]any{"status": "completed", "model": "m1", "request_counts.completed": 1.0, "request_counts.failed": 1.0, "usage.total_tokens": 18.0})
		output := call(asked{method: "GET", path: "/v1/files/" + dig(t, r.body, "output_file_id").(string) + "/content", key: "a"}).body
		lines := strings.Split(strings.TrimSpace(output), "\n")
		require.Len(t, lines, 2)
		want(t, lines[0], map[string]any{"custom_id": "one", "error": nil, "response.status_code": 200.0, "response.body.choices.0.message.content": text})
		want(t, lines[1], map[string]any{"custom_id": "two", "response.status_code": 404.0, "response.body.error.code": "model_not_found"})
		assert.Equal(t, 404, call(asked{method: "GET", path: look.path, key: "b"}).status)

		r = call(create)
		second := dig(t, r.body, "id").(string)
		r = call(asked{path: "/v1/batches/" + second + "/cancel", key: "a"})
		want(t, r.body, map[string]any{"status": "cancelling"})
		time.Sleep(time.Hour)
		look.path = "/v1/batches/" + second
		want(t, call(look).body, map[string]any{"status": "cancelled", "output_file_id": nil, "request_counts.completed": 0.0})
		files = call(asked{method: "GET", path: "/v1/files", key: "a"}).body
		assert.Len(t, dig(t, files, "data"), 2, "a batch that was cancelled has an output")
		r = call(asked{path: "/v1/batches/" + id + "/cancel", key: "a"})
		want(t, r.body, map[string]any{"status": "completed"})
		r = call(asked{method: "GET", path: "/v1/batches?limit=1", key: "a"})
		want(t, r.body, map[string]any{"data.0.id": second, "has_more": true})
	})
}

func TestFineTuning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := inMemory(t, providertest.OpenAI(providertest.Config{WorkTime: time.Hour}))
		file := uploaded(t, call, "fine-tune", "{}")
		create := asked{path: "/v1/fine_tuning/jobs", key: "a", body: `{"model":"m1","training_file":"` + file + `","suffix":"mine"}`}
		r := call(create)
		want(t, r.body, map[string]any{"object": "fine_tuning.job", "status": "validating_files", "fine_tuned_model": nil, "training_file": file, "model": "m1"})
		id := dig(t, r.body, "id").(string)
		look := asked{method: "GET", path: "/v1/fine_tuning/jobs/" + id, key: "a"}
		want(t, call(look).body, map[string]any{"status": "running"})
		time.Sleep(time.Hour)
		want(t, call(look).body, map[string]any{"status": "succeeded", "fine_tuned_model": "ft:m1:org-fake:mine:" + id, "trained_tokens": 11.0})
		second := dig(t, call(create).body, "id").(string)
		r = call(asked{path: "/v1/fine_tuning/jobs/" + second + "/cancel", key: "a"})
		want(t, r.body, map[string]any{"status": "cancelled", "fine_tuned_model": nil})
		r = call(asked{method: "GET", path: "/v1/fine_tuning/jobs?after=" + second, key: "a"})
		want(t, r.body, map[string]any{"data.0.id": id, "has_more": false})
		r = call(asked{method: "GET", path: look.path, key: "b"})
		want(t, r.body, map[string]any{"error.code": "fine_tune_not_found"})
	})
}

func TestStoredResponses(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Text: "Hello you"}))
	r := call(asked{path: "/v1/responses", key: "a", body: `{"model":"m1","input":"hi","stream":true}`})
	streamed := r.body
	at := func(method, path, key string) got {
		return call(asked{method: method, path: "/v1/responses/" + path, key: key})
	}
	r = at("GET", "resp_openai_1", "a")
	want(t, r.body, map[string]any{"id": "resp_openai_1", "status": "completed", "output.0.content.0.text": "Hello you", "usage.total_tokens": 18.0})
	assert.Equal(t, streamed, at("GET", "resp_openai_1?stream=true", "a").body)
	rest := events(t, at("GET", "resp_openai_1?stream=true&starting_after=7", "a").body, "\n\n")
	assert.Equal(t, "response.output_item.done response.completed", names(rest))

	r = at("GET", "resp_openai_1", "b")
	assert.Equal(t, 404, r.status, "the response is another account's")
	r = call(asked{path: "/v1/responses", key: "b", body: `{"model":"m1","input":"hi","previous_response_id":"resp_openai_1"}`})
	assert.Equal(t, 400, r.status)
	want(t, r.body, map[string]any{"error.code": "previous_response_not_found", "error.param": "previous_response_id"})
	r = call(asked{path: "/v1/responses", key: "a", body: `{"model":"m1","input":"hi","previous_response_id":"resp_openai_1"}`})
	want(t, r.body, map[string]any{"previous_response_id": "resp_openai_1"})
	r = at("POST", "resp_openai_1/cancel", "a")
	assert.Equal(t, 400, r.status, "a response that is not in the background")
	want(t, at("DELETE", "resp_openai_1", "a").body, map[string]any{"deleted": true, "object": "response"})
	assert.Equal(t, 404, at("GET", "resp_openai_1", "a").status)

	r = call(asked{path: "/v1/responses", key: "a", body: `{"model":"m1","input":"hi","store":false}`})
	want(t, r.body, map[string]any{"store": false})
	assert.Equal(t, 404, at("GET", dig(t, r.body, "id").(string), "a").status, "a response that was not to be stored")
}

// What fails in the stream is not there afterwards.
func TestFailedResponsesAreNotStored(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Script: []providertest.Step{providertest.ErrorInStream(4)}}))
	call(asked{path: "/v1/responses", key: "a", body: `{"model":"m1","input":"hi","stream":true}`})
	assert.Equal(t, 404, call(asked{method: "GET", path: "/v1/responses/resp_openai_1", key: "a"}).status)
}

func TestBackgroundResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := inMemory(t, providertest.OpenAI(providertest.Config{WorkTime: time.Minute}))
		for _, cancels := range []bool{false, true} {
			r := call(asked{path: "/v1/responses", key: "a", body: `{"model":"m1","input":"hi","background":true}`})
			want(t, r.body, map[string]any{"status": "queued", "background": true, "usage": nil})
			path, status := "/v1/responses/"+dig(t, r.body, "id").(string), "completed"
			want(t, call(asked{method: "GET", path: path, key: "a"}).body, map[string]any{"status": "queued"})
			if cancels {
				status = "cancelled"
				want(t, call(asked{path: path + "/cancel", key: "a"}).body, map[string]any{"status": status})
			}
			time.Sleep(time.Minute)
			want(t, call(asked{method: "GET", path: path, key: "a"}).body, map[string]any{"status": status})
		}
	})
}

// Files that a call names have to be its account's.
func TestFilesOfOthers(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{}))
	file := uploaded(t, call, "user_data", "x")
	bodies := map[string]string{
		"/v1/responses":        `{"model":"m1","input":[{"role":"user","content":[{"type":"input_file","file_id":"` + file + `"}]}]}`,
		"/v1/chat/completions": `{"model":"m1","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"` + file + `"}}]}]}`,
	}
	for path, body := range bodies {
		assert.Equal(t, 200, call(asked{path: path, key: "a", body: body}).status, path)
		r := call(asked{path: path, key: "b", body: body})
		assert.Equal(t, http.StatusNotFound, r.status, path)
	}
}
