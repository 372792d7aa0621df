package providertest

import (
	"encoding/json"
	"net/http"
)

const maxEmbedMany = 100 // Gemini's own bound

// embedMany is one vector for each request. Gemini reports no usage for them.
func embedMany(c *call, h http.Header) answer {
	var requests []struct {
		Dimensions int `json:"outputDimensionality"`
	}
	if json.Unmarshal(c.member("requests"), &requests) != nil || len(requests) == 0 {
		return c.refuse("", "* BatchEmbedContentsRequest.requests: requests is required")
	}
	if len(requests) > maxEmbedMany {
		return c.refuse("", "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch")
	}
	vectors := list{}
	for _, r := range requests {
		vectors = append(vectors, geminiVector(r.Dimensions))
	}
	return answer{header: h, body: object{{"embeddings", vectors}}}
}

func geminiVector(dimensions int) object { return object{{"values", numbers(dimensions)}} }
