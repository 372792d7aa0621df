package provider_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

// benchWords differ in length, so that no event of a stream is like the one before.
var benchWords = strings.Fields("I have been asked to say in a few words what errors there are, and sorry, that depends: some users of this API see 429 more than others")

// streams are long answers as the APIs send them, with events of at most 300
// bytes. Where an event has %s a word stands, and where it has %d its number.
func streams() map[string]struct {
	p    *provider.Provider
	body []byte
} {
	repeat := func(event, last string) []byte {
		var b strings.Builder
		for i := range 10_000 {
			b.WriteString(strings.NewReplacer("%s", benchWords[i%len(benchWords)], "%d", strconv.Itoa(i), "%x", strconv.FormatInt(int64(i)*7919, 36)).Replace(event))
		}
		return []byte(b.String() + last)
	}
	const chunk = `data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,"model":"gpt-5.6","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" %s"},"logprobs":null,"finish_reason":null}],"usage":null`
	const used = `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`
	type entry = struct {
		p    *provider.Provider
		body []byte
	}
	return map[string]entry{
		"chat":               {provider.OpenAI, repeat(chunk+"}\n\n", used+"\n\ndata: [DONE]\n\n")},
		"chat-obfuscated":    {provider.OpenAI, repeat(chunk+`,"obfuscation":"%x"}`+"\n\n", "data: [DONE]\n\n")},
		"chat-without-usage": {provider.OpenAI, repeat(strings.TrimSuffix(chunk, `,"usage":null`)+"}\n\n", "data: [DONE]\n\n")},
		"chat-crlf":          {provider.OpenAI, repeat(chunk+"}\r\n\r\n", "data: [DONE]\r\n\r\n")},
		"chat-all-unlike":    {provider.OpenAI, repeat(`data: {"id":"%x%x%x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" %s"},"logprobs":null,"finish_reason":null}],"system_fingerprint":"fp_44709d6fcb","model":"gpt-5.6","service_tier":"default","usage":null,"obfuscation":"%x%x"}`+"\n\n", "data: [DONE]\n\n")},
		"responses":          {provider.OpenAI, repeat("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":%d,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c5\",\"output_index\":0,\"content_index\":0,\"delta\":\" %s\",\"logprobs\":[],\"obfuscation\":\"%x\"}\n\n", "")},
		"messages":           {provider.Anthropic, repeat("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" %s, and how are you today?\"}}\n\n", "")},
		"generate":           {provider.Gemini, repeat(`data: {"candidates": [{"content": {"parts": [{"text": " %s"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 21,"candidatesTokenCount": %d,"totalTokenCount": 8%d,"thoughtsTokenCount": 60},"modelVersion": "gemini-3.6-flash","responseId": "r1"}`+"\r\n\r\n", "")},
		"joined":             {provider.OpenAI, repeat("data: %s\n", "\n")},
		"lines":              {provider.OpenAI, repeat(`{"model":"gemma4","created_at":"2025-10-26T17:21:21.207235Z","message":{"role":"assistant","content":" %s"},"done":false}`+"\n", "")},
	}
}

// TestMeterAllocates says that an event like the others costs no allocation.
func TestMeterAllocates(t *testing.T) {
	for name, s := range streams() {
		m := s.p.API.NewMeter(provider.Operation{}, http.Header{})
		all := testing.AllocsPerRun(2, func() {
			for from := 0; from < len(s.body); from += 4096 {
				_, _ = m.Write(s.body[from:min(from+4096, len(s.body))])
			}
		})
		assert.Less(t, all, 20.0, "%s: in 10000 events", name)
	}
}

// BenchmarkMeter reads streams 4 KiB at a time. Wanted: 1 GiB/s or more and no
// allocation per event for the chat with usage null on each event.
func BenchmarkMeter(b *testing.B) {
	for name, s := range streams() {
		b.Run(name, func(b *testing.B) {
			m := s.p.API.NewMeter(provider.Operation{}, http.Header{})
			b.SetBytes(int64(len(s.body)))
			b.ReportAllocs()
			for b.Loop() {
				for from := 0; from < len(s.body); from += 4096 {
					_, _ = m.Write(s.body[from:min(from+4096, len(s.body))])
				}
			}
		})
	}
}

