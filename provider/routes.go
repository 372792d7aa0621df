package provider

import (
	"net/http"
	"strings"
)

// A reading says what to look for in a request.
type reading uint16

const (
	bodyModel   reading = 1 << iota // JSON member, or field, model
	pathModel                       // after /models/, to the path's end
	colonModel                      // after /models/, to the last colon
	bodyAgent                       // JSON member agent, where there is no model
	bodyStream                      // JSON member, or field, stream
	formatSSE                       // JSON member stream_format is "sse"
	queryStream                     // query stream=true
	pathID                          // an object's id, after the row's path
	pathName                        // the same in Gemini, where the id has its collection before it
	bodyIDs                         // ids of objects in the body, which bodies with a model or a stream have too
	bodyURIs                        // the same in Gemini, where files have URIs

	anyBody = bodyModel | bodyAgent | bodyStream | formatSSE | bodyIDs | bodyURIs
	ask     = bodyModel | bodyStream // what most requests for generation say
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

// fileKeys returns the keys of files to look for in a body.
func (r reading) fileKeys() []memberKey {
	if r&bodyURIs != 0 {
		return fileURIKeys
	}
	return fileKeys
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
// first row that matches counts. Of realtime, only what opens the conversation
// itself is OpRealtime: the rest, such as making a client's secret, is plain JSON.
var openaiRoutes = []route{
	{post, "/chat/completions", OpChat, ask, true},
	{"", "/chat/completions/**", OpStored, pathID, false},
	{post, "/responses/compact", OpResponses, bodyModel, true},
	{post, "/responses/input_tokens", OpCountTokens, bodyModel, true},
	{post, "/responses", OpResponses, ask, true},
	{"", "/responses/**", OpStored, pathID | queryStream, false},
	{post, "/completions", OpCompletions, ask, true},
	{post, "/embeddings", OpEmbeddings, bodyModel, true},
	{post, "/images/generations", OpImages, ask, true},
	{post, "/images/edits", OpImages, ask, true}, // JSON or a form
	{post, "/images/variations", OpImages, bodyModel, true},
	{post, "/audio/speech", OpAudio, bodyModel | formatSSE, true},
	{post, "/audio/transcriptions", OpAudio, ask, true},
	{post, "/audio/translations", OpAudio, bodyModel, true},
	{post, "/moderations", OpModeration, bodyModel, true},
	{"", "/realtime", OpRealtime, 0, false},
	{"", "/realtime/**", OpStored, bodyModel, false},
	{"", "/fine_tuning/jobs/**", OpFineTuning, bodyModel | pathID, false},
	{"", "/fine_tuning/**", OpFineTuning, bodyModel, false},
	{"", "/vector_stores/**", OpStored, bodyIDs | pathID, false},
	{"", "/conversations/**", OpStored, bodyIDs | pathID, false},
	{"", "/containers/**", OpStored, bodyIDs | pathID, false},
	{"", "/batches/**", OpBatches, bodyIDs | pathID, false}, // the models are in the file
	{"", "/videos/**", OpVideos, bodyModel | pathID, false}, // JSON or a form
	{"", "/files/**", OpFiles, pathID, false},
	{"", "/uploads/**", OpFiles, pathID, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// anthropicRoutes are Anthropic's operations (ant-docs; provider-facts 4.3). The
// HEAD of /api/hello, with which a client warms up, is of no kind and repeatable.
var anthropicRoutes = []route{
	{post, "/messages/count_tokens", OpCountTokens, bodyModel, true},
	{"", "/messages/batches/**", OpBatches, bodyIDs | pathID, false}, // each of its requests has a model of its own
	{post, "/messages", OpMessages, ask, true},
	{post, "/chat/completions", OpChat, ask, true}, // the OpenAI-compatible layer
	{post, "/complete", OpCompletions, ask, true},
	{"", "/files/**", OpFiles, pathID, false},
	{"", "/skills/**", OpStored, pathID, false},
	{"", "/user_profiles/**", OpStored, pathID, false},
	{"", "/agents/**", OpStored, bodyIDs | pathID, false},
	{"", "/sessions/**", OpStored, bodyIDs | pathID, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// geminiRoutes are Gemini's operations without a method after a colon (genai;
// provider-facts 5.2).
var geminiRoutes = []route{
	{post, "/interactions", OpInteractions, ask | bodyAgent | bodyURIs, true},
	{"", "/interactions/**", OpStored, pathID | queryStream, false},
	{"", "/files/**", OpFiles, pathName, false},
	{"", "/cachedContents/**", OpStored, bodyModel | bodyURIs | pathName, false},
	{"", "/operations/**", OpStored, pathName, false},
	{"", "/batches/**", OpBatches, pathName, false},
	{"", "/ws/**", OpRealtime, 0, false}, // the Live API
	{"", "/tunedModels/**", OpModels, pathModel, false},
	{"", "/models/**", OpModels, pathModel, false},
}

// geminiMethods are Gemini's methods, which stand in the path after the last
// colon: /models/{model}:{method} (genai; provider-facts 5.2).
var geminiMethods = map[string]route{
	"generateContent":        {post, "", OpGenerate, colonModel | bodyURIs, true},
	"streamGenerateContent":  {post, "", OpGenerate, colonModel | bodyURIs, true},
	"countTokens":            {post, "", OpCountTokens, colonModel | bodyURIs, true},
	"embedContent":           {post, "", OpEmbeddings, colonModel | bodyURIs, true},
	"batchEmbedContents":     {post, "", OpEmbeddings, colonModel, true},
	"predict":                {post, "", OpImages, colonModel, true},
	"predictLongRunning":     {post, "", OpVideos, colonModel, false},
	"batchGenerateContent":   {post, "", OpBatches, colonModel | bodyURIs, false},
	"asyncBatchEmbedContent": {post, "", OpBatches, colonModel | bodyURIs, false},
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
