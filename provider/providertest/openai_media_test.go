package providertest_test

import (
	"encoding/base64"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

func TestCompletions(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Text: text}))
	r := call(asked{path: "/v1/completions", key: "k", body: `{"model":"m1","prompt":"hi"}`})
	want(t, r.body, map[string]any{"object": "text_completion", "choices.0.text": text, "choices.0.finish_reason": "stop", "usage.total_tokens": 18.0})
	r = call(asked{path: "/v1/completions", key: "k", body: `{"model":"m1","prompt":"hi","stream":true}`})
	list, said := events(t, r.body, "\n\n"), ""
	assert.Equal(t, "[DONE]", list[len(list)-1].data)
	for _, e := range list[:len(list)-1] {
		said += dig(t, e.data, "choices.0.text").(string)
	}
	assert.Equal(t, text, said)
}

func TestImages(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{InputTokens: 50, OutputTokens: 30}))
	r := call(asked{path: "/v1/images/generations", key: "k", body: `{"prompt":"a cat","n":2,"size":"auto","quality":"low"}`})
	want(t, r.body, map[string]any{
		"size": "1024x1024", "quality": "low", "output_format": "png", "usage.input_tokens": 50.0, "usage.output_tokens": 30.0, "usage.total_tokens": 80.0,
		"usage.input_tokens_details.text_tokens": 50.0, "usage.output_tokens_details.image_tokens": 30.0,
	})
	assert.Len(t, dig(t, r.body, "data"), 2)
	_, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(dig(t, r.body, "data.1.b64_json").(string))))
	require.NoError(t, err, "the picture is one")

	r = call(asked{path: "/v1/images/generations", key: "k", body: `{"model":"m1","prompt":"a cat","stream":true,"partial_images":2}`})
	list := events(t, r.body, "\n\n")
	assert.Equal(t, "image_generation.partial_image image_generation.partial_image image_generation.completed", names(list))
	want(t, list[1].data, map[string]any{"type": "image_generation.partial_image", "partial_image_index": 1.0})
	want(t, list[2].data, map[string]any{"type": "image_generation.completed", "usage.total_tokens": 80.0})

	body, header := form(t, []string{"image[]"}, "prompt", "a dog", "stream", "true")
	list = events(t, call(asked{path: "/v1/images/edits", key: "k", body: body, header: header}).body, "\n\n")
	assert.Equal(t, "image_edit.completed", names(list))
	want(t, list[0].data, map[string]any{"usage.input_tokens_details.image_tokens": 25.0})

	body, header = form(t, []string{"image"})
	r = call(asked{path: "/v1/images/variations", key: "k", body: body, header: header})
	assert.Contains(t, dig(t, r.body, "data.0.url"), "https://")
	assert.NotContains(t, r.body, "usage")
	body, header = form(t, []string{"image"}, "response_format", "b64_json")
	r = call(asked{path: "/v1/images/variations", key: "k", body: body, header: header})
	assert.NotEmpty(t, dig(t, r.body, "data.0.b64_json"))
}

func TestImageStreamFails(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Script: []providertest.Step{providertest.FailInStream(1, providertest.ContentPolicy())}}))
	r := call(asked{path: "/v1/images/generations", key: "k", body: `{"prompt":"a cat","stream":true,"partial_images":2}`})
	list := events(t, r.body, "\n\n")
	assert.Equal(t, "image_generation.partial_image error", names(list))
	want(t, list[1].data, map[string]any{"error.code": "content_policy_violation"})
}

