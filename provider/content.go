package provider

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// The funcs of this file tell the first event with content from those before:
// pings, roles, empty deltas, frames that only announce what is to come. Text,
// thoughts in words, arguments of a tool, sound and pictures are content; what
// is sealed (signatures, encrypted reasoning) is not, and neither are names
// and ids (provider-facts 3.8 and 4.4). So is the word for why an answer ended:
// after it nothing more can go wrong. An event that was too long to keep has
// content. They run until the first content was found, and no longer.

// filled reports whether v holds anything.
func filled(v gjson.Result) bool {
	switch {
	case v.Type == gjson.String:
		return v.Str != ""
	case v.Type == gjson.JSON:
		full := false
		v.ForEach(func(_, _ gjson.Result) bool {
			full = true
			return false
		})
		return full
	}
	return false
}

// anyFilled reports whether one of v's members of those names holds anything.
func anyFilled(v gjson.Result, names []string) bool {
	found := false
	v.ForEach(func(key, member gjson.Result) bool {
		for _, name := range names {
			found = found || key.Str == name && filled(member)
		}
		return !found
	})
	return found
}

// anyOf reports whether is holds for one element of the array list.
func anyOf(list gjson.Result, is func(gjson.Result) bool) bool {
	found := false
	if list.IsArray() {
		list.ForEach(func(_, v gjson.Result) bool {
			found = is(v)
			return !found
		})
	}
	return found
}

// openaiContent judges an event of chat and completions, or one with a type.
func openaiContent(typ, data []byte, cut bool) bool {
	if announces(typ) {
		return false
	}
	if cut {
		return true
	}
	if !ValidJSON(data) {
		return false
	}
	v := gjson.ParseBytes(data)
	if typ == nil {
		typ = []byte(v.Get("type").Str)
	}
	switch {
	case announces(typ):
		return false
	case len(typ) > 0:
		return anyFilled(v, deltaMembers) || itemContent(v.Get("item")) || itemContent(v.Get("part"))
	}
	return anyOf(v.Get("choices"), choiceContent) || anyFilled(v, lineMembers) || anyFilled(v.Get("message"), messageMembers)
}

// announces reports whether an event of that type repeats the request or tells
// of a failure, and has no content whatever its members are.
func announces(typ []byte) bool {
	switch string(typ) {
	case "response.created", "response.in_progress", "response.queued", "response.failed", "error":
		return true
	}
	return false
}

var (
	// deltaMembers are those of responses, images, transcription and speech.
	deltaMembers = []string{"delta", "text", "transcript", "arguments", "refusal", "input", "code", "audio", "b64_json", "partial_image_b64"}

	// itemMembers are those of an item of a response, and of its parts.
	itemMembers = []string{"text", "transcript", "arguments", "refusal", "input", "code", "result", "audio"}

	// lineMembers are those of a line of Ollama's generation.
	lineMembers = []string{"response", "thinking"}

	// messageMembers are those of a delta of chat, at whatever provider, and
	// of a message of Ollama's.
	messageMembers = []string{"content", "reasoning_content", "reasoning", "reasoning_details", "thinking", "refusal", "images"}
)

// itemContent judges an item of a response or a part of one.
func itemContent(item gjson.Result) bool {
	if !item.IsObject() {
		return false
	}
	part := func(v gjson.Result) bool { return anyFilled(v, itemMembers) }
	return part(item) || anyOf(item.Get("content"), part) || anyOf(item.Get("summary"), part)
}

// choiceContent judges a choice of chat or completions.
func choiceContent(choice gjson.Result) bool {
	if reason := choice.Get("finish_reason").Str; reason != "" && reason != "error" {
		return true
	}
	if choice.Get("text").Str != "" {
		return true
	}
	for _, name := range [...]string{"delta", "message"} {
		d := choice.Get(name)
		if anyFilled(d, messageMembers) || anyFilled(d.Get("audio"), soundMembers) ||
			anyOf(d.Get("tool_calls"), callContent) || filled(d.Get("function_call.arguments")) {
			return true
		}
	}
	return false
}

var soundMembers = []string{"data", "transcript"}

// callContent judges a call of a tool: of a function, or of one of one's own.
func callContent(call gjson.Result) bool {
	return filled(call.Get("function.arguments")) || filled(call.Get("custom.input"))
}

var (
	blockDelta = []byte(`content_block_delta`)

	// blockMembers are those of a block's start or delta.
	blockMembers = []string{"text", "thinking", "partial_json", "input", "content"}
)

// anthropicContent judges an event of messages, or of the old completions.
func anthropicContent(name, data []byte, cut bool) bool {
	if cut {
		return len(name) == 0 || bytes.Equal(name, blockDelta)
	}
	if !ValidJSON(data) {
		return false
	}
	v := gjson.ParseBytes(data)
	switch v.Get("type").Str {
	case "content_block_delta":
		return anyFilled(v.Get("delta"), blockMembers)
	case "content_block_start":
		return anyFilled(v.Get("content_block"), blockMembers)
	case "message_start":
		return filled(v.Get("message.content"))
	case "message_delta":
		return v.Get("delta.stop_reason").Str != ""
	case "completion":
		return v.Get("completion").Str != "" || v.Get("stop_reason").Str != ""
	}
	return false
}

// partMembers are those of a part of Gemini's content.
var partMembers = []string{"text", "functionCall", "executableCode", "codeExecutionResult", "inlineData", "fileData"}

// geminiContent judges a chunk of generation or an event of an interaction.
func geminiContent(data []byte, cut bool) bool {
	if cut {
		return true
	}
	if !ValidJSON(data) {
		return false
	}
	v := gjson.ParseBytes(data)
	return anyOf(v.Get("candidates"), func(c gjson.Result) bool {
		return c.Get("finishReason").Str != "" ||
			anyOf(c.Get("content.parts"), func(part gjson.Result) bool { return anyFilled(part, partMembers) })
	}) || stepContent(v.Get("delta")) || stepContent(v.Get("step"))
}

// stepContent judges what a step of an interaction starts with or adds. What
// members it may have is not documented as a whole.
func stepContent(step gjson.Result) bool {
	found := false
	if step.IsObject() {
		step.ForEach(func(key, v gjson.Result) bool {
			switch key.Str {
			case "type", "id", "call_id", "name", "status", "signature", "mime_type":
			default:
				found = filled(v)
			}
			return !found
		})
	}
	return found
}
