package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
)

const prompt = "Say hello."

// goClients are the official Go SDKs.
type goClients struct{}

func (goClients) do(t *testing.T, j job) (o outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	var err error
	switch j.Client {
	case "openai":
		err = callOpenAI(ctx, j, &o)
	case "anthropic":
		err = callAnthropic(ctx, j, &o)
	case "gemini":
		err = callGemini(ctx, j, &o)
	}
	o.told(err)
	return o
}

// told notes an error as the other languages' programs do.
func (o *outcome) told(err error) {
	if err == nil {
		return
	}
	o.Error, o.Message = fmt.Sprintf("%T", err), err.Error()
	var (
		openaiErr    *openai.Error
		anthropicErr *anthropic.Error
		geminiErr    genai.APIError
	)
	switch {
	case errors.As(err, &openaiErr):
		o.Status, o.Error, o.Message = openaiErr.StatusCode, "*openai.Error", openaiErr.Message // Error() leaves it out
	case errors.As(err, &anthropicErr):
		o.Status, o.Error = anthropicErr.StatusCode, "*anthropic.Error"
	case errors.As(err, &geminiErr):
		o.Status, o.Error = geminiErr.Code, "genai.APIError"
	}
}

func callOpenAI(ctx context.Context, j job, o *outcome) error {
	client := openai.NewClient(openaioption.WithBaseURL(j.Base+"/v1"), openaioption.WithAPIKey(j.Key), openaioption.WithMaxRetries(0))
	chat := openai.ChatCompletionNewParams{Model: j.Model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)}}
	ask := responses.ResponseNewParams{Model: j.Model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(prompt)}}
	switch {
	case j.Call == "chat" && j.Stream:
		stream := client.Chat.Completions.NewStreaming(ctx, chat)
		defer func() { _ = stream.Close() }()
		for stream.Next() {
			for _, choice := range stream.Current().Choices {
				o.Text += choice.Delta.Content
			}
		}
		return stream.Err()
	case j.Call == "chat":
		answer, err := client.Chat.Completions.New(ctx, chat)
		if err != nil {
			return err
		}
		o.Text, o.Input, o.Output = answer.Choices[0].Message.Content, answer.Usage.PromptTokens, answer.Usage.CompletionTokens
	case j.Call == "responses" && j.Stream:
		stream := client.Responses.NewStreaming(ctx, ask)
		defer func() { _ = stream.Close() }()
		for stream.Next() {
			if event := stream.Current(); event.Type == "response.output_text.delta" {
				o.Text += event.Delta
			}
		}
		return stream.Err()
	case j.Call == "responses":
		answer, err := client.Responses.New(ctx, ask)
		if err != nil {
			return err
		}
		o.Text, o.Input, o.Output = answer.OutputText(), answer.Usage.InputTokens, answer.Usage.OutputTokens
	case j.Call == "embeddings":
		answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: j.Model, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String(prompt)}})
		if err != nil {
			return err
		}
		o.Text, o.Input = fmt.Sprint(len(answer.Data)), answer.Usage.PromptTokens
	case j.Call == "models":
		pages := client.Models.ListAutoPaging(ctx)
		for pages.Next() {
			o.Models = append(o.Models, pages.Current().ID)
		}
		return pages.Err()
	}
	return nil
}

func callAnthropic(ctx context.Context, j job, o *outcome) error {
	client := anthropic.NewClient(anthropicoption.WithBaseURL(j.Base), anthropicoption.WithAPIKey(j.Key), anthropicoption.WithMaxRetries(0))
	ask := anthropic.MessageNewParams{Model: j.Model, MaxTokens: 64, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(prompt))}}
	switch {
	case j.Call == "messages" && j.Stream:
		stream := client.Messages.NewStreaming(ctx, ask)
		defer func() { _ = stream.Close() }()
		for stream.Next() {
			o.Text += stream.Current().Delta.Text
		}
		return stream.Err()
	case j.Call == "messages":
		answer, err := client.Messages.New(ctx, ask)
		if err != nil {
			return err
		}
		o.Input, o.Output = answer.Usage.InputTokens, answer.Usage.OutputTokens
		for _, part := range answer.Content {
			o.Text += part.Text
		}
	case j.Call == "count":
		answer, err := client.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: j.Model, Messages: ask.Messages})
		if err != nil {
			return err
		}
		o.Input = answer.InputTokens
	case j.Call == "models":
		pages := client.Models.ListAutoPaging(ctx, anthropic.ModelListParams{})
		for pages.Next() {
			o.Models = append(o.Models, pages.Current().ID)
		}
		return pages.Err()
	}
	return nil
}

func callGemini(ctx context.Context, j job, o *outcome) error {
	client, err := genai.NewClient(ctx, &genai.ClientConfig{APIKey: j.Key, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: j.Base}})
	if err != nil {
		return err
	}
	switch {
	case j.Call == "generate" && j.Stream:
		for answer, err := range client.Models.GenerateContentStream(ctx, j.Model, genai.Text(prompt), nil) {
			if err != nil {
				return err
			}
			o.Text += answer.Text()
		}
	case j.Call == "generate":
		answer, err := client.Models.GenerateContent(ctx, j.Model, genai.Text(prompt), nil)
		if err != nil {
			return err
		}
		o.Text, o.Input, o.Output = answer.Text(), int64(answer.UsageMetadata.PromptTokenCount), int64(answer.UsageMetadata.CandidatesTokenCount)
	case j.Call == "models":
		page, err := client.Models.List(ctx, nil)
		if err != nil {
			return err
		}
		for _, model := range page.Items {
			o.Models = append(o.Models, strings.TrimPrefix(model.Name, "models/"))
		}
	}
	return nil
}
