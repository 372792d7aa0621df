package providertest_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

func TestGeminiModelPages(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{Models: []string{"a", "b", "c"}}))
	r := call(asked{method: "GET", path: "/v1beta/models?pageSize=2", key: "k"})
	want(t, r.body, map[string]any{"models.0.name": "models/a", "models.1.name": "models/b"})
	token := dig(t, r.body, "nextPageToken").(string)
	r = call(asked{method: "GET", path: "/v1beta/models?pageToken=" + token, key: "k"})
	want(t, r.body, map[string]any{"models.0.name": "models/c"})
	assert.NotContains(t, r.body, "nextPageToken")
	for _, query := range []string{"pageSize=0", "pageSize=1001", "pageToken=x!", "pageToken=AAAA"} {
		r = call(asked{method: "GET", path: "/v1beta/models?" + query, key: "k"})
		assert.Equal(t, 400, r.status, query)
		want(t, r.body, map[string]any{"error.status": "INVALID_ARGUMENT"})
	}
}

func TestGeminiEmbeddings(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{}))
	r := call(asked{path: "/v1beta/models/m1:embedContent", key: "k", body: `{"content":{"parts":[{"text":"x"}]},"outputDimensionality":3}`})
	assert.Len(t, dig(t, r.body, "embedding.values"), 3)
	r = call(asked{path: "/v1beta/models/m1:batchEmbedContents", key: "k", body: `{"requests":[{"outputDimensionality":2},{}]}`})
	assert.Len(t, dig(t, r.body, "embeddings.0.values"), 2)
	assert.Len(t, dig(t, r.body, "embeddings.1.values"), 8)
	assert.Equal(t, 400, call(asked{path: "/v1beta/models/m1:batchEmbedContents", key: "k", body: `{}`}).status)
}

// upload sends a file by Google's resumable protocol, in two pieces.
func upload(t *testing.T, call func(asked) got, key, start string) got {
	t.Helper()
	command := func(c string, more ...string) http.Header {
		h := http.Header{"X-Goog-Upload-Protocol": {"resumable"}, "X-Goog-Upload-Command": {c}, "Content-Type": {"application/json"}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	r := call(asked{path: "/upload/v1beta/files", key: key, body: start, header: command("start", "X-Goog-Upload-Header-Content-Type", "text/plain")})
	if r.status != 200 {
		return r
	}
	assert.Empty(t, r.body)
	assert.Equal(t, "active", r.header.Get("X-Goog-Upload-Status"))
	at, err := url.Parse(r.header.Get("X-Goog-Upload-Url"))
	require.NoError(t, err)
	path := at.RequestURI()
	r = call(asked{path: path, key: key, body: "half ", header: command("upload", "X-Goog-Upload-Offset", "0")})
	assert.Equal(t, "active", r.header.Get("X-Goog-Upload-Status"))
	r = call(asked{path: path, key: key, header: command("query")})
	assert.Equal(t, "5", r.header.Get("X-Goog-Upload-Size-Received"))
	r = call(asked{path: path, key: key, body: "x", header: command("upload", "X-Goog-Upload-Offset", "4")})
	assert.Equal(t, 400, r.status, "an offset that does not fit")
	r = call(asked{path: path, key: "other", body: "x", header: command("upload", "X-Goog-Upload-Offset", "5")})
	assert.Equal(t, 404, r.status, "another account's")
	r = call(asked{path: path, key: key, body: "and half", header: command("upload, finalize", "X-Goog-Upload-Offset", "5")})
	assert.Equal(t, "final", r.header.Get("X-Goog-Upload-Status"))
	again := call(asked{path: path, key: key, body: "x", header: command("upload", "X-Goog-Upload-Offset", "13")})
	assert.Equal(t, 404, again.status, "the upload is over")
	return r
}

func TestGeminiFiles(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{}))
	r := upload(t, call, "a", `{"file":{"displayName":"mine"}}`)
	want(t, r.body, map[string]any{
		"file.displayName": "mine", "file.mimeType": "text/plain", "file.sizeBytes": "13", "file.state": "ACTIVE",
		"file.sha256Hash": "YzI2ZDc3NTdiNTU0MGFkNDNmMjg4YmM0ZDcwYTgwZTJmNTdlNzM3YjM2ODEwM2FlYmUxNDg3NzM4NTk5YjhiZA==",
	})
	name, uri := dig(t, r.body, "file.name").(string), dig(t, r.body, "file.uri").(string)
	want(t, call(asked{method: "GET", path: "/v1beta/" + name, key: "a"}).body, map[string]any{"name": name, "uri": uri})
	want(t, call(asked{method: "GET", path: "/v1beta/files?pageSize=1", key: "a"}).body, map[string]any{"files.0.name": name})
	assert.JSONEq(t, `{}`, call(asked{method: "GET", path: "/v1beta/files", key: "b"}).body)
	assert.Equal(t, "half and half", call(asked{method: "GET", path: "/v1beta/" + name + ":download?alt=media", key: "a"}).body)
	r = call(asked{method: "GET", path: "/v1beta/" + name, key: "b"})
	assert.Equal(t, 403, r.status)
	want(t, r.body, map[string]any{"error.status": "PERMISSION_DENIED"})

	body := `{"contents":[{"parts":[{"fileData":{"fileUri":"` + uri + `"}},{"fileData":{"fileUri":"https://example.com/watch"}}]}]}`
	assert.Equal(t, 200, call(asked{path: generatePath, key: "a", body: body}).status)
	assert.Equal(t, 403, call(asked{path: generatePath, key: "b", body: body}).status, "a file of another account's")

	r = upload(t, call, "a", `{"file":{"name":"files/named","mimeType":"image/png"}}`)
	want(t, r.body, map[string]any{"file.name": "files/named", "file.mimeType": "image/png"})
	r = upload(t, call, "b", `{"file":{"name":"files/named"}}`)
	assert.Equal(t, 409, r.status)
	assert.JSONEq(t, `{}`, call(asked{method: "DELETE", path: "/v1beta/files/named", key: "a"}).body)
	assert.Equal(t, 403, call(asked{method: "GET", path: "/v1beta/files/named", key: "a"}).status)
	r = call(asked{path: "/upload/v1beta/files", key: "a", body: "bytes"})
	assert.Equal(t, 400, r.status)
}

func TestCachedContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := inMemory(t, providertest.Gemini(providertest.Config{Models: []string{"m1"}}))
		r := call(asked{path: "/v1beta/cachedContents", key: "a", body: `{"model":"models/m1","ttl":"60s","displayName":"d"}`})
		want(t, r.body, map[string]any{"model": "models/m1", "displayName": "d", "usageMetadata.totalTokenCount": 11.0})
		name := dig(t, r.body, "name").(string)
		generate := asked{path: generatePath, key: "a", body: `{"cachedContent":"` + name + `"}`}
		assert.Equal(t, 200, call(generate).status)
		generate.key = "b"
		assert.Equal(t, 403, call(generate).status, "another account's")
		want(t, call(asked{method: "GET", path: "/v1beta/" + name, key: "a"}).body, map[string]any{"name": name})
		want(t, call(asked{method: "GET", path: "/v1beta/cachedContents", key: "a"}).body, map[string]any{"cachedContents.0.name": name})
		time.Sleep(time.Minute)
		generate.key = "a"
		assert.Equal(t, 403, call(generate).status, "it has expired")
		assert.JSONEq(t, `{}`, call(asked{method: "GET", path: "/v1beta/cachedContents", key: "a"}).body)

		r = call(asked{path: "/v1beta/cachedContents", key: "a", body: `{"model":"models/m1"}`})
		name = dig(t, r.body, "name").(string)
		assert.JSONEq(t, `{}`, call(asked{method: "DELETE", path: "/v1beta/" + name, key: "a"}).body)
		assert.Equal(t, 403, call(asked{method: "GET", path: "/v1beta/" + name, key: "a"}).status)
		assert.Equal(t, 404, call(asked{path: "/v1beta/cachedContents", key: "a", body: `{"model":"models/x"}`}).status)
	})
}

