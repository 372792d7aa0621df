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

// openAIEndpoints are what OpenAI serves (provider-facts 3.2).
var openAIEndpoints = []endpoint{
	{post, "/v1/chat/completions", opChat},
	{post, "/v1/responses", opResponses},
	{post, "/v1/responses/input_tokens", opCountTokens},
	{post, "/v1/responses/compact", opCompact},
	{post, "/v1/responses/{id}/cancel", opResponseCancel},
	{get, "/v1/responses/{id}", opResponse},
	{remove, "/v1/responses/{id}", opResponseDelete},
	{post, "/v1/completions", opCompletions},
	{post, "/v1/embeddings", opEmbeddings},
	{post, "/v1/images/generations", opImages},
	{post, "/v1/images/edits", opImageEdits},
	{post, "/v1/images/variations", opImageVariation},
	{post, "/v1/audio/speech", opSpeech},
	{post, "/v1/audio/transcriptions", opTranscription},
	{post, "/v1/audio/translations", opTranslation},
	{post, "/v1/moderations", opModerations},
	{get, "/v1/models", opModels},
	{get, "/v1/models/{rest}", opModel},
	{post, "/v1/files", opFileCreate},
	{get, "/v1/files", opFiles},
	{get, "/v1/files/{id}", opFile},
	{get, "/v1/files/{id}/content", opFileContent},
	{remove, "/v1/files/{id}", opFileDelete},
	{post, "/v1/batches", opBatchCreate},
	{get, "/v1/batches", opBatches},
	{get, "/v1/batches/{id}", opBatch},
	{post, "/v1/batches/{id}/cancel", opBatchCancel},
	{post, "/v1/fine_tuning/jobs", opTuningCreate},
	{get, "/v1/fine_tuning/jobs", opTunings},
	{get, "/v1/fine_tuning/jobs/{id}", opTuning},
	{post, "/v1/fine_tuning/jobs/{id}/cancel", opTuningCancel},
	{get, "/v1/realtime", opRealtime},
}

// openAINeeds are what its operations look for in a body (provider-facts 3.2).
var openAINeeds = map[operation]needs{
	opChat:           takesJSON | namesModel | streams,
	opResponses:      takesJSON | namesModel | streams,
	opCountTokens:    takesJSON | namesModel | omitsModel,
	opCompact:        takesJSON | namesModel,
	opCompletions:    takesJSON | namesModel | streams,
	opEmbeddings:     takesJSON | namesModel,
	opImages:         takesJSON | namesModel | omitsModel | streams,
	opImageEdits:     takesJSON | takesForm | namesModel | omitsModel | streams,
	opImageVariation: takesForm | namesModel | omitsModel,
	opSpeech:         takesJSON | namesModel | streams,
	opTranscription:  takesForm | namesModel | streams,
	opTranslation:    takesForm | namesModel,
	opModerations:    takesJSON | namesModel | omitsModel,
	opModel:          namesModel,
	opResponse:       streams,
	opFileCreate:     takesForm,
	opBatchCreate:    takesJSON,
	opTuningCreate:   takesJSON | namesModel,
}

func (openAI) route(c *call) (operation, string) {
	op, allow := c.find(openAIEndpoints, c.path)
	if op == opModel {
		c.model = c.object
	}
	return op, allow
}

func (openAI) inspect(c *call) {
	n := openAINeeds[c.op]
	if c.problem = c.read(n); c.problem != kindNone {
		return
	}
	if c.model == "" && (n&omitsModel != 0 || c.op == opResponses && len(c.form.Prompt) > 0) {
		c.model = c.usualModel()
	}
	c.stream = n&streams != 0 && c.wantsStream()
	switch {
	case c.op == opRealtime:
		c.problem = kindUpgrade
	case c.op == opChat && c.form.StreamOptions != nil && !c.stream:
		c.problem = kindStreamOptions
	}
	if n&namesModel != 0 {
		c.checkModel()
	}
}

// wantsStream tells whether the answer is to come in events; each operation
// asks for that in its own way.
func (c *call) wantsStream() bool {
	switch c.op {
	case opSpeech:
		return c.text("stream_format") == "sse"
	case opTranscription:
		return c.form.Stream && !whisper(c)
	case opResponse:
		return c.query.Get("stream") == "true"
	}
	return c.form.Stream
}

// usualModel is the model of a call that names none: which one OpenAI takes is
// not known for certain.
func (c *call) usualModel() string {
	usual := openAIModels[0]
	switch c.op {
	case opImages, opImageEdits, opImageVariation:
		usual = "gpt-image-2"
	case opModerations:
		usual = "omni-moderation-latest"
	}
	if c.Models != nil && !c.serves(usual) && len(c.Models) > 0 {
		return c.Models[0]
	}
	return usual
}

func (p openAI) answer(c *call) answer {
	h := p.header(c)
	p.limits(h, 499, 120*time.Millisecond)
	switch family, _, _ := strings.Cut(string(c.op), "."); family {
	case "files":
		return openAIFiles(c, h)
	case "batches":
		return openAIBatches(c, h)
	case "fine_tuning":
		return openAITunings(c, h)
	case "images":
		return images(c, h)
	}
	switch c.op {
	case opChat:
		return chat(c, h)
	case opResponses:
		return responses(c, h)
	case opResponse, opResponseDelete, opResponseCancel:
		return storedResponses(c, h)
	case opCompact:
		return compaction(c, h)
	case opCountTokens:
		return answer{header: h, body: object{{"object", "response.input_tokens"}, {"input_tokens", c.InputTokens}}}
	case opCompletions:
		return completions(c, h)
	case opEmbeddings:
		return embeddings(c, h)
	case opSpeech:
		return speech(c, h)
	case opTranscription, opTranslation:
		return transcription(c, h)
	case opModerations:
		return moderations(c, h)
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

// openAIList is a page of what the caller has, the newest first.
func openAIList(c *call, h http.Header, usual, most int, all []row) answer {
	limit, ok := c.limit("limit", usual, most)
	if !ok {
		return c.refuse("limit", "Invalid 'limit': expected an integer from 1 to "+strconv.Itoa(most)+".")
	}
	if c.query.Get("order") == "asc" {
		all = reversed(all)
	}
	part, more, ok := pageOf(all, c.query.Get("after"), "", limit)
	if !ok {
		return c.refuse("after", "Invalid 'after': no object with this id.")
	}
	first, last := "", ""
	if len(part) > 0 {
		first, last = part[0].id, part[len(part)-1].id
	}
	return answer{header: h, body: object{
		{"object", "list"}, {"data", bodies(part)}, {"first_id", orNull(first)}, {"last_id", orNull(last)}, {"has_more", more},
	}}
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
