package providertest

import "net/http"

// generate is content, or the news that the prompt was blocked.
func generate(c *call, h http.Header) answer {
	a := answer{header: h, body: chunk(c, c.Text, true, c.OutputTokens), framing: googleEvents}
	if inArray(c) {
		a.framing = googleArray
	}
	if c.blocked {
		a.body = blocked(c)
		a.events = []event{{data: encode(a.body)}}
		return a
	}
	parts := pieces(c.Text)
	for i, p := range parts {
		sofar := c.OutputTokens * int64(i+1) / int64(len(parts))
		a.events = append(a.events, event{data: encode(chunk(c, p, i == len(parts)-1, sofar))})
	}
	return a
}

// chunk is a piece of the answer, with the usage up to it. Nothing but the
// reason in the last one ends the stream.
func chunk(c *call, text string, last bool, output int64) object {
	candidate := object{{"content", object{{"parts", list{object{{"text", text}}}}, {"role", "model"}}}}
	if last {
		candidate = append(candidate, member{"finishReason", "STOP"})
	}
	candidate = append(candidate, member{"index", 0})
	usage := object{{"promptTokenCount", c.InputTokens}}
	if c.CachedTokens > 0 {
		usage = append(usage, member{"cachedContentTokenCount", c.CachedTokens})
	}
	usage = append(usage, member{"candidatesTokenCount", output}, member{"totalTokenCount", c.InputTokens + output},
		member{"promptTokensDetails", modality(c.InputTokens)})
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
