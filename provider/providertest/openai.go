package providertest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// openAI speaks as api.openai.com does.
type openAI struct{}

func (openAI) name() string { return "openai" }

func (openAI) credential(h http.Header, _ url.Values) (string, kind) {
	return bearer(h), kindNone
}

func (openAI) route(c *call) (operation, string) {
	switch c.path {
	case "/v1/chat/completions":
		return opChat, http.MethodPost
	case "/v1/responses":
		return opResponses, http.MethodPost
	case "/v1/embeddings":
		return opEmbeddings, http.MethodPost
	case "/v1/models":
		return opModels, http.MethodGet
	}
	if model, ok := strings.CutPrefix(c.path, "/v1/models/"); ok && model != "" {
		c.model = model
		return opModel, http.MethodGet
	}
	return opUnknown, ""
}

func (openAI) inspect(c *call) {
	switch c.op {
	case opModels:
		return
	case opModel:
		c.checkModel()
		return
	}
	if !c.decode() {
		c.problem = kindBrokenBody
		return
	}
	c.stream = c.form.Stream && c.op != opEmbeddings
	if served := c.catalogue(openAIModels...); c.op == opResponses && c.model == "" && len(c.form.Prompt) > 0 && len(served) > 0 {
		c.model = served[0] // the stored prompt names one
	}
	if c.op == opChat && c.form.StreamOptions != nil && !c.stream {
		c.problem = kindStreamOptions
	}
	c.checkModel()
}

func (p openAI) answer(c *call) answer {
	h := p.header(c)
	p.limits(h, 499, 120*time.Millisecond)
	switch c.op {
	case opChat:
		return chat(c, h)
	case opResponses:
		return responses(c, h)
	case opEmbeddings:
		return embeddings(c, h)
	case opModel:
		return answer{header: h, body: openAIModel(c.model)}
	default:
		data := list{}
		for _, m := range c.catalogue(openAIModels...) {
			data = append(data, openAIModel(m))
		}
		return answer{header: h, body: object{{"object", "list"}, {"data", data}}}
	}
}

var openAIModels = []string{"gpt-5.6", "gpt-4o-mini"}

func openAIModel(id string) object {
	return object{{"id", id}, {"object", "model"}, {"created", 1721172741}, {"owned_by", "openai"}}
}

// header has what every answer has.
func (openAI) header(c *call) http.Header {
	h := make(http.Header)
	h.Set("X-Request-Id", c.id("req_"))
	h.Set("Openai-Organization", "org-fake")
	h.Set("Openai-Processing-Ms", "12")
	h.Set("Openai-Version", "2020-10-01")
	return h
}

// limits tells how many requests are left, and when all of them are back.
func (openAI) limits(h http.Header, remaining int, reset time.Duration) {
	h.Set("X-Ratelimit-Limit-Requests", "500")
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(remaining))
	h.Set("X-Ratelimit-Reset-Requests", reset.String())
	h.Set("X-Ratelimit-Limit-Tokens", "150000")
	h.Set("X-Ratelimit-Remaining-Tokens", "149984")
	h.Set("X-Ratelimit-Reset-Tokens", "6ms")
}
