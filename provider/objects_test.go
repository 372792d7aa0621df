package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// objects describes a request and returns what ties it to an account.
func objects(t *testing.T, p *provider.Provider, method, path, body string) []string {
	t.Helper()
	return p.API.Describe(request(t, method, "https://h"+path), []byte(body)).Objects
}

// Each id of provider-facts 2.8, where it stands.
func TestObjects(t *testing.T) {
	const responses, chat, messages, generate = "/v1/responses", "/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent"
	for _, c := range []struct {
		p                  *provider.Provider
		method, path, body string
		want               []string
	}{
		{provider.OpenAI, "GET", "/v1/responses/resp_1", "", []string{"resp_1"}},
		{provider.OpenAI, "POST", "/v1/responses/resp_1/cancel", "", []string{"resp_1"}},
		{provider.OpenAI, "GET", "/v1/responses", "", nil},
		{provider.OpenAI, "GET", "/proxy/files/v1/files/file%2D1/content", "", []string{"file-1"}},
		{provider.OpenAI, "GET", "/v1/files/", "", nil},
		{provider.OpenAI, "GET", "/v1/batches/b1", "", []string{"b1"}},
		{provider.OpenAI, "GET", "/v1/videos/v1/content", "", []string{"v1"}},
		{provider.OpenAI, "GET", "/v1/conversations/c1/items/i1", "", []string{"c1"}},
		{provider.OpenAI, "GET", "/v1/containers/c1", "", []string{"c1"}},
		{provider.OpenAI, "POST", "/v1/vector_stores/vs1/files", `{"file_id":"f1"}`, []string{"vs1", "f1"}},
		{provider.OpenAI, "POST", "/v1/vector_stores", `{"file_ids":["f1","f2",3,null]}`, []string{"f1", "f2"}},
		{provider.OpenAI, "GET", "/v1/chat/completions/c1", "", []string{"c1"}},
		{provider.OpenAI, "GET", "/v1/fine_tuning/jobs/ftjob-1", "", []string{"ftjob-1"}},
		{provider.OpenAI, "POST", "/v1/fine_tuning/jobs", `{"model":"m","training_file":"f1","validation_file":"f2"}`, []string{"f1", "f2"}},
		{provider.OpenAI, "POST", "/v1/uploads/u1/parts", "", []string{"u1"}},
		{provider.OpenAI, "GET", "/v1/models/m", "", nil},
		{provider.OpenAI, "POST", "/v1/batches", `{"input_file_id":"f1","endpoint":"/v1/responses"}`, []string{"f1"}},
		{provider.OpenAI, "POST", responses, `{"previous_response_id":"r1","model":"m"}`, []string{"r1"}},
		{provider.OpenAI, "POST", responses, `{"previous_response_\u0069d":"r\u0031"}`, []string{"r1"}},
		{provider.OpenAI, "POST", responses, `{"previous_response_id":null,"conversation":null,"prompt":null,"tools":null}`, nil},
		{provider.OpenAI, "POST", responses, `{"conversation":"c1"}`, []string{"c1"}},
		{provider.OpenAI, "POST", responses, `{"conversation":{"id":"c1"}}`, []string{"c1"}},
		{provider.OpenAI, "POST", responses, `{"prompt":{"id":"pmpt_1","version":"2"}}`, []string{"pmpt_1"}},
		{provider.OpenAI, "POST", "/v1/completions", `{"prompt":"a text"}`, nil},
		{provider.OpenAI, "POST", responses, `{"input":[{"role":"user","content":[{"type":"input_file","file_id" : "f1"},{"type":"input_image","file_id":"f2"},{"type":"input_file","file_id":"f1"}]}]}`, []string{"f1", "f2"}},
		{provider.OpenAI, "POST", responses, `{"tools":[{"type":"file_search","vector_store_ids":["vs1","vs2"]},{"type":"code_interpreter","container":"cntr_1"},{"type":"code_interpreter","container":{"type":"auto","file_ids":["f1"]}}]}`, []string{"vs1", "vs2", "cntr_1", "f1"}},
		{provider.OpenAI, "POST", chat, `{"messages":[{"content":[{"type":"file","file":{"file_id":"f1"}}]}]}`, []string{"f1"}},
		{provider.OpenAI, "POST", chat, `{"messages":[{"content":[{"type":"image_file","image_file":{"file_id":"f1"}}]}]}`, []string{"f1"}},
		{provider.OpenAI, "POST", chat, `{"messages":[{"content":"say \"file_id\": \"no\""},{"tool_call_id":"call_1"}]}`, nil},
		{provider.OpenAI, "POST", chat, `{"messages":[{"content":{"\"file_id":"no"}}]}`, nil},
		{provider.OpenAI, "POST", chat, `{"tools":[{"function":{"parameters":{"properties":{"file_id":{"type":"string","default":"no"}},"x":{"file_id":"no"}}}}]}`, nil},
		{provider.OpenAI, "POST", chat, `{"messages":[{"content":[{"file_id":7},{"file_id":""},{"file_id":null},{"file_id":["no"]}]}]}`, nil},
		{provider.OpenAI, "POST", chat, `{"messages":[{"file_id":"f1"},{"file_id":"cut of`, nil},
		{provider.OpenAI, "POST", chat, `{"file_id":"` + strings.Repeat("x", 513) + `"}`, nil},

		{provider.Anthropic, "GET", "/v1/messages/batches/b1/results", "", []string{"b1"}},
		{provider.Anthropic, "POST", "/v1/messages/batches", `{"requests":[{"params":{"messages":[{"content":[{"source":{"type":"file","file_id":"f1"}}]}]}}]}`, []string{"f1"}},
		{provider.Anthropic, "GET", "/v1/files/f1", "", []string{"f1"}},
		{provider.Anthropic, "GET", "/v1/skills/s1", "", []string{"s1"}},
		{provider.Anthropic, "POST", messages, `{"container":"c1"}`, []string{"c1"}},
		{provider.Anthropic, "POST", messages, `{"container":{"id":"c1","skills":[]}}`, []string{"c1"}},
		{provider.Anthropic, "POST", messages, `{"thread":{"id":"t1"},"previous_message_id":"m1"}`, []string{"t1", "m1"}},
		{provider.Anthropic, "POST", messages, `{"messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"f1"}}]}]}`, []string{"f1"}},
		{provider.Anthropic, "POST", messages, `{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"no","container":"no"}}]}],"system":{"metadata":{"file_id":"no"}}}`, nil},

		{provider.Gemini, "GET", "/v1beta/cachedContents/c1", "", []string{"cachedContents/c1"}},
		{provider.Gemini, "GET", "/v1beta/files/f1", "", []string{"files/f1"}},
		{provider.Gemini, "POST", "/v1beta/batches/b1:cancel", "", []string{"batches/b1"}},
		{provider.Gemini, "GET", "/v1beta/operations/o1", "", []string{"operations/o1"}},
		{provider.Gemini, "GET", "/p/models/x/v1beta/operations/o1", "", []string{"operations/o1"}},
		{provider.Gemini, "GET", "/v1beta/models/veo-3/operations/o1", "", []string{"models/veo-3/operations/o1"}},
		{provider.Gemini, "GET", "/v1beta/tunedModels/t1/operations/o1", "", []string{"tunedModels/t1/operations/o1"}},
		{provider.Gemini, "GET", "/v1beta/interactions/i1", "", []string{"i1"}},
		{provider.Gemini, "POST", "/v1beta/interactions", `{"model":"m","previous_interaction_id":"i1"}`, []string{"i1"}},
		{provider.Gemini, "POST", generate, `{"cachedContent":"cachedContents/c1"}`, []string{"cachedContents/c1"}},
		{provider.Gemini, "POST", generate, `{"cached_content":"cachedContents/c1"}`, []string{"cachedContents/c1"}},
		{provider.Gemini, "POST", generate, `{"contents":[{"parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/f1?alt=media"}},{"file_data":{"file_uri":"files/f2"}}]}]}`, []string{"files/f1", "files/f2"}},
		{provider.Gemini, "POST", generate, `{"contents":[{"parts":[{"fileData":{"fileUri":"https://www.youtube.com/watch?v=/files/x"}},{"fileData":{"fileUri":"gs://bucket/files/a/b"}},{"functionCall":{"args":{"fileUri":"files/no"}}}]}]}`, nil},
		{provider.Gemini, "POST", "/v1beta/openai/chat/completions", `{"messages":[{"content":[{"file":{"file_id":"f1"}}]}]}`, []string{"f1"}},
	} {
		assert.Equal(t, c.want, objects(t, c.p, c.method, c.path, c.body), "%s %s %s", c.method, c.path, c.body)
	}
}

