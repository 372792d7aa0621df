package sdks

import (
	"context"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// OpenAI are calls with openai-go: chat completions and responses.
func OpenAI(c *http.Client, key, model string) []Call {
	client := openai.NewClient(option.WithHTTPClient(c), option.WithAPIKey(key))
	chat := openai.ChatCompletionNewParams{
		Model:               model,
		Messages:            []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
		MaxCompletionTokens: openai.Int(maxTokens),
	}
	response := responses.ResponseNewParams{
		Model:           model,
		Input:           responses.ResponseNewParamsInputUnion{OfString: openai.String(prompt)},
		MaxOutputTokens: openai.Int(maxTokens),
	}
	call := func(name string, streamed bool, do func(context.Context) (Result, error)) Call {
		return Call{SDK: "openai-go", Provider: "openai", Name: name, Streamed: streamed, Do: do}
	}
	return []Call{
		call("chat", false, func(ctx context.Context) (Result, error) {
			answer, err := client.Chat.Completions.New(ctx, chat)
			if err != nil {
				return Result{}, err
			}
			return Result{answer.Choices[0].Message.Content, answer.Usage.PromptTokens, answer.Usage.CompletionTokens}, nil
		}),
		call("chat", true, func(ctx context.Context) (Result, error) { return streamChat(ctx, &client, chat) }),
		call("responses", false, func(ctx context.Context) (Result, error) {
			answer, err := client.Responses.New(ctx, response)
			if err != nil {
				return Result{}, err
			}
			return Result{answer.OutputText(), answer.Usage.InputTokens, answer.Usage.OutputTokens}, nil
		}),
		call("responses", true, func(ctx context.Context) (Result, error) { return streamResponse(ctx, &client, response) }),
	}
}

func streamChat(ctx context.Context, client *openai.Client, p openai.ChatCompletionNewParams) (r Result, err error) {
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(ctx, p)
	defer func() { _ = stream.Close() }()
	var text strings.Builder
	for stream.Next() {
		chunk := stream.Current()
		for _, choice := range chunk.Choices {
			text.WriteString(choice.Delta.Content)
		}
		r.Input, r.Output = max(r.Input, chunk.Usage.PromptTokens), max(r.Output, chunk.Usage.CompletionTokens)
	}
	r.Text = text.String()
	return r, stream.Err()
}

func streamResponse(ctx context.Context, client *openai.Client, p responses.ResponseNewParams) (r Result, err error) {
	stream := client.Responses.NewStreaming(ctx, p)
	defer func() { _ = stream.Close() }()
	var text strings.Builder
	for stream.Next() {
		switch event := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			text.WriteString(event.Delta)
		case responses.ResponseCompletedEvent:
			r.Input, r.Output = event.Response.Usage.InputTokens, event.Response.Usage.OutputTokens
		}
	}
	r.Text = text.String()
	return r, stream.Err()
}
