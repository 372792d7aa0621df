package provider

import (
	"net/http"
	"strings"
)

// A reading says what to look for in a request.
type reading uint8

const (
	bodyModel   reading = 1 << iota // JSON member model
	pathModel                       // after /models/, to the path's end
	colonModel                      // after /models/, to the last colon
	bodyStream                      // JSON member stream
	formatSSE                       // JSON member stream_format is "sse"
	queryStream                     // query stream=true
)

// place returns where in the path r looks for the model.
func (r reading) place() place {
	switch {
	case r&colonModel != 0:
		return beforeColon
	case r&pathModel != 0:
		return inPath
	}
	return nowhere
}

// A route is one row of an API's table of operations.
type route struct {
	method     string // "": any
	path       string // the path's end; with ** at its end: a part of the path, and whatever follows it
	kind       OperationKind
	read       reading
	repeatable bool // besides GET and HEAD, which always are
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// openaiRoutes are OpenAI's operations (oai-spec; provider-facts 3.2). The
// first row that matches counts.
var openaiRoutes = []route{
	{post, "/chat/completions", OpChat, bodyModel | bodyStream, true},
	{"", "/chat/completions/**", OpStored, 0, false},
	{post, "/responses/compact", OpResponses, bodyModel, true},
	{post, "/responses/input_tokens", OpCountTokens, bodyModel, true},
	{post, "/responses", OpResponses, bodyModel | bodyStream, true},
	{"", "/responses/**", OpStored, queryStream, false},
	{post, "/completions", OpCompletions, bodyModel | bodyStream, true},
	{post, "/embeddings", OpEmbeddings, bodyModel, true},
	{post, "/images/generations", OpImages, bodyModel | bodyStream, true},
	{post, "/images/edits", OpImages, bodyModel | bodyStream, true},
	{post, "/images/variations", OpImages, bodyModel, true},
	{post, "/audio/speech", OpAudio, bodyModel | formatSSE, true},
	{post, "/audio/transcriptions", OpAudio, bodyModel | bodyStream, true},
	{post, "/audio/translations", OpAudio, bodyModel, true},
	{post, "/moderations", OpModeration, bodyModel, true},
	{"", "/fine_tuning/**", OpFineTuning, bodyModel, false},
	{"", "/vector_stores/**", OpStored, 0, false},
	{"", "/conversations/**", OpStored, 0, false},
	{"", "/containers/**", OpStored, 0, false},
	{"", "/batches/**", OpBatches, 0, false},
	{"", "/videos/**", OpVideos, bodyModel, false},
	{"", "/files/**", OpFiles, 0, false},
	{"", "/uploads/**", OpFiles, 0, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// anthropicRoutes are Anthropic's operations (ant-docs; provider-facts 4.3).
var anthropicRoutes = []route{
	{post, "/messages/count_tokens", OpCountTokens, bodyModel, true},
	{"", "/messages/batches/**", OpBatches, 0, false},
	{post, "/messages", OpMessages, bodyModel | bodyStream, true},
	{post, "/chat/completions", OpChat, bodyModel | bodyStream, true}, // the OpenAI-compatible layer
	{post, "/complete", OpCompletions, bodyModel | bodyStream, true},
	{"", "/files/**", OpFiles, 0, false},
	{"", "/skills/**", OpStored, 0, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// geminiRoutes are Gemini's operations without a method after a colon (genai;
// provider-facts 5.2).
var geminiRoutes = []route{
	{"", "/files/**", OpFiles, 0, false},
	{"", "/cachedContents/**", OpStored, bodyModel, false},
	{"", "/operations/**", OpStored, 0, false},
	{"", "/batches/**", OpBatches, 0, false},
	{"", "/tunedModels/**", OpModels, pathModel, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// geminiMethods are Gemini's methods, which stand in the path after the last
// colon: /models/{model}:{method} (genai; provider-facts 5.2).
var geminiMethods = map[string]route{
	"generateContent":        {post, "", OpGenerate, colonModel, true},
	"streamGenerateContent":  {post, "", OpGenerate, colonModel, true},
	"countTokens":            {post, "", OpCountTokens, colonModel, true},
	"embedContent":           {post, "", OpEmbeddings, colonModel, true},
	"batchEmbedContents":     {post, "", OpEmbeddings, colonModel, true},
	"predict":                {post, "", OpImages, colonModel, true},
	"predictLongRunning":     {post, "", OpVideos, colonModel, false},
	"batchGenerateContent":   {post, "", OpBatches, colonModel, false},
	"asyncBatchEmbedContent": {post, "", OpBatches, colonModel, false},
}

// findRoute returns the first row that r's method and path match.
func findRoute(routes []route, method, path string) (route, bool) {
	if method == http.MethodHead {
		method = get
	}
	if method == "" {
		method = get // as in http.Request
	}
	path = strings.TrimRight(path, "/")
	for _, row := range routes {
		if (row.method == "" || row.method == method) && matchPath(row.path, path) {
			return row, true
		}
	}
	return route{}, false
}

// matchPath reports whether path ends as pattern says, or, for a pattern with
// ** at its end, contains it on segment boundaries.
func matchPath(pattern, path string) bool {
	family, ok := strings.CutSuffix(pattern, "/**")
	if !ok {
		return strings.HasSuffix(path, pattern)
	}
	for from := 0; ; {
		i := strings.Index(path[from:], family)
		if i < 0 {
			return false
		}
		end := from + i + len(family)
		if end == len(path) || path[end] == '/' {
			return true
		}
		from = end
	}
}
