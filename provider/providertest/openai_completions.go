package providertest

import "net/http"

// completions is an answer of the old text completions.
func completions(c *call, h http.Header) answer {
	body := append(completionHead(c),
		member{"choices", list{completionChoice(c.Text, "stop")}},
		member{"usage", chatUsage(c)},
		member{"system_fingerprint", "fp_fake"})
	withUsage := c.form.StreamOptions != nil && c.form.StreamOptions.IncludeUsage
	chunk := func(choices list, usage any) event {
		o := append(completionHead(c), member{"choices", choices})
		if withUsage {
			o = append(o, member{"usage", usage})
		}
		return event{data: encode(o)}
	}
	var events []event
	for _, p := range pieces(c.Text) {
		events = append(events, chunk(list{completionChoice(p, nil)}, nil))
	}
	events = append(events, chunk(list{completionChoice("", "stop")}, nil))
	if withUsage {
		events = append(events, chunk(list{}, chatUsage(c)))
	}
	return answer{header: h, body: body, events: append(events, event{data: []byte("[DONE]")}), framing: serverSent}
}

func completionHead(c *call) object {
	return object{{"id", c.id("cmpl-")}, {"object", "text_completion"}, {"created", c.at.Unix()}, {"model", c.model}}
}

func completionChoice(text string, finish any) object {
	return object{{"text", text}, {"index", 0}, {"logprobs", nil}, {"finish_reason", finish}}
}
