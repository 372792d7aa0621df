package providertest

import "net/http"

// messages is a message, or its refusal.
func messages(c *call, h http.Header) answer {
	content := list{textBlock(c, c.Text)}
	if c.blocked {
		content = list{}
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
	atIndex := member{"index", 0}
	open := object{{"stop_reason", nil}, {"stop_sequence", nil}}
	if late(c) {
		open = append(open, member{"stop_details", nil})
	}
	add("message_start", member{"message", message(c, list{}, open, spent(c, 1))})
	if !c.blocked {
		add("content_block_start", atIndex, member{"content_block", textBlock(c, "")})
		add("ping")
		for _, p := range pieces(c.Text) {
			add("content_block_delta", atIndex, member{"delta", object{{"type", "text_delta"}, {"text", p}}})
		}
		add("content_block_stop", atIndex)
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

func textBlock(c *call, text string) object {
	o := object{{"type", "text"}, {"text", text}}
	if late(c) {
		o = append(o, member{"citations", nil})
	}
	return o
}

func stop(c *call) object {
	switch {
	case c.blocked:
		return object{{"stop_reason", "refusal"}, {"stop_sequence", nil}, {"stop_details", object{
			{"type", "refusal"}, {"category", "cyber"},
			{"explanation", "This request was declined because it could enable cyber harm."},
		}}}
	case late(c):
		return object{{"stop_reason", "end_turn"}, {"stop_sequence", nil}, {"stop_details", nil}}
	default:
		return object{{"stop_reason", "end_turn"}, {"stop_sequence", nil}}
	}
}

// spent is the whole usage. Cached tokens are not among the input tokens.
func spent(c *call, output int64) object {
	if c.blocked {
		output = 0
	}
	o := object{
		{"input_tokens", c.InputTokens - c.CachedTokens},
		{"cache_creation_input_tokens", 0},
		{"cache_read_input_tokens", c.CachedTokens},
		{"cache_creation", object{{"ephemeral_5m_input_tokens", 0}, {"ephemeral_1h_input_tokens", 0}}},
		{"output_tokens", output},
		{"service_tier", "standard"},
	}
	if late(c) {
		o = append(o, member{"inference_geo", nil}, member{"output_tokens_details", nil},
			member{"server_tool_use", nil}, member{"speed", nil})
	}
	return o
}

// spentSince is the usage at a stream's end: the output, and null for what was
// told at the start.
func spentSince(c *call) object {
	output := member{"output_tokens", c.OutputTokens}
	if c.blocked {
		output.value = 0
	}
	if !late(c) {
		return object{output}
	}
	return object{
		{"input_tokens", nil}, {"cache_creation_input_tokens", nil}, {"cache_read_input_tokens", nil},
		output, {"output_tokens_details", nil}, {"server_tool_use", nil},
	}
}
