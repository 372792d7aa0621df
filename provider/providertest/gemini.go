package providertest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// gemini speaks as generativelanguage.googleapis.com does.
type gemini struct{}

const (
	methodStream = "streamGenerateContent"
	jsonUTF8     = "application/json; charset=UTF-8"
	googleToken  = "ya29." // how OAuth tokens begin
	uploadPath   = "/upload/v1beta/files"
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

// geminiEndpoints are what Gemini serves below /v1beta and /v1, besides the
// methods of its models (provider-facts 5.2).
var geminiEndpoints = []endpoint{
	{get, "/models", opModels},
	{get, "/files", opFiles},
	{get, "/files/{id}:download", opFileContent},
	{get, "/files/{id}", opFile},
	{remove, "/files/{id}", opFileDelete},
	{post, "/cachedContents", opCacheCreate},
	{get, "/cachedContents", opCaches},
	{get, "/cachedContents/{id}", opCache},
	{remove, "/cachedContents/{id}", opCacheDelete},
}

// geminiMethods are what its models do, which stands after the last colon.
var geminiMethods = map[string]operation{
	"generateContent":    opGenerate,
	methodStream:         opGenerate,
	"countTokens":        opCountTokens,
	"embedContent":       opEmbeddings,
	"batchEmbedContents": opEmbedMany,
}

func (gemini) route(c *call) (operation, string) {
	if c.path == uploadPath {
		if c.query.Get("upload_id") != "" {
			return opFileChunk, post
		}
		return opFileCreate, post
	}
	if compatible(c) {
		return compatibleRoute(c)
	}
	rest, ok := strings.CutPrefix(c.path, "/v1beta")
	if !ok {
		rest, ok = strings.CutPrefix(c.path, "/v1")
	}
	if !ok {
		return opUnknown, ""
	}
	if model, below := strings.CutPrefix(rest, "/models/"); below && model != "" {
		return modelMethod(c, model)
	}
	return c.find(geminiEndpoints, rest)
}

// modelMethod takes the model out of the path: up to the last colon, for
// models may have colons of their own.
func modelMethod(c *call, model string) (operation, string) {
	colon := strings.LastIndexByte(model, ':')
	if colon < 0 {
		c.model = model
		return opModel, get
	}
	c.model = model[:colon]
	c.stream = model[colon+1:] == methodStream
	op := geminiMethods[model[colon+1:]]
	if op == opUnknown {
		return opUnknown, ""
	}
	return op, post
}

func (gemini) inspect(c *call) {
	if compatible(c) {
		compatibleInspect(c)
		return
	}
	if c.op != opFileChunk && len(c.body) > 0 && !c.decode() { // no body is an empty message
		c.problem = kindBrokenBody
	}
	switch c.op {
	case opCacheCreate:
		c.model = strings.TrimPrefix(c.model, "models/")
		c.checkModel()
	case opGenerate, opCountTokens, opEmbeddings, opEmbedMany, opModel:
		c.checkModel()
	}
}

func (gemini) answer(c *call) answer {
	h := http.Header{"Content-Type": {jsonUTF8}, "Vary": {"Origin", "X-Origin", "Referer"}}
	if compatible(c) {
		return compatibleAnswer(c, h)
	}
	switch family, _, _ := strings.Cut(string(c.op), "."); family {
	case "files":
		return geminiFiles(c, h)
	case "caches":
		return geminiCaches(c, h)
	}
	switch c.op {
	case opGenerate:
		return generate(c, h)
	case opCountTokens:
		return answer{header: h, body: object{{"totalTokens", c.InputTokens}, {"promptTokensDetails", modality(c.InputTokens)}}}
	case opEmbeddings:
		return answer{header: h, body: object{{"embedding", geminiVector(c.count("outputDimensionality", 0, 0, maxDimensions))}}}
	case opEmbedMany:
		return embedMany(c, h)
	case opModel:
		return answer{header: h, body: geminiModel(c.model)}
	default:
		var all []row
		for _, m := range c.catalogue(geminiModels...) {
			all = append(all, row{m, geminiModel(m)})
		}
		return geminiList(c, h, "models", 50, 1000, all)
	}
}

var geminiModels = []string{"gemini-3.6-flash", "gemini-3-pro"}

// geminiList is a page of a list; the token for the next one is opaque.
func geminiList(c *call, h http.Header, name string, usual, most int, all []row) answer {
	limit, ok := c.limit("pageSize", usual, most)
	if !ok {
		return c.refuse("", "page_size must be between 1 and "+strconv.Itoa(most))
	}
	after, err := base64.RawURLEncoding.DecodeString(c.query.Get("pageToken"))
	part, more, ok := pageOf(all, string(after), "", limit)
	if err != nil || !ok {
		return c.refuse("", "Invalid page token.")
	}
	body := object{}
	if len(part) > 0 {
		body = append(body, member{name, bodies(part)})
	}
	if more {
		next := base64.RawURLEncoding.EncodeToString([]byte(part[len(part)-1].id))
		body = append(body, member{"nextPageToken", next})
	}
	return answer{header: h, body: body}
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
