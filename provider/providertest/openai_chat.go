package providertest

import "net/http"

// chat is a chat completion.
func chat(c *call, h http.Header) answer {
	choice := object{
		{"index", 0},
		{"message", object{{"role", "assistant"}, {"content", c.Text}, {"refusal", nil}, {"annotations", list{}}}},
		{"logprobs", nil},
		{"finish_reason", "stop"},
	}
	body := append(chatHead(c, "chat.completion"),
		member{"choices", list{choice}},
		member{"usage", chatUsage(c)},
		member{"service_tier", "default"},
		member{"system_fingerprint", "fp_fake"})
	return answer{header: h, body: body, events: chatEvents(c), framing: serverSent}
}

// chatEvents are a role, the text, the reason of the end, the usage if it was
// asked for, and the word that ends the stream.
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
	events = append(events, delta(object{}, "stop"))
	if withUsage {
		events = append(events, chunk(list{}, chatUsage(c)))
	}
	return append(events, event{data: []byte("[DONE]")})
}

func chatHead(c *call, kind string) object {
	return object{{"id", c.id("chatcmpl-")}, {"object", kind}, {"created", c.at.Unix()}, {"model", c.model}}
}

func chatUsage(c *call) object {
	return object{
		{"prompt_tokens", c.InputTokens},
		{"completion_tokens", c.OutputTokens},
		{"total_tokens", c.InputTokens + c.OutputTokens},
		{"prompt_tokens_details", object{{"cached_tokens", c.CachedTokens}, {"audio_tokens", 0}}},
		{"completion_tokens_details", object{
			{"reasoning_tokens", c.ReasoningTokens}, {"audio_tokens", 0},
			{"accepted_prediction_tokens", 0}, {"rejected_prediction_tokens", 0},
		}},
	}
}
