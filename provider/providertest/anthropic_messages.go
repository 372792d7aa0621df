package providertest

import "net/http"

// messages is a message, or its refusal.
func messages(c *call, h http.Header) answer {
	if id, ok := c.foreign("file_id"); ok {
		return c.lack(inFiles, id)
	}
	content := list{}
	for _, b := range blocks(c) {
		content = append(content, b.whole)
	}
	body := message(c, content, stop(c), spent(c, c.OutputTokens))
	return answer{header: h, body: body, events: messageEvents(c), framing: serverSent}
}

// messageEvents tell the prompt's usage at the start and, at the end, only
// what has changed since.
func messageEvents(c *call) []event {
	var events []event
	add := func(name string, members ...member) {
		o := append(object{{"type", name}}, members...)
		events = append(events, event{name: name, data: encode(o)})
	}
	open := object{{"stop_reason", nil}, {"stop_sequence", nil}}
	if late(c) {
		open = append(open, member{"stop_details", nil})
	}
	add("message_start", member{"message", message(c, list{}, open, spent(c, 1))})
	for i, b := range blocks(c) {
		at := member{"index", i}
		add("content_block_start", at, member{"content_block", b.open})
		if i == 0 {
			add("ping")
		}
		for _, d := range b.deltas {
			add("content_block_delta", at, member{"delta", d})
		}
		add("content_block_stop", at)
	}
	delta := stop(c)
	if late(c) {
		delta = append(delta, member{"container", nil})
	}
	add("message_delta", member{"delta", delta}, member{"usage", spentSince(c)})
	add("message_stop")
	return events
}

// message is one in any of its states; how it stopped is part of it.
func message(c *call, content list, stop, usage object) object {
	o := object{
		{"id", c.id("msg_")}, {"type", "message"}, {"role", "assistant"}, {"model", c.model}, {"content", content},
	}
	o = append(o, stop...)
	if late(c) {
		o = append(o, member{"container", nil}, member{"diagnostics", nil})
	}
	return append(o, member{"usage", usage})
}

func stop(c *call) object {
	switch {
	case c.blocked:
		return object{{"stop_reason", "refusal"}, {"stop_sequence", nil}, {"stop_details", object{
			{"type", "refusal"}, {"category", "cyber"},
			{"explanation", "This request was declined because it could enable cyber harm."},
		}}}
	case late(c):
		return object{{"stop_reason", stopReason(c)}, {"stop_sequence", nil}, {"stop_details", nil}}
	default:
		return object{{"stop_reason", stopReason(c)}, {"stop_sequence", nil}}
	}
}

func stopReason(c *call) string {
	if c.ToolCall.Name != "" {
		return "tool_use"
	}
	return "end_turn"
}

// spent is the whole usage with so much output, of which the thinking is told
// once it is all there. What went to a cache or came from one is not among the
// input tokens.
func spent(c *call, output int64) object {
	if c.blocked {
		output = 0
	}
	o := object{
		{"input_tokens", c.InputTokens - c.CachedTokens - c.CacheWriteTokens},
		{"cache_creation_input_tokens", c.CacheWriteTokens},
		{"cache_read_input_tokens", c.CachedTokens},
		{"cache_creation", object{{"ephemeral_5m_input_tokens", c.CacheWriteTokens}, {"ephemeral_1h_input_tokens", 0}}},
		{"output_tokens", output},
		{"service_tier", "standard"},
	}
	details := thought(c)
	if output < c.OutputTokens {
		details = nil
	}
	if late(c) {
		return append(o, member{"inference_geo", nil}, member{"output_tokens_details", details},
			member{"server_tool_use", nil}, member{"speed", nil})
	}
	if details != nil {
		o = append(o, member{"output_tokens_details", details})
	}
	return o
}

// thought is how much of the output was thinking; nil: nothing.
func thought(c *call) any {
	if c.ReasoningTokens == 0 {
		return nil
	}
	return object{{"thinking_tokens", c.ReasoningTokens}}
}

// spentSince is the usage at a stream's end: the output, and null for what was
// told at the start.
func spentSince(c *call) object {
	output := member{"output_tokens", c.OutputTokens}
	details := thought(c)
	if c.blocked {
		output.value, details = 0, nil
	}
	if !late(c) {
		if details == nil {
			return object{output}
		}
		return object{output, {"output_tokens_details", details}}
	}
	return object{
		{"input_tokens", nil}, {"cache_creation_input_tokens", nil}, {"cache_read_input_tokens", nil},
		output, {"output_tokens_details", details}, {"server_tool_use", nil},
	}
}
