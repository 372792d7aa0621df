package providertest

import (
	"encoding/json"
	"net/http"
)

// harms are what moderation looks for, in OpenAI's order, and whether it looks
// for it in pictures too.
var harms = []struct {
	name     string
	pictures bool
}{
	{"harassment", false}, {"harassment/threatening", false}, {"sexual", true}, {"hate", false},
	{"hate/threatening", false}, {"illicit", false}, {"illicit/violent", false}, {"self-harm/intent", true},
	{"self-harm/instructions", true}, {"self-harm", true}, {"sexual/minors", false}, {"violence", true},
	{"violence/graphic", true},
}

// moderations finds nothing wrong with anything: one result for each input.
func moderations(c *call, h http.Header) answer {
	if len(c.form.Input) == 0 {
		return c.refuse("input", "Missing required parameter: 'input'.")
	}
	var categories, scores, applied object
	for _, harm := range harms {
		inputs := list{"text"}
		if harm.pictures {
			inputs = list{"text", "image"}
		}
		categories = append(categories, member{harm.name, false})
		scores = append(scores, member{harm.name, 0.0001})
		applied = append(applied, member{harm.name, inputs})
	}
	results := list{}
	for range moderated(c.form.Input) {
		results = append(results, object{
			{"flagged", false}, {"categories", categories}, {"category_scores", scores}, {"category_applied_input_types", applied},
		})
	}
	return answer{header: h, body: object{{"id", c.id("modr-")}, {"model", c.model}, {"results", results}}}
}

// moderated counts inputs: parts of one message are one.
func moderated(raw json.RawMessage) int {
	var parts []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &parts) == nil && len(parts) > 0 {
		return 1
	}
	return inputs(raw)
}
