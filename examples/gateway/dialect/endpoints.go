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
	methods string // GET stands for HEAD too
	body    Body   // of POST, PUT and PATCH
	local   Local
}

// openaiEndpoints is what of OpenAI's API is served; the first row that matches counts.
// Its administration (organization, projects) is not, whatever an account's key may do.
var openaiEndpoints = []endpoint{
	{"chat/completions", "GET, POST", BodyJSON, LocalNone},
	{"chat/completions/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"responses", "POST", BodyJSON, LocalNone},
	{"responses/compact", "POST", BodyJSON, LocalNone},
	{"responses/input_tokens", "POST", BodyJSON, LocalNone},
	{"responses/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"completions", "POST", BodyJSON, LocalNone},
	{"embeddings", "POST", BodyJSON, LocalNone},
	{"moderations", "POST", BodyJSON, LocalNone},
	{"images/generations", "POST", BodyJSON, LocalNone},
	{"images/edits", "POST", BodyAny, LocalNone},
	{"images/variations", "POST", BodyAny, LocalNone},
	{"audio/speech", "POST", BodyJSON, LocalNone},
	{"audio/transcriptions", "POST", BodyAny, LocalNone},
	{"audio/translations", "POST", BodyAny, LocalNone},
	{"models", "GET", BodyNone, LocalModels},
	{"models/**", "GET", BodyNone, LocalModel},
	{"files/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"uploads/**", "POST", BodyAny, LocalNone},
	{"videos/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"batches/**", "GET, POST", BodyJSON, LocalNone},
	{"fine_tuning/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"vector_stores/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"conversations/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"containers/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"assistants/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"threads/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"evals/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"skills/**", "GET, POST, DELETE", BodyAny, LocalNone},
}

// bareOpenAI are the first segments that are OpenAI's without a version before them.
var bareOpenAI = map[string]bool{"responses": true, "chat": true, "embeddings": true, "models": true}

// anthropicEndpoints is what of Anthropic's API is served.
var anthropicEndpoints = []endpoint{
	{"messages", "POST", BodyJSON, LocalNone},
	{"messages/count_tokens", "POST", BodyJSON, LocalNone},
	{"messages/batches/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"complete", "POST", BodyJSON, LocalNone},
	{"models", "GET", BodyNone, LocalModels},
	{"models/**", "GET", BodyNone, LocalModel},
	{"files/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"skills/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"user_profiles/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"agents/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"sessions/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"chat/completions", "POST", BodyJSON, LocalNone}, // the OpenAI-compatible layer, under /anthropic
}

// onlyAnthropic are first segments after /v1 that nobody else has.
var onlyAnthropic = map[string]bool{"messages": true, "complete": true, "user_profiles": true, "agents": true, "sessions": true}

// geminiEndpoints is what of Gemini's API is served, beside the methods after a colon.
var geminiEndpoints = []endpoint{
	{"models", "GET", BodyNone, LocalModels},
	{"models/**", "GET", BodyNone, LocalModel},
	{"tunedModels/**", "GET", BodyNone, LocalNone},
	{"files/**", "GET, POST, DELETE", BodyAny, LocalNone},
	{"cachedContents/**", "GET, POST, PATCH, DELETE", BodyJSON, LocalNone},
	{"operations/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"batches/**", "GET, POST, DELETE", BodyJSON, LocalNone},
	{"interactions/**", "GET, POST, DELETE", BodyJSON, LocalNone},
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
