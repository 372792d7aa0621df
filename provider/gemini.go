package provider

import (
	"net/http"
	"strings"
)

const (
	geminiBase = "https://generativelanguage.googleapis.com"

	// googleOAuthPrefix begins Google's access tokens (provider-facts 5.1).
	googleOAuthPrefix = "ya29."
)

// Gemini is the Gemini API at its official base,
// https://generativelanguage.googleapis.com, whose paths start with /v1beta or
// /v1, with the key in x-goog-api-key (genai). A token that begins with ya29. is
// one of OAuth and goes as a bearer token; for others, set Authorize to
// [BearerAuth]. Below /v1beta/openai/ it speaks OpenAI's protocol, and takes the
// key as a bearer token (seen).
var Gemini = &Provider{
	Name:    "gemini",
	BaseURL: geminiBase,
	parsed:  officialBase(geminiBase),
	Source:  "genai 1.77, ai.google.dev; provider-facts 5",
	API: &API{
		Name:     "gemini",
		Match:    matchBelow(geminiBase),
		Describe: describeGemini,
		Classify: geminiProtocol.classify,
		NewMeter: geminiMeter,
		Authorize: func(r *http.Request, token string) error {
			if strings.HasPrefix(token, googleOAuthPrefix) || r.URL != nil && geminiCompatible(r.URL.Path) {
				return bearer(r, token)
			}
			return setCredential(r, "X-Goog-Api-Key", "", token)
		},
	},
}

// geminiOpenAIProtocol reads as OpenAI does and errs as Gemini does.
var geminiOpenAIProtocol = openaiProtocol.but(func(pr *protocol) {
	pr.rules, pr.texts, pr.reset = geminiProtocol.rules, geminiProtocol.texts, geminiProtocol.reset
})

// geminiOpenAI is the OpenAI-compatible part of the Gemini API as a place of its
// own, for callers who speak OpenAI's protocol.
var geminiOpenAI = speaks(OpenAI.API, geminiOpenAIProtocol, Provider{
	Name: "gemini-openai", BaseURL: geminiBase + "/v1beta/openai", Authorize: bearer,
	Operations: []OperationKind{OpChat, OpEmbeddings, OpImages, OpModels},
	Source:     "provider-facts 5.2, 5.4, 9.1 [D]",
})

// geminiCompatible reports whether path is of Gemini's OpenAI-compatible part.
func geminiCompatible(path string) bool {
	return strings.Contains(path, "/v1beta/openai/") || strings.Contains(path, "/v1/openai/")
}

func describeGemini(r *http.Request, body []byte) Operation {
	if geminiCompatible(r.URL.Path) {
		op := describe("gemini", openaiRoutes, r, body)
		op.Model = strings.TrimPrefix(op.Model, "models/")
		return op
	}
	if seg, ok := modelSegment(r.URL, beforeColon); ok && r.Method == post {
		row, known := geminiMethods[seg.method]
		if !known {
			row = route{read: colonModel}
		}
		op := row.describe("gemini", r, body)
		op.Stream = seg.method == "streamGenerateContent"
		return op
	}
	op := describe("gemini", geminiRoutes, r, body)
	op.Model = strings.TrimPrefix(op.Model, "models/")
	if op.Kind == OpFiles {
		op.addObject(queryUpload(r.URL))
	}
	return op
}

// geminiMeter counts the OpenAI-compatible part as OpenAI does. Of the kinds,
// only that part has chat; for the others the path is not known here, and the
// reader takes either form.
func geminiMeter(op Operation, h http.Header) Meter {
	if op.Kind == OpChat || op.Kind == OpResponses || op.Kind == OpCompletions {
		return geminiOpenAIProtocol.newMeter(op, h)
	}
	return geminiProtocol.newMeter(op, h)
}