func TestThoughts(t *testing.T) {
	call := serve(t, providertest.Gemini(thoughtful))
	usage := map[string]any{
		"usageMetadata.promptTokenCount": 100.0, "usageMetadata.cachedContentTokenCount": 40.0, "usageMetadata.candidatesTokenCount": 30.0,
		"usageMetadata.thoughtsTokenCount": 20.0, "usageMetadata.totalTokenCount": 150.0,
	}
	r := call(asked{path: generatePath, key: "k", body: contentBody})
	want(t, r.body, usage)
	const parts = "candidates.0.content.parts."
	want(t, r.body, map[string]any{
		parts + "0.thought": true, parts + "0.text": thoughtful.Reasoning, parts + "1.text": text,
		parts + "2.functionCall.name": "look", parts + "2.functionCall.args.at": "this thing",
	})
	list, thought := events(t, call(asked{path: streamPath + "?alt=sse", key: "k", body: contentBody}).body, "\r\n\r\n"), ""
	for _, e := range list {
		part := dig(t, e.data, parts+"0").(map[string]any)
		if part["thought"] == true {
			thought += part["text"].(string)
			want(t, e.data, map[string]any{"usageMetadata.candidatesTokenCount": 0.0})
		}
	}
	assert.Equal(t, thoughtful.Reasoning, thought)
	want(t, list[len(list)-1].data, usage)
	want(t, list[len(list)-1].data, map[string]any{parts + "0.functionCall.name": "look", "candidates.0.finishReason": "STOP"})
}

func TestGeminiCompatible(t *testing.T) {
	f := providertest.Gemini(providertest.Config{Text: text, Keys: []string{"good"}, Models: []string{"m1"}})
	call := serve(t, f)
	at := func(method, path, key, body string) got {
		return call(asked{method: method, path: "/v1beta/openai" + path, key: key, body: body})
	}
	for _, model := range []string{"m1", "models/m1"} {
		r := at("POST", "/chat/completions", "good", `{"model":"`+model+`","messages":[]}`)
		want(t, r.body, map[string]any{"object": "chat.completion", "model": "m1", "choices.0.message.content": text})
	}
	r := at("POST", "/chat/completions", "good", chatStream)
	assert.Equal(t, text, chatText(t, dropLast(events(t, r.body, "\n\n"))))
	want(t, at("POST", "/embeddings", "good", `{"model":"m1","input":"x"}`).body, map[string]any{"object": "list", "usage.total_tokens": 11.0})
	want(t, at("GET", "/models", "good", "").body, map[string]any{"data.0.id": "models/m1", "data.0.owned_by": "google"})
	want(t, at("GET", "/models/m1", "good", "").body, map[string]any{"id": "models/m1"})
	errs := []struct {
		path, key, body string
		status          int
		word            string
	}{
		{"/chat/completions", "bad", chatBody, 400, "INVALID_ARGUMENT"},
		{"/chat/completions", "", chatBody, 403, "PERMISSION_DENIED"},
		{"/chat/completions", "good", `{"model":"m2"}`, 404, "NOT_FOUND"},
		{"/chat/completions", "good", `{}`, 400, "INVALID_ARGUMENT"},
		{"/chat/completions", "good", `{`, 400, "INVALID_ARGUMENT"},
	}
	for _, e := range errs {
		r = at("POST", e.path, e.key, e.body)
		assert.Equal(t, e.status, r.status, e)
		want(t, r.body, map[string]any{"0.error.status": e.word, "0.error.code": float64(e.status)})
	}
	r = call(asked{method: "GET", path: "/v1beta/models", header: http.Header{"Authorization": {"Bearer good"}}})
	assert.Equal(t, 401, r.status, "only the compatible part takes a key as a bearer token")
}

// What is kept is bounded: the oldest goes first.
func TestKeptObjectsAreBounded(t *testing.T) {
	call := inMemory(t, providertest.Gemini(providertest.Config{}))
	for range 4096 + 1 {
		call(asked{path: "/v1beta/cachedContents", key: "a", body: `{"model":"models/m1"}`})
	}
	at := func(id string) int {
		return call(asked{method: "GET", path: "/v1beta/cachedContents/cache-gemini_" + id, key: "a"}).status
	}
	assert.Equal(t, []int{403, 200, 200}, []int{at("1"), at("2"), at("4097")})
}
