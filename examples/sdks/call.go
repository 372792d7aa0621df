package sdks

import (
	"context"
	"net/http"
)

// Call is one call with one SDK, ready to be made, as often as one likes.
type Call struct {
	SDK      string // openai-go, anthropic-sdk-go v1, anthropic-sdk-go v2, genai
	Provider string // openai, anthropic, gemini
	Name     string // what is called, as people name it
	Streamed bool
	Do       func(context.Context) (Result, error)
}

// Result is what an SDK made of the answer.
type Result struct {
	Text          string
	Input, Output int64 // tokens
}

// Models are the models that the calls ask for.
type Models struct{ OpenAI, Anthropic, Gemini string }

// prompt is short, and so is what it asks for: the calls can be made for real.
const (
	prompt    = "Say hello in three words."
	maxTokens = 64
)

// All are the calls of all SDKs over one client. The key is what the SDKs are
// given; behind a balancer it is removed again and may be anything.
func All(client *http.Client, key string, m Models) []Call {
	calls := OpenAI(client, key, m.OpenAI)
	calls = append(calls, AnthropicV1(client, key, m.Anthropic)...)
	calls = append(calls, AnthropicV2(client, key, m.Anthropic)...)
	return append(calls, Gemini(client, key, m.Gemini)...)
}
