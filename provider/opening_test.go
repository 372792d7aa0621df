package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// opening describes a request and returns how its conversation begins.
func opening(t testing.TB, p *provider.Provider, path, body string) string {
	t.Helper()
	return p.API.Describe(request(t, "POST", "https://h"+path), []byte(body)).Opening([]byte(body))
}

const (
	chatPath     = "/v1/chat/completions"
	responsePath = "/v1/responses"
	messagePath  = "/v1/messages"
	generatePath = "/v1beta/models/m:generateContent"
)

// What is written in one row is one conversation as it goes on; the rows are different
// ones.
func TestOpening(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	seen := map[string]string{}
	for _, c := range []struct {
		p      *provider.Provider
		path   string
		bodies []string
	}{
		{provider.OpenAI, chatPath, []string{
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}`,
			`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},{"role":"assistant","content":"x"},{"role":"user","content":"more"}],"stream":true}`,
			`{"messages":[{"content":"s","role":"system"},{"content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}],"role":"user"},{"role":"assistant","content":"` + long + `"}], "model":"m"}`,
		}},
		{provider.OpenAI, chatPath, []string{`{"model":"m2","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"system","content":"s2"},{"role":"user","content":"hi"}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"ho"}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":"s"},{"role":"user","content":"hi"}]}`}},
		{provider.OpenAI, chatPath, []string{
			`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"a"}}]}]}`,
			`{"model":"m","messages":[{"role":"assistant","content":"welcome"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"a"}}]}]}`,
		}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"b"}}]}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":["hi","ho"]}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":"hi\",\"ho"}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":"` + long + `"}]}`}},
		{provider.OpenAI, chatPath, []string{`{"model":"m","messages":[{"role":"user","content":"` + long + `x"}]}`}},
		{provider.OpenAI, responsePath, []string{
			`{"model":"m","instructions":"s","input":"hi"}`,
			`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]},{"type":"function_call_output","call_id":"c","output":"x"}],"previous_response_id":null,"instructions":"s"}`,
			`{"model":"m","input":[{"type":"reasoning","id":"r"},{"type":"message","role":"user","content":"hi"}],"instructions":"s"}`,
		}},
		{provider.OpenAI, responsePath, []string{`{"model":"m","instructions":"s2","input":"hi"}`}},
		{provider.OpenAI, responsePath, []string{`{"model":"m","input":"hi"}`, `{"model":"m","input":[{"role":"user","content":"hi"}],"instructions":null}`}},
		{provider.Anthropic, messagePath, []string{
			`{"model":"m","max_tokens":1,"system":"s","messages":[{"role":"user","content":"hi"}]}`,
			`{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"` + long + `"},{"role":"user","content":"x"}],"model":"m","system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}`,
		}},
		{provider.Anthropic, messagePath, []string{`{"model":"m","system":"s2","messages":[{"role":"user","content":"hi"}]}`}},
		{provider.Anthropic, messagePath, []string{`{"model":"m","messages":[{"role":"user","content":"hi"}]}`}},
		{provider.Anthropic, messagePath, []string{`{"model":"m","system":"hi","messages":[{"role":"user","content":""}]}`}},
		{provider.Gemini, generatePath, []string{
			`{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`,
			`{"contents":[{"parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"x"}]},{"role":"user","parts":[{"text":"more"}]}],"system_instruction":{"role":"system","parts":{"text":"s"}}}`,
			`{"systemInstruction":{"parts":[{"text":"s"}]},"contents":{"parts":[{"text":"hi"}]}}`,
		}},
		{provider.Gemini, generatePath, []string{`{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`}},
		{provider.Gemini, generatePath, []string{`{"contents":[{"role":"user","parts":[{"inlineData":{"data":"hi"}}]}]}`}},
		{provider.Gemini, "/v1beta/models/m2:streamGenerateContent", []string{`{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`}},
	} {
		first := opening(t, c.p, c.path, c.bodies[0])
		require.Regexp(t, `^opening-[0-9a-f]{32}$`, first, c.bodies[0])
		require.Empty(t, seen[first], "%.200s", c.bodies[0])
		seen[first] = c.bodies[0]
		for _, body := range c.bodies[1:] {
			assert.Equal(t, first, opening(t, c.p, c.path, body), "%.200s", body)
		}
	}
}

// What begins nowhere has no opening.
func TestNoOpening(t *testing.T) {
	for _, c := range [][2]string{
		{chatPath, ``}, {chatPath, `[]`}, {chatPath, `hello`}, {chatPath, "\x1f\x8b\x08"}, {chatPath, `{}`}, {chatPath, `{"messages":`},
		{chatPath, `{"messages":null}`}, {chatPath, `{"messages":[]}`}, {chatPath, `{"messages":[7,null]}`}, {chatPath, `{"messages":[{"role":"user"}]}`},
		{chatPath, `{"messages":[{"role":"system","content":"s"}]}`}, {chatPath, `{"messages":[{"role":"user","content":"cut of`},
		{responsePath, `{"input":"cut of`},
		{responsePath, `{"previous_response_id":"r1","input":"hi"}`}, {responsePath, `{"input":"hi","conversation":{"id":"c1"}}`},
		{responsePath, `{"input":[{"type":"function_call_output","output":"x"}]}`},
		{"/v1/embeddings", `{"input":"hi"}`}, {"/v1/moderations", `{"input":"hi"}`}, {"/v1/files", `{"messages":[{"role":"user","content":"hi"}]}`},
	} {
		assert.Empty(t, opening(t, provider.OpenAI, c[0], c[1]), c[1])
	}
}

// The head of a body says how it begins, as long as it has that.
func TestOpeningOfAHead(t *testing.T) {
	body := `{"model":"m","system":"s","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"` + strings.Repeat("x", 1000) + `"}]}`
	op := provider.Anthropic.API.Describe(request(t, "POST", "https://h"+messagePath), []byte(body))
	whole := op.Opening([]byte(body))
	begun := strings.Index(body, `},{"role":"assistant"`) + 1
	for n := range len(body) {
		if got := op.Opening([]byte(body[:n])); n < begun {
			assert.Empty(t, got, body[:n])
		} else {
			assert.Equal(t, whole, got, body[:n])
		}
	}
}

func FuzzOpening(f *testing.F) {
	f.Add(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
	f.Add(`{"input":[{"content":{"parts":[{"text":"x"}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		op := provider.OpenAI.API.Describe(request(t, "POST", "https://h"+chatPath), []byte(body))
		first, again := op.Opening([]byte(body)), op.Opening([]byte(body))
		assert.Equal(t, first, again)
	})
}

func BenchmarkOpening(b *testing.B) {
	for _, turns := range []int{1, 10_000} {
		body := []byte(`{"messages":[{"role":"user","content":"hi"}` + strings.Repeat(`,{"role":"assistant","content":"Say \"hello\" to the world, in {several} [languages], and then again."}`, turns) + `],"model":"m","system":"s"}`)
		op := provider.Anthropic.API.Describe(request(b, "POST", "https://h"+messagePath), body)
		b.Run(fmt.Sprint(turns, "-turns"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if op.Opening(body) == "" {
					b.Fatal("none")
				}
			}
		})
	}
}
