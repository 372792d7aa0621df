package dialect

import (
	"net/http"
	"strings"
)

// API is whose words are spoken.
type API uint8

// The APIs. Errors for an Unknown one are told as OpenAI tells them.
const (
	Unknown API = iota
	OpenAI
	Anthropic
	Gemini
)

var apiNames = [...]string{Unknown: "unknown", OpenAI: "openai", Anthropic: "anthropic", Gemini: "gemini"}

// String is openai, anthropic, gemini or unknown, as provider.API.Name says it.
func (a API) String() string {
	if int(a) < len(apiNames) {
		return apiNames[a]
	}
	return apiNames[Unknown]
}

// named is the API that a path's segment names.
func named(segment string) API {
	switch segment {
	case "openai":
		return OpenAI
	case "anthropic":
		return Anthropic
	case "gemini":
		return Gemini
	}
	return Unknown
}

// Guess is the API that the client most likely speaks, whatever it asks for: by its
// headers first, since paths may be wrong.
func Guess(r *http.Request) API {
	switch {
	case saysAnthropic(r.Header):
		return Anthropic
	case saysGemini(r.Header):
		return Gemini
	case r.URL == nil:
		return OpenAI
	}
	path := r.URL.Path
	switch {
	case strings.Contains(path, "/v1beta/openai"), strings.HasPrefix(path, "/openai/"):
		return OpenAI
	case strings.Contains(path, "/v1beta"), strings.Contains(path, "/v1alpha"), strings.HasPrefix(path, "/gemini/"):
		return Gemini
	case strings.Contains(path, "/v1/messages"), strings.HasPrefix(path, "/anthropic/"), strings.HasSuffix(path, "/api/hello"):
		return Anthropic
	}
	return OpenAI
}

// saysAnthropic tells whether headers are those of Anthropic's clients.
func saysAnthropic(h http.Header) bool {
	return len(h["Anthropic-Version"]) > 0 || len(h["X-Api-Key"]) > 0 || len(h["Anthropic-Beta"]) > 0
}

// saysGemini tells whether headers are those of Gemini's clients.
func saysGemini(h http.Header) bool {
	return len(h["X-Goog-Api-Key"]) > 0 || len(h["X-Goog-Api-Client"]) > 0
}
