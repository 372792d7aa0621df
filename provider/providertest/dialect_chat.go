package providertest

import (
	"net/http"
	"slices"
)

// place is where a stream's usage stands.
type place uint8

const (
	inLast   place = iota // in a chunk of its own without choices, if the call asks for it
	inAlways              // in such a chunk, asked for or not
	inChoice              // Moonshot: in the choice of the chunk that ends it; if asked for, at the end as well
	inXGroq               // Groq: in x_groq of the chunk that ends it; if asked for, at the end as well
	inEnd                 // in the chunk that ends it, asked for or not, and nowhere else
)

// tokens is the usage in a dialect's own arithmetic.
func (d *dialect) tokens(c *call) object {
	if d.usage != nil {
		return d.usage(c)
	}
	return plainUsage(c)
}

// chat is a chat completion in a dialect.
func (d *dialect) chat(c *call, h http.Header) answer {
	message := object{{"role", "assistant"}, {"content", c.Text}}
	if d.thinks && c.Reasoning != "" {
		message = append(message, member{"reasoning_content", c.Reasoning})
	}
	choice := object{{"index", 0}, {"message", append(message, toolCalls(c)...)}, {"finish_reason", finish(c)}}
	body := append(chatHead(c, "chat.completion"), member{"choices", list{choice}}, member{"usage", d.tokens(c)})
	return answer{header: h, body: append(body, d.extra...), events: d.chatEvents(c), framing: serverSent}
}

func (d *dialect) chatEvents(c *call) []event {
	asked := c.form.StreamOptions != nil && c.form.StreamOptions.IncludeUsage
	chunk := func(choices list, more ...member) event {
		o := append(chatHead(c, "chat.completion.chunk"), member{"choices", choices})
		return event{data: encode(append(o, more...))}
	}
	delta := func(d object) list {
		return list{object{{"index", 0}, {"delta", d}, {"finish_reason", nil}}}
	}
	var events []event
	for _, said := range d.deltas(c) {
		events = append(events, chunk(delta(said)))
	}
	choice, more := object{{"index", 0}, {"delta", object{}}, {"finish_reason", finish(c)}}, d.extra
	switch d.place {
	case inEnd:
		more = append(slices.Clip(more), member{"usage", d.tokens(c)})
	case inChoice:
		choice = append(choice, member{"usage", d.tokens(c)})
	case inXGroq:
		more = append(more, member{"x_groq", object{{"id", c.id("req_")}, {"usage", d.tokens(c)}}})
	}
	events = append(events, chunk(list{choice}, more...))
	if asked && d.place != inEnd || d.place == inAlways {
		events = append(events, chunk(list{}, member{"usage", d.tokens(c)}))
	}
	return append(events, event{data: []byte("[DONE]")})
}

// deltas are a role, the thinking where it is shown, the text, and the call of a
// tool.
func (d *dialect) deltas(c *call) []object {
	said := []object{{{"role", "assistant"}, {"content", ""}}}
	if d.thinks && c.Reasoning != "" {
		for _, p := range pieces(c.Reasoning) {
			said = append(said, object{{"content", nil}, {"reasoning_content", p}})
		}
	}
	for _, p := range pieces(c.Text) {
		said = append(said, object{{"content", p}})
	}
	for _, tool := range toolDeltas(c) {
		said = append(said, object{{"tool_calls", list{tool}}})
	}
	return said
}

// plainUsage is OpenAI's with what every dialect has of it.
func plainUsage(c *call) object {
	return object{
		{"prompt_tokens", c.InputTokens}, {"completion_tokens", c.OutputTokens},
		{"total_tokens", c.InputTokens + c.OutputTokens},
		{"prompt_tokens_details", object{{"cached_tokens", c.CachedTokens}}},
		{"completion_tokens_details", object{{"reasoning_tokens", c.ReasoningTokens}}},
	}
}

// moonshotUsage has its cached tokens flat.
func moonshotUsage(c *call) object {
	return object{
		{"prompt_tokens", c.InputTokens}, {"completion_tokens", c.OutputTokens},
		{"total_tokens", c.InputTokens + c.OutputTokens}, {"cached_tokens", c.CachedTokens},
	}
}

// deepSeekUsage parts the prompt by what the cache had of it.
func deepSeekUsage(c *call) object {
	return object{
		{"prompt_tokens", c.InputTokens}, {"completion_tokens", c.OutputTokens},
		{"total_tokens", c.InputTokens + c.OutputTokens},
		{"prompt_cache_hit_tokens", c.CachedTokens}, {"prompt_cache_miss_tokens", c.InputTokens - c.CachedTokens},
		{"completion_tokens_details", object{{"reasoning_tokens", c.ReasoningTokens}}},
	}
}

// xaiUsage leaves the reasoning out of the completion and in the total.
func xaiUsage(c *call) object {
	return plainUsage(c).with("completion_tokens", c.OutputTokens-c.ReasoningTokens).
		with("cost_in_usd_ticks", (c.InputTokens+c.OutputTokens)*10_000)
}

// openRouterUsage says what it cost.
func openRouterUsage(c *call) object {
	return append(plainUsage(c), member{"cost", 0.00014}, member{"is_byok", false},
		member{"cost_details", object{{"upstream_inference_cost", nil}}})
}
