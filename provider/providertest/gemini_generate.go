package providertest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// generate is content, or the news that the prompt was blocked.
func generate(c *call, h http.Header) answer {
	if a, lacking := geminiLacks(c); lacking {
		return a
	}
	steps := contentSteps(c)
	whole := list{}
	if c.Reasoning != "" {
		whole = append(whole, thoughtPart(c.Reasoning))
	}
	whole = append(whole, object{{"text", c.Text}})
	if c.ToolCall.Name != "" {
		whole = append(whole, toolPart(c))
	}
	a := answer{header: h, body: chunk(c, whole, true, c.ReasoningTokens, c.OutputTokens-c.ReasoningTokens), framing: googleEvents}
	if inArray(c) {
		a.framing = googleArray
	}
	if c.blocked {
		a.body = blocked(c)
		a.events = []event{{data: encode(a.body)}}
		return a
	}
	for i, s := range steps {
		a.events = append(a.events, event{data: encode(chunk(c, list{s.part}, i == len(steps)-1, s.thoughts, s.output))})
	}
	return a
}

// geminiLacks tells whether a call names a file or cached content that its
// caller does not have.
func geminiLacks(c *call) (answer, bool) {
	if name := c.form.CachedContent; name != "" {
		id := strings.TrimPrefix(name, "cachedContents/")
		if _, ok := liveCache(c, id); !ok {
			return c.lack(inCaches, id), true
		}
	}
	if id, ok := c.foreign("fileUri"); ok {
		return c.lack(inFiles, id), true
	}
	return answer{}, false
}

// contentStep is one part, and the tokens spent up to it.
type contentStep struct {
	part             object
	thoughts, output int64
}

// contentSteps are the thoughts, the text in pieces, and a call of a tool.
func contentSteps(c *call) []contentStep {
	var steps []contentStep
	if c.Reasoning != "" {
		thoughts := pieces(c.Reasoning)
		for i, p := range thoughts {
			steps = append(steps, contentStep{thoughtPart(p), c.ReasoningTokens * int64(i+1) / int64(len(thoughts)), 0})
		}
	}
	parts := pieces(c.Text)
	for i, p := range parts {
		sofar := (c.OutputTokens - c.ReasoningTokens) * int64(i+1) / int64(len(parts))
		steps = append(steps, contentStep{object{{"text", p}}, c.ReasoningTokens, sofar})
	}
	if c.ToolCall.Name != "" {
		steps = append(steps, contentStep{toolPart(c), c.ReasoningTokens, c.OutputTokens - c.ReasoningTokens})
	}
	return steps
}

func thoughtPart(text string) object { return object{{"text", text}, {"thought", true}} }

func toolPart(c *call) object {
	return object{{"functionCall", object{{"name", c.ToolCall.Name}, {"args", json.RawMessage(c.ToolCall.Arguments)}}}}
}

// chunk is a piece of the answer, with the usage up to it. Nothing but the
// reason in the last one ends the stream. Thoughts are no part of the
// candidates' tokens.
func chunk(c *call, parts list, last bool, thoughts, output int64) object {
	candidate := object{{"content", object{{"parts", parts}, {"role", "model"}}}}
	if last {
		candidate = append(candidate, member{"finishReason", "STOP"})
	}
	candidate = append(candidate, member{"index", 0})
	usage := object{{"promptTokenCount", c.InputTokens}}
	if c.CachedTokens > 0 {
		usage = append(usage, member{"cachedContentTokenCount", c.CachedTokens})
	}
	usage = append(usage, member{"candidatesTokenCount", output}, member{"totalTokenCount", c.InputTokens + output + thoughts},
		member{"promptTokensDetails", modality(c.InputTokens)})
	if thoughts > 0 {
		usage = append(usage, member{"thoughtsTokenCount", thoughts})
	}
	return append(object{{"candidates", list{candidate}}, {"usageMetadata", usage}}, generated(c)...)
}

func blocked(c *call) object {
	usage := object{{"promptTokenCount", c.InputTokens}, {"totalTokenCount", c.InputTokens}}
	return append(object{
		{"promptFeedback", object{{"blockReason", "PROHIBITED_CONTENT"}}}, {"usageMetadata", usage},
	}, generated(c)...)
}

func generated(c *call) object {
	return object{{"modelVersion", c.model}, {"responseId", c.id("")}}
}

// googleEvents is the framing with alt=sse: no names, and lines that end as
// HTTP's do.
var googleEvents = framing{contentType: "text/event-stream", lineEnd: "\r\n"}

// googleArray is the framing without it.
var googleArray = framing{
	contentType: jsonUTF8,
	frame: func(i int, e event) []byte {
		if i == 0 {
			return append([]byte{'['}, e.data...)
		}
		return append([]byte("\n,\r\n"), e.data...)
	},
	tail: "\n]\n",
}