func TestSpeech(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	call := serve(t, f)
	formats := map[string][2]string{
		"": {"audio/mpeg", "ID3"}, "mp3": {"audio/mpeg", "ID3"}, "opus": {"audio/opus", "OggS"}, "aac": {"audio/aac", "\xff\xf1"},
		"flac": {"audio/flac", "fLaC"}, "wav": {"audio/wav", "RIFF"}, "pcm": {"audio/pcm", "\x00"},
	}
	for format, begins := range formats {
		r := call(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"hi","voice":"alloy","response_format":"` + format + `"}`})
		assert.Equal(t, begins[0], r.header.Get("Content-Type"), format)
		assert.True(t, strings.HasPrefix(r.body, begins[1]), format)
		assert.Greater(t, len(r.body), 4000, format)
	}
	r := call(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"hi","voice":"alloy","response_format":"wav"}`})
	sound := r.body
	r = call(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"hi","voice":"alloy","response_format":"wav","stream_format":"sse"}`})
	list, heard := events(t, r.body, "\n\n"), ""
	for _, e := range list[:len(list)-1] {
		b, err := base64.StdEncoding.DecodeString(dig(t, e.data, "audio").(string))
		require.NoError(t, err)
		want(t, e.data, map[string]any{"type": "speech.audio.delta"})
		heard += string(b)
	}
	assert.Equal(t, sound, heard)
	want(t, list[len(list)-1].data, map[string]any{"type": "speech.audio.done", "usage.input_tokens": 11.0, "usage.output_tokens": 7.0, "usage.total_tokens": 18.0})
	assert.True(t, f.Hits()[8].Stream)
}

func TestTranscription(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Text: text, AudioTime: 90500 * time.Millisecond}))
	ask := func(path string, fields ...string) got {
		body, header := form(t, []string{"file"}, fields...)
		return call(asked{path: path, key: "k", body: body, header: header})
	}
	const path = "/v1/audio/transcriptions"
	want(t, ask(path, "model", "m1").body, map[string]any{
		"text": text, "usage.type": "tokens", "usage.input_tokens": 11.0, "usage.input_token_details.audio_tokens": 11.0, "usage.output_tokens": 7.0, "usage.total_tokens": 18.0,
	})
	want(t, ask(path, "model", "whisper-1", "stream", "true").body, map[string]any{"text": text, "usage.type": "duration", "usage.seconds": 90.5})
	want(t, ask(path, "model", "whisper-1", "response_format", "verbose_json").body, map[string]any{
		"text": text, "duration": 90.5, "segments.0.text": text, "usage.seconds": 90.5, "task": "transcribe",
	})
	assert.Equal(t, text+"\n", ask(path, "model", "m1", "response_format", "text").body)
	assert.Equal(t, "1\n00:00:00,000 --> 00:01:30,500\n"+text+"\n\n", ask(path, "model", "m1", "response_format", "srt").body)
	assert.Equal(t, "WEBVTT\n\n00:00:00.000 --> 00:01:30.500\n"+text+"\n\n", ask(path, "model", "m1", "response_format", "vtt").body)
	list, said := events(t, ask(path, "model", "m1", "stream", "true").body, "\n\n"), ""
	for _, e := range list[:len(list)-1] {
		want(t, e.data, map[string]any{"type": "transcript.text.delta"})
		said += dig(t, e.data, "delta").(string)
	}
	assert.Equal(t, text, said)
	want(t, list[len(list)-1].data, map[string]any{"type": "transcript.text.done", "text": text, "usage.total_tokens": 18.0})

	r := ask("/v1/audio/translations", "model", "whisper-1")
	assert.JSONEq(t, `{"text":"One two <three> & “four”."}`, r.body)
	want(t, ask("/v1/audio/translations", "model", "whisper-1", "response_format", "verbose_json").body, map[string]any{"task": "translate"})
}

func TestModeration(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{}))
	for body, results := range map[string]int{
		`{"input":"x"}`: 1, `{"input":["x","y"]}`: 2, `{"input":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"u"}}]}`: 1,
	} {
		r := call(asked{path: "/v1/moderations", key: "k", body: body})
		assert.Len(t, dig(t, r.body, "results"), results)
		want(t, r.body, map[string]any{"model": "omni-moderation-latest", "results.0.flagged": false, "results.0.categories.self-harm/intent": false})
		assert.Len(t, dig(t, r.body, "results.0.categories"), 13)
	}
}

func TestInputTokensAndCompaction(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{}))
	r := call(asked{path: "/v1/responses/input_tokens", key: "k", body: `{"input":"x"}`})
	assert.JSONEq(t, `{"object":"response.input_tokens","input_tokens":11}`, r.body)
	r = call(asked{path: "/v1/responses/compact", key: "k", body: `{"model":"m1","input":"x"}`})
	want(t, r.body, map[string]any{"object": "response.compaction", "output.0.type": "compaction", "usage.total_tokens": 18.0})
}

func TestReasoningAndTools(t *testing.T) {
	call := serve(t, providertest.OpenAI(thoughtful))
	r := call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	want(t, r.body, map[string]any{
		"choices.0.finish_reason": "tool_calls", "choices.0.message.tool_calls.0.function.name": "look",
		"choices.0.message.tool_calls.0.function.arguments": `{"at":"this thing"}`,
		"usage.completion_tokens_details.reasoning_tokens":  20.0,
		"usage.prompt_tokens_details.cache_write_tokens":    8.0,
	})
	list, arguments := events(t, call(asked{path: "/v1/chat/completions", key: "k", body: chatStream}).body, "\n\n"), ""
	for _, e := range list[:len(list)-1] {
		if strings.Contains(e.data, "tool_calls\":[") {
			arguments += dig(t, e.data, "choices.0.delta.tool_calls.0.function.arguments").(string)
		}
	}
	assert.JSONEq(t, thoughtful.ToolCall.Arguments, arguments)

	r = call(asked{path: "/v1/responses", key: "k", body: chatStream})
	list, arguments = events(t, r.body, "\n\n"), ""
	thought := ""
	for i, e := range list {
		want(t, e.data, map[string]any{"type": e.name, "sequence_number": float64(i)})
		switch e.name {
		case "response.reasoning_summary_text.delta":
			want(t, e.data, map[string]any{"output_index": 0.0, "summary_index": 0.0})
			thought += dig(t, e.data, "delta").(string)
		case "response.output_text.delta":
			want(t, e.data, map[string]any{"output_index": 1.0, "content_index": 0.0})
		case "response.function_call_arguments.delta":
			want(t, e.data, map[string]any{"output_index": 2.0})
			arguments += dig(t, e.data, "delta").(string)
		}
	}
	assert.Equal(t, thoughtful.Reasoning, thought)
	assert.JSONEq(t, thoughtful.ToolCall.Arguments, arguments)
	want(t, list[len(list)-1].data, map[string]any{
		"response.output.0.type": "reasoning", "response.output.0.summary.0.text": thought,
		"response.output.1.content.0.text": text, "response.output.2.arguments": arguments,
		"response.usage.output_tokens_details.reasoning_tokens":  20.0,
		"response.usage.input_tokens_details.cache_write_tokens": 8.0,
	})
}

func TestOpenAIJudgesOtherCalls(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Models: []string{"m1"}}))
	noFile, formHeader := form(t, nil, "model", "m1")
	cases := []struct {
		name   string
		asked  asked
		status int
		param  any
	}{
		{"no prompt", asked{path: "/v1/images/generations", body: `{}`}, 400, "prompt"},
		{"an image of a model not served", asked{path: "/v1/images/generations", body: `{"model":"x","prompt":"p"}`}, 404, nil},
		{"edit without an image", asked{path: "/v1/images/edits", body: strings.Replace(noFile, "model", "prompt", 1), header: formHeader}, 400, "image"},
		{"variation in JSON", asked{path: "/v1/images/variations", body: `{}`}, 400, nil},
		{"nothing to say", asked{path: "/v1/audio/speech", body: `{"model":"m1"}`}, 400, "input"},
		{"no such sound", asked{path: "/v1/audio/speech", body: `{"model":"m1","input":"x","response_format":"midi"}`}, 400, "response_format"},
		{"no sound", asked{path: "/v1/audio/transcriptions", body: noFile, header: formHeader}, 400, "file"},
		{"transcription in JSON", asked{path: "/v1/audio/transcriptions", body: `{"model":"m1"}`}, 400, nil},
		{"a form cut short", asked{path: "/v1/audio/transcriptions", body: noFile[:len(noFile)-9], header: formHeader}, 400, nil},
		{"no file", asked{path: "/v1/files", body: noFile, header: formHeader}, 400, "file"},
		{"nothing to judge", asked{path: "/v1/moderations", body: `{}`}, 400, "input"},
		{"a batch of nothing", asked{path: "/v1/batches", body: `{"endpoint":"/v1/responses","completion_window":"24h","input_file_id":"file-x"}`}, 400, "input_file_id"},
		{"a batch for nothing", asked{path: "/v1/batches", body: `{}`}, 400, "endpoint"},
		{"a batch too late", asked{path: "/v1/batches", body: `{"endpoint":"/v1/responses","completion_window":"1h"}`}, 400, "completion_window"},
		{"no such batch", asked{method: "GET", path: "/v1/batches/batch_x"}, 404, nil},
		{"no such response", asked{method: "GET", path: "/v1/responses/resp_x"}, 404, nil},
		{"tuning with nothing", asked{path: "/v1/fine_tuning/jobs", body: `{"model":"m1"}`}, 400, "training_file"},
		{"a page of nothing", asked{method: "GET", path: "/v1/files?limit=0"}, 400, "limit"},
		{"a page after nothing", asked{method: "GET", path: "/v1/files?after=file-x"}, 400, "after"},
		{"realtime", asked{method: "GET", path: "/v1/realtime?model=m1"}, 426, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.asked.key = "k"
			r := call(c.asked)
			require.Equal(t, c.status, r.status, r.body)
			want(t, r.body, map[string]any{"error.type": "invalid_request_error", "error.param": c.param})
			assert.Equal(t, 2, strings.Count(r.body, "{"), "a gap that was not filled in: %s", r.body)
		})
	}
}
