package sdks_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestAnthropicSDKv1 makes every call of anthropic-sdk-go v1 that the fake serves.
func TestAnthropicSDKv1(t *testing.T) {
	runOperations(t, provider.Anthropic, "", providertest.Anthropic, anthropicV1Operations)
}

// TestAnthropicSDKv1OddStreams makes the streamed ones with streams that are written oddly.
func TestAnthropicSDKv1OddStreams(t *testing.T) {
	runOddities(t, provider.Anthropic, providertest.Anthropic, anthropicV1Operations)
}

func anthropicV1Operations(c *http.Client) []operation {
	s := anthropicV1{anthropic.NewClient(option.WithHTTPClient(c), option.WithAPIKey("the caller's"), option.WithMaxRetries(0))}
	return []operation{
		{"messages", s.message, full}, {"messages, streamed", s.stream, full}, {"count tokens", s.count, none},
		{"models", s.models, none}, {"files", s.files, none}, {"batches", s.batches, none},
	}
}

type anthropicV1 struct{ anthropic.Client }

// tokens has the cached ones within the input, as everybody else has them.
func (anthropicV1) tokens(u anthropic.Usage) tokens {
	return tokens{
		Input:  u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens,
		Cached: u.CacheReadInputTokens, Written: u.CacheCreationInputTokens,
		Output: u.OutputTokens, Reasoning: u.OutputTokensDetails.ThinkingTokens,
	}
}

func (anthropicV1) params() anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: models.Anthropic, MaxTokens: 64,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
	}
}

func (s anthropicV1) message(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Messages.New(ctx, s.params())
	require.NoError(t, err)
	assert.Equal(t, text, answer.Content[0].Text)
	return s.tokens(answer.Usage)
}

func (s anthropicV1) stream(ctx context.Context, t *testing.T) tokens {
	stream := s.Messages.NewStreaming(ctx, s.params())
	defer func() { _ = stream.Close() }()
	var all anthropic.Message
	for stream.Next() {
		require.NoError(t, all.Accumulate(stream.Current()))
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, all.Content[0].Text)
	return s.tokens(all.Usage)
}

func (s anthropicV1) count(ctx context.Context, t *testing.T) tokens {
	count, err := s.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: models.Anthropic, Messages: s.params().Messages})
	require.NoError(t, err)
	assert.EqualValues(t, input, count.InputTokens)
	return none // counting is free
}

func (s anthropicV1) models(ctx context.Context, t *testing.T) tokens {
	page, err := s.Models.List(ctx, anthropic.ModelListParams{})
	require.NoError(t, err)
	require.NotEmpty(t, page.Data)
	model, err := s.Models.Get(ctx, page.Data[0].ID, anthropic.ModelGetParams{})
	require.NoError(t, err)
	assert.Equal(t, page.Data[0].ID, model.ID)
	return none
}

func (s anthropicV1) files(ctx context.Context, t *testing.T) tokens {
	file, err := s.Files.Upload(ctx, anthropic.FileUploadParams{File: anthropic.File(strings.NewReader(content), "file.txt", "text/plain")})
	require.NoError(t, err)
	got, err := s.Files.GetMetadata(ctx, file.ID, anthropic.FileGetMetadataParams{})
	require.NoError(t, err)
	assert.Equal(t, "file.txt", got.Filename)
	assert.EqualValues(t, len(content), got.SizeBytes)
	page, err := s.Files.List(ctx, anthropic.FileListParams{})
	require.NoError(t, err)
	assert.NotEmpty(t, page.Data)
	body, err := s.Files.Download(ctx, file.ID, anthropic.FileDownloadParams{})
	require.NoError(t, err)
	all, err := io.ReadAll(body.Body)
	require.NoError(t, err)
	require.NoError(t, body.Body.Close())
	assert.Equal(t, content, string(all))
	_, err = s.Files.Delete(ctx, file.ID, anthropic.FileDeleteParams{})
	require.NoError(t, err)
	return none
}

func (s anthropicV1) batches(ctx context.Context, t *testing.T) tokens {
	batch, err := s.Messages.Batches.New(ctx, anthropic.MessageBatchNewParams{Requests: []anthropic.MessageBatchNewParamsRequest{{
		CustomID: "one",
		Params:   anthropic.MessageBatchNewParamsRequestParams{Model: models.Anthropic, MaxTokens: 64, Messages: s.params().Messages},
	}}})
	require.NoError(t, err)
	batch, err = s.Messages.Batches.Get(ctx, batch.ID, anthropic.MessageBatchGetParams{})
	require.NoError(t, err)
	assert.Equal(t, anthropic.MessageBatchProcessingStatusEnded, batch.ProcessingStatus)
	page, err := s.Messages.Batches.List(ctx, anthropic.MessageBatchListParams{})
	require.NoError(t, err)
	assert.NotEmpty(t, page.Data)
	results := s.Messages.Batches.ResultsStreaming(ctx, batch.ID, anthropic.MessageBatchResultsParams{})
	defer func() { _ = results.Close() }()
	require.True(t, results.Next(), results.Err())
	assert.Equal(t, "one", results.Current().CustomID)
	assert.Equal(t, full, s.tokens(results.Current().Result.Message.Usage), "what the batch used stands in its results")
	assert.False(t, results.Next())
	require.NoError(t, results.Err())
	return none
}