// documents are whole answers of a few hundred bytes, as the APIs give them.
func documents() map[string]struct {
	p    *provider.Provider
	body []byte
} {
	type entry = struct {
		p    *provider.Provider
		body []byte
	}
	return map[string]entry{
		"chat": {provider.OpenAI, []byte(`{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-5-2025-08-07",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":"Hello! How can I assist you today?","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],` +
			`"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
			`"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default"}`)},
		"message": {provider.Anthropic, []byte(`{"model":"claude-opus-5-20260401","id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",` +
			`"content":[{"type":"text","text":"Hello! How can I assist you today?"}],"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,` +
			`"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},` +
			`"output_tokens":13,"service_tier":"standard","inference_geo":"global"}}`)},
		"generate": {provider.Gemini, []byte("{\n  \"candidates\": [\n    {\n      \"content\": {\n        \"parts\": [\n          {\n            \"text\": \"Hello! How can I assist you today?\"\n          }\n        ],\n        \"role\": \"model\"\n      },\n" +
			"      \"finishReason\": \"STOP\",\n      \"index\": 0\n    }\n  ],\n  \"usageMetadata\": {\n    \"promptTokenCount\": 8,\n    \"candidatesTokenCount\": 9,\n    \"totalTokenCount\": 640,\n" +
			"    \"promptTokensDetails\": [\n      {\n        \"modality\": \"TEXT\",\n        \"tokenCount\": 8\n      }\n    ],\n    \"thoughtsTokenCount\": 623\n  },\n" +
			"  \"modelVersion\": \"gemini-3.6-flash\",\n  \"responseId\": \"tVL6aKyLM_Ggz7IP5aPzsAQ\"\n}\n")},
	}
}

// TestMeterAllocatesUnary says that a whole answer costs the meter and the name of its
// model.
func TestMeterAllocatesUnary(t *testing.T) {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, d := range documents() {
		var u provider.Usage
		all := testing.AllocsPerRun(100, func() {
			m := d.p.API.NewMeter(provider.Operation{}, h)
			_, _ = m.Write(d.body)
			u = m.Usage()
		})
		assert.True(t, u.Complete && u.Input > 0 && u.Output > 0 && u.Model != "", "%s: %+v", name, u)
		assert.LessOrEqual(t, all, 2.0, name)
	}
}

// BenchmarkMeterUnary reads whole small answers, with a new meter for each.
func BenchmarkMeterUnary(b *testing.B) {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, d := range documents() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(d.body)))
			b.ReportAllocs()
			for b.Loop() {
				m := d.p.API.NewMeter(provider.Operation{}, h)
				_, _ = m.Write(d.body)
				if !m.Usage().Complete {
					b.Fatal("usage")
				}
			}
		})
	}
}

func BenchmarkDescribe(b *testing.B) {
	text := strings.Repeat(`{"role":"user","content":"Say \"hello\" to the world, in {several} [languages]."},`, 13_000)
	image := strings.Repeat("iVBORw0KGgo", 95_000)
	for name, text := range map[string]string{
		"1KiB":             `{"model":"gpt-5.6","stream":true,"messages":[` + text[:800] + `0]}`,
		"1MiB-model-last":  `{"messages":[` + text + `0],"model":"gpt-5.6"}`,
		"1MiB-model-first": `{"model":"gpt-5.6","messages":[` + text + `0]}`,
		"1MiB-image":       `{"messages":[{"content":"` + image + `"}],"model":"gpt-5.6"}`,
	} {
		b.Run(name, func(b *testing.B) {
			r, _ := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/chat/completions", nil)
			body := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				if provider.OpenAI.API.Describe(r, body).Model != "gpt-5.6" {
					b.Fatal("model")
				}
			}
		})
	}
}

func BenchmarkClassify(b *testing.B) {
	for _, c := range []struct {
		p    *provider.Provider
		file string
		h    http.Header
	}{
		{provider.OpenAI, "openai/429-tokens-per-minute.json", header(b, "openai/200-headers.http")},
		{provider.Anthropic, "anthropic/429-rate.json", header(b, "anthropic/429-headers.http")},
		{provider.Gemini, "gemini/429-per-minute.json", nil},
	} {
		b.Run(c.p.Name, func(b *testing.B) {
			a := provider.Answer{Op: provider.Operation{Model: "m"}, Status: 429, Header: c.h, Body: fixture(b, c.file), At: noon}
			b.ReportAllocs()
			for b.Loop() {
				if c.p.API.Classify(a).Class != provider.ClassRateLimited {
					b.Fatal("class")
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	relay := provider.OpenAI.At("relay", "https://relay.example.com/v1")
	r, _ := http.NewRequest(http.MethodPost, "https://relay.example.com/v1/chat/completions", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := relay.Match(r.URL); !ok {
			b.Fatal(fmt.Sprint(r.URL))
		}
	}
}