// However many ids there are, and however deep they stand, so much is kept.
func TestObjectsAreBounded(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf(`{"content":[{"file_id":"f%d"}]}`, i))
	}
	got := objects(t, provider.OpenAI, "POST", "/v1/responses", `{"previous_response_id":"r1","input":[`+strings.Join(many, ",")+`]}`)
	require.Len(t, got, 16)
	assert.Equal(t, "r1", got[0], "the ids at the top come first")

	deep := func(n int) string {
		return `{"input":` + strings.Repeat(`{"a":`, n) + `{"file_id":"f1"}` + strings.Repeat("}", n) + "}"
	}
	assert.Equal(t, []string{"f1"}, objects(t, provider.OpenAI, "POST", "/v1/responses", deep(6)))
	assert.Empty(t, objects(t, provider.OpenAI, "POST", "/v1/responses", deep(100_000)))
	assert.Empty(t, objects(t, provider.OpenAI, "POST", "/v1/responses", `{"input":`+strings.Repeat(`[{"file_id":`, 100_000)))
}

// What the caller gave away stays its own: the body is not kept by an Operation.
func TestOperationKeepsNoBody(t *testing.T) {
	body := []byte(`{"model":"m","user":"u","prompt_cache_key":"k","previous_response_id":"r1","input":[{"file_id":"f1"}]}`)
	op := provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/responses"), body)
	clear(body)
	assert.Equal(t, "m u k", op.Model+" "+op.Tenant+" "+op.Session)
	assert.True(t, slices.Equal([]string{"r1", "f1"}, op.Objects), op.Objects)
	assert.True(t, op.Repeatable, "what is stored counts as generation")
}

