package sdks

import (
	"context"
	"net/http"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// AnthropicV1 are calls with anthropic-sdk-go v1: messages.
func AnthropicV1(c *http.Client, key, model string) []Call {
	client := anthropic.NewClient(option.WithHTTPClient(c), option.WithAPIKey(key))
	params := anthropic.MessageNewParams{
		Model:     model,
		MaxTokens: maxTokens,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(prompt))},
	}
	call := Call{SDK: "anthropic-sdk-go v1", Provider: "anthropic", Name: "messages"}
	plain, streamed := call, call
	plain.Do = func(ctx context.Context) (Result, error) {
		answer, err := client.Messages.New(ctx, params)
		if err != nil {
			return Result{}, err
		}
		r := Result{Input: answer.Usage.InputTokens, Output: answer.Usage.OutputTokens}
		for _, block := range answer.Content {
			r.Text += block.Text
		}
		return r, nil
	}
	streamed.Streamed = true
	streamed.Do = func(ctx context.Context) (r Result, err error) {
		stream := client.Messages.NewStreaming(ctx, params)
		defer func() { _ = stream.Close() }()
		var text strings.Builder
		for stream.Next() {
			event := stream.Current()
			text.WriteString(event.Delta.Text)
			r.Input = max(r.Input, event.Message.Usage.InputTokens)
			r.Output = max(r.Output, event.Usage.OutputTokens)
		}
		r.Text = text.String()
		return r, stream.Err()
	}
	return []Call{plain, streamed}
}
