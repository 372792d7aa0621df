package providertest

import "net/http"

// responses is an answer of the Responses API.
func responses(c *call, h http.Header) answer {
	return answer{header: h, body: response(c, "completed", nil), events: responseEvents(c), framing: serverSent}
}

// responseEvents number themselves and carry their names twice, as the real
// ones do.
func responseEvents(c *call) []event {
	item, part := c.id("msg_"), object{{"output_index", 0}, {"content_index", 0}}
	var events []event
	add := func(name string, members ...member) {
		o := append(object{{"type", name}, {"sequence_number", len(events)}}, members...)
		events = append(events, event{name: name, data: encode(o)})
	}
	inItem := func(name string, members ...member) {
		add(name, append(append(object{{"item_id", item}}, part...), members...)...)
	}
	add("response.created", member{"response", response(c, "in_progress", nil)})
	add("response.in_progress", member{"response", response(c, "in_progress", nil)})
	add("response.output_item.added", member{"output_index", 0}, member{"item", responseMessage(c, "in_progress")})
	inItem("response.content_part.added", member{"part", outputText("")})
	for _, p := range pieces(c.Text) {
		inItem("response.output_text.delta", member{"delta", p}, member{"logprobs", list{}})
	}
	inItem("response.output_text.done", member{"text", c.Text}, member{"logprobs", list{}})
	inItem("response.content_part.done", member{"part", outputText(c.Text)})
	add("response.output_item.done", member{"output_index", 0}, member{"item", responseMessage(c, "completed")})
	add("response.completed", member{"response", response(c, "completed", nil)})
	return events
}

// response is the whole object in one of its states. What is not done has no
// output, no usage and no end.
func response(c *call, status string, failure any) object {
	var completed, usage any
	output := list{}
	if status == "completed" {
		completed, usage = c.at.Unix(), responseUsage(c)
		output = list{responseMessage(c, status)}
	}
	return object{
		{"id", c.id("resp_")}, {"object", "response"}, {"created_at", c.at.Unix()}, {"status", status},
		{"access_programs", object{{"cyber", "standard"}}}, {"background", false}, {"completed_at", completed}, {"error", failure}, {"incomplete_details", nil},
		{"instructions", orNull(c.echo)}, {"max_output_tokens", nil}, {"max_tool_calls", nil}, {"model", c.model},
		{"output", output}, {"parallel_tool_calls", true},
		{"previous_response_id", orNull(c.form.PreviousResponseID)}, {"prompt_cache_key", nil},
		{"reasoning", object{{"effort", nil}, {"summary", nil}}}, {"safety_identifier", nil},
		{"service_tier", "default"}, {"store", true}, {"temperature", 1.0},
		{"text", object{{"format", object{{"type", "text"}}}, {"verbosity", "medium"}}},
		{"tool_choice", "auto"}, {"tools", list{}}, {"top_logprobs", 0}, {"top_p", 1.0},
		{"truncation", "disabled"}, {"usage", usage}, {"user", nil}, {"metadata", object{}},
	}
}

func responseMessage(c *call, status string) object {
	content := list{}
	if status == "completed" {
		content = list{outputText(c.Text)}
	}
	return object{
		{"id", c.id("msg_")}, {"type", "message"}, {"status", status},
		{"content", content}, {"role", "assistant"},
	}
}

func outputText(text string) object {
	return object{{"type", "output_text"}, {"annotations", list{}}, {"logprobs", list{}}, {"text", text}}
}

func responseUsage(c *call) object {
	return object{
		{"input_tokens", c.InputTokens},
		{"input_tokens_details", object{{"cached_tokens", c.CachedTokens}, {"cache_write_tokens", 0}}},
		{"output_tokens", c.OutputTokens},
		{"output_tokens_details", object{{"reasoning_tokens", c.ReasoningTokens}}},
		{"total_tokens", c.InputTokens + c.OutputTokens},
	}
}
