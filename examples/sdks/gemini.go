package sdks

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/genai"
)

// Gemini are calls with genai: generateContent.
func Gemini(c *http.Client, key, model string) []Call {
	config := &genai.GenerateContentConfig{MaxOutputTokens: maxTokens}
	connect := func(ctx context.Context) (*genai.Client, error) {
		return genai.NewClient(ctx, &genai.ClientConfig{APIKey: key, Backend: genai.BackendGeminiAPI, HTTPClient: c})
	}
	call := Call{SDK: "genai", Provider: "gemini", Name: "generateContent"}
	plain, streamed := call, call
	plain.Do = func(ctx context.Context) (Result, error) {
		client, err := connect(ctx)
		if err != nil {
			return Result{}, err
		}
		answer, err := client.Models.GenerateContent(ctx, model, genai.Text(prompt), config)
		if err != nil {
			return Result{}, err
		}
		r := Result{Text: answer.Text()}
		r.count(answer.UsageMetadata)
		return r, nil
	}
	streamed.Streamed = true
	streamed.Do = func(ctx context.Context) (r Result, err error) {
		client, err := connect(ctx)
		if err != nil {
			return r, err
		}
		var text strings.Builder
		for chunk, err := range client.Models.GenerateContentStream(ctx, model, genai.Text(prompt), config) {
			if err != nil {
				return r, err
			}
			text.WriteString(chunk.Text())
			r.count(chunk.UsageMetadata)
		}
		r.Text = text.String()
		return r, nil
	}
	return []Call{plain, streamed}
}

// count takes over cumulative usage.
func (r *Result) count(u *genai.GenerateContentResponseUsageMetadata) {
	if u != nil {
		r.Input = int64(u.PromptTokenCount)
		r.Output = int64(u.CandidatesTokenCount) + int64(u.ThoughtsTokenCount)
	}
}
