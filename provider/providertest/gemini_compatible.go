package providertest

import (
	"net/http"
	"strings"
)

const compatiblePrefix = "/v1beta/openai"

// compatible tells whether a call is to the part of Gemini that speaks OpenAI's
// protocol. Keys come as bearer tokens there, and errors in an array.
func compatible(c *call) bool { return strings.HasPrefix(c.path, compatiblePrefix+"/") }

var compatibleEndpoints = []endpoint{
	{post, "/chat/completions", opChat},
	{post, "/embeddings", opEmbeddings},
	{post, "/images/generations", opImages},
	{get, "/models", opModels},
	{get, "/models/{rest}", opModel},
}

// compatibleRoute takes the bearer token for the credential, which the rest of
// Gemini refuses unless it is an OAuth token.
func compatibleRoute(c *call) (operation, string) {
	c.checkKey(bearer(c.header), kindNone)
	op, allow := c.find(compatibleEndpoints, strings.TrimPrefix(c.path, compatiblePrefix))
	if op == opModel {
		c.model = c.object
	}
	return op, allow
}

// compatibleInspect takes models with Gemini's prefix and without it.
func compatibleInspect(c *call) {
	openAI{}.inspect(c)
	if c.problem == kindModelNotFound && c.serves(strings.TrimPrefix(c.model, "models/")) {
		c.problem = kindNone
	}
	c.model = strings.TrimPrefix(c.model, "models/")
}

func compatibleAnswer(c *call, h http.Header) answer {
	switch c.op {
	case opChat:
		return chat(c, h)
	case opEmbeddings:
		return embeddings(c, h)
	case opImages:
		return images(c, h)
	case opModel:
		return answer{header: h, body: compatibleModel(c.model)}
	default:
		data := list{}
		for _, m := range c.catalogue(geminiModels...) {
			data = append(data, compatibleModel(m))
		}
		return answer{header: h, body: object{{"object", "list"}, {"data", data}}}
	}
}

func compatibleModel(id string) object {
	return object{{"id", "models/" + id}, {"object", "model"}, {"owned_by", "google"}}
}
