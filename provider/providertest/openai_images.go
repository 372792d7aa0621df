package providertest

import (
	"net/http"
	"strings"
)

// picture is a PNG of one grey pixel, in base64.
const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="

// images is pictures made or changed. Variations, and the models of that time
// (dall-e), give an address instead of the picture unless asked for it, and no
// usage; OpenAI has retired them.
func images(c *call, h http.Header) answer {
	switch {
	case c.op != opImageVariation && c.text("prompt") == "":
		return c.refuse("prompt", "Missing required parameter: 'prompt'.")
	case c.fields != nil && len(c.files) == 0:
		return c.refuse("image", "Missing required parameter: 'image'.")
	}
	old := c.op == opImageVariation || strings.HasPrefix(c.model, "dall-e")
	shown := member{"b64_json", c.picture()}
	if old && c.text("response_format") != "b64_json" {
		shown = member{"url", "https://images.example.com/" + c.id("img-") + ".png"}
	}
	data := list{}
	for range c.count("n", 1, 1, 10) {
		data = append(data, object{shown})
	}
	body := object{{"created", c.at.Unix()}}
	if !old {
		body = append(body, imageKind(c)...)
	}
	body = append(body, member{"data", data})
	if !old {
		usage := append(imageUsage(c), member{"output_tokens_details", object{{"image_tokens", c.OutputTokens}, {"text_tokens", 0}}})
		body = append(body, member{"usage", usage})
	}
	return answer{header: h, body: body, events: imageEvents(c), framing: serverSent}
}

// imageEvents are as many sketches as were asked for, and the picture.
func imageEvents(c *call) []event {
	prefix := "image_generation"
	if c.op == opImageEdits {
		prefix = "image_edit"
	}
	var events []event
	shown := c.picture()
	add := func(name string, last member) {
		o := append(object{{"type", name}, {"b64_json", shown}, {"created_at", c.at.Unix()}}, imageKind(c)...)
		events = append(events, event{name: name, data: encode(append(o, last))})
	}
	for i := range c.count("partial_images", 0, 0, 3) {
		add(prefix+".partial_image", member{"partial_image_index", i})
	}
	add(prefix+".completed", member{"usage", imageUsage(c)})
	return events
}

func imageKind(c *call) object {
	or := func(name, usual string) member {
		if v := c.text(name); v != "" && v != "auto" {
			usual = v
		}
		return member{name, usual}
	}
	return object{or("background", "opaque"), or("output_format", "png"), or("quality", "high"), or("size", "1024x1024")}
}

// imageUsage counts half of the input of an edit as the picture.
func imageUsage(c *call) object {
	var pictures int64
	if c.op == opImageEdits {
		pictures = c.InputTokens / 2
	}
	return object{
		{"total_tokens", c.InputTokens + c.OutputTokens}, {"input_tokens", c.InputTokens}, {"output_tokens", c.OutputTokens},
		{"input_tokens_details", object{{"text_tokens", c.InputTokens - pictures}, {"image_tokens", pictures}}},
	}
}
