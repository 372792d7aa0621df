package providertest

import (
	"net/http"
	"net/url"
	"strings"
)

// gemini speaks as generativelanguage.googleapis.com does.
type gemini struct{}

const (
	methodStream = "streamGenerateContent"
	jsonUTF8     = "application/json; charset=UTF-8"
	googleToken  = "ya29." // how OAuth tokens begin
)

func (gemini) name() string { return "gemini" }

func (gemini) credential(h http.Header, q url.Values) (string, kind) {
	if key := h.Get("X-Goog-Api-Key"); key != "" {
		return key, kindNone
	}
	if key := q.Get("key"); key != "" {
		return key, kindNone
	}
	token := bearer(h)
	if token != "" && !strings.HasPrefix(token, googleToken) {
		return token, kindBadToken
	}
	return token, kindNone
}

// route takes the model out of the path: up to the last colon, for models may
// have colons of their own.
func (gemini) route(c *call) (operation, string) {
	rest, ok := strings.CutPrefix(c.path, "/v1beta/models")
	if !ok {
		rest, ok = strings.CutPrefix(c.path, "/v1/models")
	}
	if ok && rest == "" {
		return opModels, http.MethodGet
	}
	model, below := strings.CutPrefix(rest, "/")
	if !ok || !below || model == "" {
		return opUnknown, ""
	}
	colon := strings.LastIndexByte(model, ':')
	if colon < 0 {
		c.model = model
		return opModel, http.MethodGet
	}
	c.model = model[:colon]
	switch model[colon+1:] {
	case methodStream:
		c.stream = true
		return opGenerate, http.MethodPost
	case "generateContent":
		return opGenerate, http.MethodPost
	case "countTokens":
		return opCountTokens, http.MethodPost
	}
	return opUnknown, ""
}

func (gemini) inspect(c *call) {
	if len(c.body) > 0 && !c.decode() { // no body is an empty message
		c.problem = kindBrokenBody
	}
	if c.op != opModels {
		c.checkModel()
	}
}

func (gemini) answer(c *call) answer {
	h := http.Header{"Content-Type": {jsonUTF8}, "Vary": {"Origin", "X-Origin", "Referer"}}
	switch c.op {
	case opGenerate:
		return generate(c, h)
	case opCountTokens:
		return answer{header: h, body: object{{"totalTokens", c.InputTokens}, {"promptTokensDetails", modality(c.InputTokens)}}}
	case opModel:
		return answer{header: h, body: geminiModel(c.model)}
	default:
		models := list{}
		for _, m := range c.catalogue("gemini-3.6-flash", "gemini-3-pro") {
			models = append(models, geminiModel(m))
		}
		return answer{header: h, body: object{{"models", models}}}
	}
}

func geminiModel(id string) object {
	return object{
		{"name", "models/" + id}, {"version", "001"}, {"displayName", id},
		{"inputTokenLimit", 1048576}, {"outputTokenLimit", 65536},
		{"supportedGenerationMethods", list{"generateContent", "countTokens"}},
	}
}

func modality(tokens int64) list {
	return list{object{{"modality", "TEXT"}, {"tokenCount", tokens}}}
}

// inArray tells whether the call wants its stream as a JSON array.
func inArray(c *call) bool {
	return c.op == opGenerate && c.stream && c.query.Get("alt") != "sse"
}