func TestTenant(t *testing.T) {
	const long = 513
	for _, c := range []struct {
		p                *provider.Provider
		path, body, want string
	}{
		{provider.OpenAI, "/v1/chat/completions", `{"user":"u"}`, "u"},
		{provider.OpenAI, "/v1/chat/completions", `{"user":"u","safety_identifier":"s"}`, "s"},
		{provider.OpenAI, "/v1/chat/completions", `{"safety_identifier":"s","user":"u"}`, "s"},
		{provider.OpenAI, "/v1/chat/completions", `{"user":"u","safety_identifier":null}`, "u"},
		{provider.OpenAI, "/v1/chat/completions", `{"metadata":{"user_id":"m"}}`, ""},
		{provider.OpenAI, "/v1/chat/completions", `{"user":{"id":"u"}}`, ""},
		{provider.OpenAI, "/v1/chat/completions", `{"user":"` + strings.Repeat("x", long) + `"}`, ""},
		{provider.Anthropic, "/v1/messages", `{"metadata":{"user_id":"m"}}`, "m"},
		{provider.Anthropic, "/v1/messages", `{"metadata":{"user_id":"` + strings.Repeat("x", long) + `"}}`, ""},
		{provider.Anthropic, "/v1/chat/completions", `{"user":"u"}`, "u"},
		{provider.Gemini, "/v1beta/openai/chat/completions", `{"user":"u"}`, "u"},
		{provider.Gemini, "/v1beta/models/m:generateContent", `{}`, ""},
	} {
		op := c.p.API.Describe(request(t, "POST", "https://h"+c.path), []byte(c.body))
		assert.Equal(t, c.want, op.Tenant, c.body)
	}
}

// A WebSocket is one wherever it is asked for.
func TestDescribeWebSocket(t *testing.T) {
	r := request(t, "GET", "https://h/v1/responses", "Connection", "Upgrade", "Upgrade", "WebSocket")
	op := provider.OpenAI.API.Describe(r, nil)
	assert.Equal(t, provider.OpRealtime, op.Kind)
	assert.False(t, op.Repeatable)
}

// BenchmarkObjects describes long bodies with ids and without.
func BenchmarkObjects(b *testing.B) {
	text := strings.Repeat(`{"role":"user","content":"Say \"hello\" to the world_wide, in {several} [languages].","tool_call_id":"x"},`, 10_000)
	for name, body := range map[string]string{
		"1MiB-without": `{"model":"m","input":[` + text + `0]}`,
		"1MiB-one":     `{"model":"m","input":[` + text + `{"content":[{"file_id":"f1"}]}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			r := request(b, "POST", "https://api.openai.com/v1/responses")
			raw := []byte(body)
			b.ReportAllocs()
			for b.Loop() {
				if provider.OpenAI.API.Describe(r, raw).Model != "m" {
					b.Fatal("model")
				}
			}
		})
	}
}
