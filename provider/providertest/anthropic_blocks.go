package providertest

import "encoding/json"

// signature is what only Anthropic can read of a thinking block.
const signature = "RmFrZSBzaWduYXR1cmU="

// block is a piece of a message, whole and as a stream says it.
type block struct {
	whole, open object
	deltas      []object
}

// blocks are the thinking, the text, and a call of a tool, as far as the fake
// has them. A refusal has none.
func blocks(c *call) []block {
	if c.blocked {
		return nil
	}
	var out []block
	if c.Reasoning != "" {
		out = append(out, thinkingBlock(c))
	}
	text := block{whole: textBlock(c, c.Text), open: textBlock(c, "")}
	for _, p := range pieces(c.Text) {
		text.deltas = append(text.deltas, object{{"type", "text_delta"}, {"text", p}})
	}
	out = append(out, text)
	if c.ToolCall.Name != "" {
		out = append(out, toolBlock(c))
	}
	return out
}

func textBlock(c *call, text string) object {
	o := object{{"type", "text"}, {"text", text}}
	if late(c) {
		o = append(o, member{"citations", nil})
	}
	return o
}

func thinkingBlock(c *call) block {
	b := block{
		whole: object{{"type", "thinking"}, {"thinking", c.Reasoning}, {"signature", signature}},
		open:  object{{"type", "thinking"}, {"thinking", ""}, {"signature", ""}},
	}
	for _, p := range pieces(c.Reasoning) {
		b.deltas = append(b.deltas, object{{"type", "thinking_delta"}, {"thinking", p}})
	}
	b.deltas = append(b.deltas, object{{"type", "signature_delta"}, {"signature", signature}})
	return b
}

// toolBlock streams the arguments as text; the first piece is empty.
func toolBlock(c *call) block {
	use := func(input any) object {
		return object{{"type", "tool_use"}, {"id", c.id("toolu_")}, {"name", c.ToolCall.Name}, {"input", input}}
	}
	b := block{whole: use(json.RawMessage(c.ToolCall.Arguments)), open: use(object{})}
	for _, p := range append([]string{""}, pieces(c.ToolCall.Arguments)...) {
		b.deltas = append(b.deltas, object{{"type", "input_json_delta"}, {"partial_json", p}})
	}
	return b
}
