package providertest

import "net/http"

// responses is an answer of the Responses API, kept unless the call says
// otherwise. One in the background starts as queued.
func responses(c *call, h http.Header) answer {
	if id := c.form.PreviousResponseID; id != "" {
		if _, _, ok := kept[storedResponse](c, inResponses, id); !ok {
			c.object = id
			return answer{problem: kindNoPrevious}
		}
	}
	if id, ok := c.foreign("file_id"); ok {
		return c.lack(inFiles, id)
	}
	s := storedResponse{
		work: c.work(), background: c.text("background") == "true",
		queued: response(c, "queued", nil), done: response(c, "completed", nil), cancelled: response(c, "cancelled", nil),
		events: responseEvents(c),
	}
	a := answer{header: h, body: s.done, events: s.events, framing: serverSent}
	if s.background {
		a.body = s.queued
	}
	if c.text("store") != "false" {
		a.keep = []*item{c.item(inResponses, c.id("resp_"), s.size(), s)}
	}
	return a
}

// responseWriter writes the events of a response. They number themselves and
// carry their names twice, as the real ones do.
type responseWriter struct {
	c      *call
	events []event
}

func (w *responseWriter) add(name string, members ...member) {
	o := append(object{{"type", name}, {"sequence_number", len(w.events)}}, members...)
	w.events = append(w.events, event{name: name, data: encode(o)})
}

// in adds an event about a part of an output item.
func (w *responseWriter) in(item string, at object, name string, members ...member) {
	w.add(name, append(append(object{{"item_id", item}}, at...), members...)...)
}

func responseEvents(c *call) []event {
	w := &responseWriter{c: c}
	w.add("response.created", member{"response", response(c, "in_progress", nil)})
	w.add("response.in_progress", member{"response", response(c, "in_progress", nil)})
	for i, it := range responseOutput(c, "in_progress") {
		done := responseOutput(c, "completed")[i]
		w.add("response.output_item.added", member{"output_index", i}, member{"item", it.body})
		it.stream(w, i)
		w.add("response.output_item.done", member{"output_index", i}, member{"item", done.body})
	}
	w.add("response.completed", member{"response", response(c, "completed", nil)})
	return w.events
}

// outputItem is one thing that a response says, and how a stream says it.
type outputItem struct {
	body   object
	stream func(w *responseWriter, index int)
}

// responseOutput is a summary of the thinking, the text, and a call of a tool,
// as far as the fake has them.
func responseOutput(c *call, status string) []outputItem {
	message := outputItem{responseMessage(c, status), streamMessage}
	var out []outputItem
	if c.Reasoning != "" {
		summary := list{}
		if status == "completed" {
			summary = list{summaryText(c.Reasoning)}
		}
		out = append(out, outputItem{object{{"id", c.id("rs_")}, {"type", "reasoning"}, {"summary", summary}}, streamReasoning})
	}
	out = append(out, message)
	if c.ToolCall.Name != "" {
		arguments := ""
		if status == "completed" {
			arguments = c.ToolCall.Arguments
		}
		out = append(out, outputItem{object{
			{"id", c.id("fc_")}, {"type", "function_call"}, {"status", status}, {"arguments", arguments},
			{"call_id", c.id("call_")}, {"name", c.ToolCall.Name},
		}, streamToolCall})
	}
	return out
}

func streamMessage(w *responseWriter, index int) {
	item, at := w.c.id("msg_"), object{{"output_index", index}, {"content_index", 0}}
	w.in(item, at, "response.content_part.added", member{"part", outputText("")})
	for _, p := range pieces(w.c.Text) {
		w.in(item, at, "response.output_text.delta", member{"delta", p}, member{"logprobs", list{}})
	}
	w.in(item, at, "response.output_text.done", member{"text", w.c.Text}, member{"logprobs", list{}})
	w.in(item, at, "response.content_part.done", member{"part", outputText(w.c.Text)})
}

func streamReasoning(w *responseWriter, index int) {
	item, at := w.c.id("rs_"), object{{"output_index", index}, {"summary_index", 0}}
	w.in(item, at, "response.reasoning_summary_part.added", member{"part", summaryText("")})
	for _, p := range pieces(w.c.Reasoning) {
		w.in(item, at, "response.reasoning_summary_text.delta", member{"delta", p})
	}
	w.in(item, at, "response.reasoning_summary_text.done", member{"text", w.c.Reasoning})
	w.in(item, at, "response.reasoning_summary_part.done", member{"part", summaryText(w.c.Reasoning)})
}

func streamToolCall(w *responseWriter, index int) {
	item, at := w.c.id("fc_"), object{{"output_index", index}}
	for _, p := range pieces(w.c.ToolCall.Arguments) {
		w.in(item, at, "response.function_call_arguments.delta", member{"delta", p})
	}
	w.in(item, at, "response.function_call_arguments.done", member{"name", w.c.ToolCall.Name}, member{"arguments", w.c.ToolCall.Arguments})
}

// response is the whole object in one of its states. What is not done has no
// output, no usage and no end.
func response(c *call, status string, failure any) object {
	var completed, usage any
	output := list{}
	if status == "completed" {
		completed, usage = c.at.Unix(), responseUsage(c)
		for _, it := range responseOutput(c, status) {
			output = append(output, it.body)
		}
	}
	return object{
		{"id", c.id("resp_")}, {"object", "response"}, {"created_at", c.at.Unix()}, {"status", status},
		{"access_programs", object{{"cyber", "standard"}}}, {"background", c.text("background") == "true"},
		{"completed_at", completed}, {"error", failure}, {"incomplete_details", nil},
		{"instructions", orNull(c.echo)}, {"max_output_tokens", nil}, {"max_tool_calls", nil}, {"model", c.model},
		{"output", output}, {"parallel_tool_calls", true},
		{"previous_response_id", orNull(c.form.PreviousResponseID)}, {"prompt_cache_key", nil},
		{"reasoning", object{{"effort", nil}, {"summary", nil}}}, {"safety_identifier", nil},
		{"service_tier", "default"}, {"store", c.text("store") != "false"}, {"temperature", 1.0},
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

func summaryText(text string) object { return object{{"type", "summary_text"}, {"text", text}} }

func responseUsage(c *call) object {
	return object{
		{"input_tokens", c.InputTokens},
		{"input_tokens_details", object{{"cached_tokens", c.CachedTokens}, {"cache_write_tokens", c.CacheWriteTokens}}},
		{"output_tokens", c.OutputTokens},
		{"output_tokens_details", object{{"reasoning_tokens", c.ReasoningTokens}}},
		{"total_tokens", c.InputTokens + c.OutputTokens},
	}
}
