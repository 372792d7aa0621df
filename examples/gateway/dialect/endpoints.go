package dialect

import "strings"

// Body is what a request's body has to be.
type Body uint8

// The kinds of body.
const (
	BodyNone     Body = iota // there is none to read
	BodyJSON                 // one JSON object
	BodyOptional             // one JSON object, or nothing
	BodyAny                  // JSON, or a form or file, as its Content-Type says
)

// endpoint is one row of an API's table.
type endpoint struct {
	path    string // below the version; with ** at its end: that, and whatever follows
	methods string // as the header Allow says them
	body    Body   // of POST, PUT and PATCH
	local   Local
}

// openaiEndpoints is what of OpenAI's API is served; the first row that matches counts.
// Its administration (organization, projects) is not, whatever an account's key may do.
var openaiEndpoints = []endpoint{
	{"chat/completions", "GET, HEAD, POST, OPTIONS", BodyJSON, LocalNone},
	{"chat/completions/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"responses", "POST, OPTIONS", BodyJSON, LocalNone},
	{"responses/compact", "POST, OPTIONS", BodyJSON, LocalNone},
	{"responses/input_tokens", "POST, OPTIONS", BodyJSON, LocalNone},
	{"responses/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"completions", "POST, OPTIONS", BodyJSON, LocalNone},
	{"embeddings", "POST, OPTIONS", BodyJSON, LocalNone},
	{"moderations", "POST, OPTIONS", BodyJSON, LocalNone},
	{"images/generations", "POST, OPTIONS", BodyJSON, LocalNone},
	{"images/edits", "POST, OPTIONS", BodyAny, LocalNone},
	{"images/variations", "POST, OPTIONS", BodyAny, LocalNone},
	{"audio/speech", "POST, OPTIONS", BodyJSON, LocalNone},
	{"audio/transcriptions", "POST, OPTIONS", BodyAny, LocalNone},
	{"audio/translations", "POST, OPTIONS", BodyAny, LocalNone},
	{"models", "GET, HEAD, OPTIONS", BodyNone, LocalModels},
	{"models/**", "GET, HEAD, OPTIONS", BodyNone, LocalModel},
	{"files/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"uploads/**", "POST, OPTIONS", BodyAny, LocalNone},
	{"videos/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"batches/**", "GET, HEAD, POST, OPTIONS", BodyJSON, LocalNone},
	{"fine_tuning/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"vector_stores/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"conversations/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"containers/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"assistants/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"threads/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"evals/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"skills/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
}

// bareOpenAI are the first segments that are OpenAI's without a version before them.
var bareOpenAI = map[string]bool{"responses": true, "chat": true, "embeddings": true, "models": true}

// anthropicEndpoints is what of Anthropic's API is served.
var anthropicEndpoints = []endpoint{
	{"messages", "POST, OPTIONS", BodyJSON, LocalNone},
	{"messages/count_tokens", "POST, OPTIONS", BodyJSON, LocalNone},
	{"messages/batches/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"complete", "POST, OPTIONS", BodyJSON, LocalNone},
	{"models", "GET, HEAD, OPTIONS", BodyNone, LocalModels},
	{"models/**", "GET, HEAD, OPTIONS", BodyNone, LocalModel},
	{"files/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"skills/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"user_profiles/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"agents/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"sessions/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"chat/completions", "POST, OPTIONS", BodyJSON, LocalNone}, // the OpenAI-compatible layer, under /anthropic
}

// onlyAnthropic are first segments after /v1 that nobody else has.
var onlyAnthropic = map[string]bool{"messages": true, "complete": true, "user_profiles": true, "agents": true, "sessions": true}

// geminiEndpoints is what of Gemini's API is served, beside the methods after a colon.
var geminiEndpoints = []endpoint{
	{"models", "GET, HEAD, OPTIONS", BodyNone, LocalModels},
	{"models/**", "GET, HEAD, OPTIONS", BodyNone, LocalModel},
	{"tunedModels/**", "GET, HEAD, OPTIONS", BodyNone, LocalNone},
	{"files/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyAny, LocalNone},
	{"cachedContents/**", "GET, HEAD, POST, PATCH, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"operations/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"batches/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
	{"interactions/**", "GET, HEAD, POST, DELETE, OPTIONS", BodyJSON, LocalNone},
}

// geminiMethods are the methods after the last colon of a model's path; all are sent by
// POST, with JSON.
var geminiMethods = map[string]bool{
	"generateContent": true, "streamGenerateContent": true, "countTokens": true, "embedContent": true,
	"batchEmbedContents": true, "predict": true, "predictLongRunning": true, "batchGenerateContent": true,
	"asyncBatchEmbedContent": true, "generateAnswer": true,
}

// geminiMethod is the method that a path ends with; "": it has none.
func geminiMethod(parts []string) string {
	if len(parts) < 2 || parts[0] != "models" && parts[0] != "tunedModels" {
		return ""
	}
	last := parts[len(parts)-1]
	if i := strings.LastIndexByte(last, ':'); i > 0 && geminiMethods[last[i+1:]] {
		return last[i+1:]
	}
	return ""
}

// find is the first row that the path matches.
func find(rows []endpoint, path string) (endpoint, bool) {
	for _, row := range rows {
		family, open := strings.CutSuffix(row.path, "/**")
		rest, ok := strings.CutPrefix(path, family)
		if ok && (rest == "" || open && rest[0] == '/') {
			return row, true
		}
	}
	return endpoint{}, false
}
