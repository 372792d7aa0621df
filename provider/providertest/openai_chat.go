package providertest

import "net/http"

// chat is a chat completion.
func chat(c *call, h http.Header) answer {
	if id, ok := c.foreign("file_id"); ok {
		return c.lack(inFiles, id)
	}
	message := object{{"role", "assistant"}, {"content", c.Text}, {"refusal", nil}, {"annotations", list{}}}
	message = append(message, toolCalls(c)...)
	choice := object{{"index", 0}, {"message", message}, {"logprobs", nil}, {"finish_reason", finish(c)}}
	body := append(chatHead(c, "chat.completion"),
		member{"choices", list{choice}},
		member{"usage", chatUsage(c)},
		member{"service_tier", "default"},
		member{"system_fingerprint", "fp_fake"})
	return answer{header: h, body: body, events: chatEvents(c), framing: serverSent}
}

// toolCalls is the member of a message that calls the tool; nil: none is called.
func toolCalls(c *call) object {
	if c.ToolCall.Name == "" {
		return nil
	}
	return object{{"tool_calls", list{object{
		{"id", c.id("call_")}, {"type", "function"}, {"function", object{{"name", c.ToolCall.Name}, {"arguments", c.ToolCall.Arguments}}},
	}}}}
}

func finish(c *call) string {
	if c.ToolCall.Name != "" {
		return "tool_calls"
	}
	return "stop"
}

// chatEvents are a role, the text, the call of a tool, the reason of the end,
// the usage if it was asked for, and the word that ends the stream.
func chatEvents(c *call) []event {
	withUsage := c.form.StreamOptions != nil && c.form.StreamOptions.IncludeUsage
	chunk := func(choices list, usage any) event {
		o := append(chatHead(c, "chat.completion.chunk"),
			member{"service_tier", "default"}, member{"system_fingerprint", "fp_fake"}, member{"choices", choices})
		if withUsage {
			o = append(o, member{"usage", usage})
		}
		return event{data: encode(o)}
	}
	delta := func(d object, finish any) event {
		return chunk(list{object{{"index", 0}, {"delta", d}, {"logprobs", nil}, {"finish_reason", finish}}}, nil)
	}
	events := []event{delta(object{{"role", "assistant"}, {"content", ""}, {"refusal", nil}}, nil)}
	for _, p := range pieces(c.Text) {
		events = append(events, delta(object{{"content", p}}, nil))
	}
	for _, tool := range toolDeltas(c) {
		events = append(events, delta(object{{"tool_calls", list{tool}}}, nil))
	}
	events = append(events, delta(object{}, finish(c)))
	if withUsage {
		events = append(events, chunk(list{}, chatUsage(c)))
	}
	return append(events, event{data: []byte("[DONE]")})
}

// toolDeltas are the name of the tool, and then its arguments in pieces.
func toolDeltas(c *call) []object {
	if c.ToolCall.Name == "" {
		return nil
	}
	out := []object{{
		{"index", 0}, {"id", c.id("call_")}, {"type", "function"}, {"function", object{{"name", c.ToolCall.Name}, {"arguments", ""}}},
	}}
	for _, p := range pieces(c.ToolCall.Arguments) {
		out = append(out, object{{"index", 0}, {"function", object{{"arguments", p}}}})
	}
	return out
}

func chatHead(c *call, kind string) object {
	return object{{"id", c.id("chatcmpl-")}, {"object", kind}, {"created", c.at.Unix()}, {"model", c.model}}
}

func chatUsage(c *call) object {
	prompt := object{{"cached_tokens", c.CachedTokens}, {"audio_tokens", 0}}
	if c.CacheWriteTokens > 0 {
		prompt = append(prompt, member{"cache_write_tokens", c.CacheWriteTokens})
	}
	return object{
		{"prompt_tokens", c.InputTokens},
		{"completion_tokens", c.OutputTokens},
		{"total_tokens", c.InputTokens + c.OutputTokens},
		{"prompt_tokens_details", prompt},
		{"completion_tokens_details", object{
			{"reasoning_tokens", c.ReasoningTokens}, {"audio_tokens", 0},
			{"accepted_prediction_tokens", 0}, {"rejected_prediction_tokens", 0},
		}},
	}
}
