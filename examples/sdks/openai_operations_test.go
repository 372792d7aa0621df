package sdks_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestOpenAISDK makes every call of openai-go that the fake serves.
func TestOpenAISDK(t *testing.T) {
	runOperations(t, provider.OpenAI, "/v1", providertest.OpenAI, openAIOperations)
}

// TestOpenAISDKOddStreams makes the streamed ones with streams that are written oddly.
func TestOpenAISDKOddStreams(t *testing.T) {
	runOddities(t, provider.OpenAI, providertest.OpenAI, openAIOperations)
}

func openAIOperations(c *http.Client) []operation {
	s := openAISDK{openai.NewClient(option.WithHTTPClient(c), option.WithAPIKey("the caller's"), option.WithMaxRetries(0))}
	return []operation{
		{"chat", s.chat, full}, {"chat, streamed", s.chatStream, full},
		{"responses", s.response, full}, {"responses, streamed", s.responseStream, full},
		{"responses, stored", s.storedResponse, full}, {"responses, counted", s.countResponse, none},
		{"completions", s.completion, full}, {"completions, streamed", s.completionStream, full},
		{"embeddings", s.embedding, asked}, {"moderations", s.moderation, none},
		{"images", s.image, both}, {"images, streamed", s.imageStream, both},
		{"image edits", s.imageEdit, both}, {"image edits, streamed", s.imageEditStream, both},
		{"speech", s.speech, none}, {"transcription", s.transcription, both},
		{"transcription, streamed", s.transcriptionStream, both}, {"transcription, by the second", s.whisper, none},
		{"translation", s.translation, none},
		{"models", s.models, none}, {"files", s.files, none}, {"batches", s.batches, none}, {"fine-tuning", s.tuning, none},
	}
}

type openAISDK struct{ openai.Client }

func chatTokens(u openai.CompletionUsage) tokens {
	return tokens{
		Input: u.PromptTokens, Cached: u.PromptTokensDetails.CachedTokens, Written: u.PromptTokensDetails.CacheWriteTokens,
		Output: u.CompletionTokens, Reasoning: u.CompletionTokensDetails.ReasoningTokens,
	}
}

func responseTokens(u responses.ResponseUsage) tokens {
	return tokens{
		Input: u.InputTokens, Cached: u.InputTokensDetails.CachedTokens, Written: u.InputTokensDetails.CacheWriteTokens,
		Output: u.OutputTokens, Reasoning: u.OutputTokensDetails.ReasoningTokens,
	}
}

var chatParams = openai.ChatCompletionNewParams{
	Model: models.OpenAI, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
}

func (s openAISDK) chat(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Chat.Completions.New(ctx, chatParams)
	require.NoError(t, err)
	assert.Equal(t, text, answer.Choices[0].Message.Content)
	return chatTokens(answer.Usage)
}

func (s openAISDK) chatStream(ctx context.Context, t *testing.T) tokens {
	p := chatParams
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := s.Chat.Completions.NewStreaming(ctx, p)
	defer func() { _ = stream.Close() }()
	var all openai.ChatCompletionAccumulator
	var used tokens // the accumulator of v3.95 leaves out what was written to a cache
	for stream.Next() {
		chunk := stream.Current()
		require.True(t, all.AddChunk(chunk))
		if chunk.JSON.Usage.Valid() {
			used = chatTokens(chunk.Usage)
		}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, all.Choices[0].Message.Content)
	return used
}

var responseParams = responses.ResponseNewParams{
	Model: models.OpenAI, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")},
}

func (s openAISDK) response(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Responses.New(ctx, responseParams)
	require.NoError(t, err)
	assert.Equal(t, text, answer.OutputText())
	return responseTokens(answer.Usage)
}

func (s openAISDK) responseStream(ctx context.Context, t *testing.T) tokens {
	stream := s.Responses.NewStreaming(ctx, responseParams)
	defer func() { _ = stream.Close() }()
	var said strings.Builder
	var used tokens
	for stream.Next() {
		switch event := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			said.WriteString(event.Delta)
		case responses.ResponseCompletedEvent:
			used = responseTokens(event.Response.Usage)
		}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, said.String())
	return used
}

// storedResponse reads and removes what it made: what reading shows was used when
// it was made.
func (s openAISDK) storedResponse(ctx context.Context, t *testing.T) tokens {
	made, err := s.Responses.New(ctx, responseParams)
	require.NoError(t, err)
	read, err := s.Responses.Get(ctx, made.ID, responses.ResponseGetParams{})
	require.NoError(t, err)
	assert.Equal(t, text, read.OutputText())
	require.NoError(t, s.Responses.Delete(ctx, made.ID))
	return responseTokens(made.Usage)
}

func (s openAISDK) countResponse(ctx context.Context, t *testing.T) tokens {
	count, err := s.Responses.InputTokens.Count(ctx, responses.InputTokenCountParams{
		Model: openai.String(models.OpenAI), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("hi")},
	})
	require.NoError(t, err)
	assert.EqualValues(t, input, count.InputTokens)
	return none // counting is free
}

var completionParams = openai.CompletionNewParams{
	Model: "gpt-3.5-turbo-instruct", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("hi")},
}

func (s openAISDK) completion(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Completions.New(ctx, completionParams)
	require.NoError(t, err)
	assert.Equal(t, text, answer.Choices[0].Text)
	return chatTokens(answer.Usage)
}

func (s openAISDK) completionStream(ctx context.Context, t *testing.T) tokens {
	p := completionParams
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := s.Completions.NewStreaming(ctx, p)
	defer func() { _ = stream.Close() }()
	var said strings.Builder
	var used tokens
	for stream.Next() {
		chunk := stream.Current()
		for _, choice := range chunk.Choices {
			said.WriteString(choice.Text)
		}
		if chunk.JSON.Usage.Valid() {
			used = chatTokens(chunk.Usage)
		}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, said.String())
	return used
}

func (s openAISDK) embedding(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}},
	})
	require.NoError(t, err)
	require.Len(t, answer.Data, 2)
	assert.NotEmpty(t, answer.Data[1].Embedding)
	return tokens{Input: answer.Usage.PromptTokens}
}

func (s openAISDK) moderation(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Moderations.New(ctx, openai.ModerationNewParams{Input: openai.ModerationNewParamsInputUnion{OfString: openai.String("hi")}})
	require.NoError(t, err)
	require.Len(t, answer.Results, 1)
	return none
}

func (s openAISDK) image(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Images.Generate(ctx, openai.ImageGenerateParams{Prompt: "a cat", Model: "gpt-image-2"})
	require.NoError(t, err)
	assert.NotEmpty(t, answer.Data[0].B64JSON)
	return tokens{Input: answer.Usage.InputTokens, Output: answer.Usage.OutputTokens}
}

func (s openAISDK) imageStream(ctx context.Context, t *testing.T) tokens {
	stream := s.Images.GenerateStreaming(ctx, openai.ImageGenerateParams{Prompt: "a cat", Model: "gpt-image-2", PartialImages: openai.Int(2)})
	defer func() { _ = stream.Close() }()
	var kinds []string
	var used tokens
	for stream.Next() {
		event := stream.Current()
		kinds = append(kinds, event.Type)
		used = tokens{Input: event.Usage.InputTokens, Output: event.Usage.OutputTokens}
		assert.NotEmpty(t, event.B64JSON)
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, []string{"image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"}, kinds)
	return used
}

func editParams() openai.ImageEditParams {
	image := openai.File(strings.NewReader(content), "cat.png", "image/png")
	return openai.ImageEditParams{Image: openai.ImageEditParamsImageUnion{OfFile: image}, Prompt: "a hat", Model: "gpt-image-2"}
}

func (s openAISDK) imageEdit(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Images.Edit(ctx, editParams())
	require.NoError(t, err)
	assert.NotEmpty(t, answer.Data[0].B64JSON)
	return tokens{Input: answer.Usage.InputTokens, Output: answer.Usage.OutputTokens}
}

func (s openAISDK) imageEditStream(ctx context.Context, t *testing.T) tokens {
	stream := s.Images.EditStreaming(ctx, editParams())
	defer func() { _ = stream.Close() }()
	var used tokens
	for stream.Next() {
		event := stream.Current()
		assert.Equal(t, "image_edit.completed", event.Type)
		used = tokens{Input: event.Usage.InputTokens, Output: event.Usage.OutputTokens}
	}
	require.NoError(t, stream.Err())
	return used
}

// speech is a file: nothing in it says what was used.
func (s openAISDK) speech(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Audio.Speech.New(ctx, openai.AudioSpeechNewParams{
		Input: "hi", Model: "gpt-4o-mini-tts", Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")},
	})
	require.NoError(t, err)
	sound, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.NotEmpty(t, sound)
	return none
}

func sound() io.Reader { return openai.File(strings.NewReader(content), "said.mp3", "audio/mpeg") }

func (s openAISDK) transcription(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Audio.Transcriptions.New(ctx, openai.AudioTranscriptionNewParams{File: sound(), Model: "gpt-4o-transcribe"})
	require.NoError(t, err)
	assert.Equal(t, text, answer.Text)
	return tokens{Input: answer.Usage.InputTokens, Output: answer.Usage.OutputTokens}
}

func (s openAISDK) transcriptionStream(ctx context.Context, t *testing.T) tokens {
	stream := s.Audio.Transcriptions.NewStreaming(ctx, openai.AudioTranscriptionNewParams{File: sound(), Model: "gpt-4o-transcribe"})
	defer func() { _ = stream.Close() }()
	var said strings.Builder
	var used tokens
	for stream.Next() {
		event := stream.Current()
		said.WriteString(event.Delta)
		used = tokens{Input: event.Usage.InputTokens, Output: event.Usage.OutputTokens}
	}
	require.NoError(t, stream.Err())
	assert.Equal(t, text, said.String())
	return used
}

// whisper is paid by the second, and uses no tokens.
func (s openAISDK) whisper(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Audio.Transcriptions.New(ctx, openai.AudioTranscriptionNewParams{
		File: sound(), Model: "whisper-1", ResponseFormat: openai.AudioResponseFormatVerboseJSON,
	})
	require.NoError(t, err)
	assert.Equal(t, text, answer.Text)
	assert.InDelta(t, 3.0, answer.Usage.Seconds, 0)
	return tokens{Input: answer.Usage.InputTokens, Output: answer.Usage.OutputTokens}
}

func (s openAISDK) translation(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Audio.Translations.New( //nolint:staticcheck // deprecated and still served
		ctx, openai.AudioTranslationNewParams{File: sound(), Model: "whisper-1"})
	require.NoError(t, err)
	assert.Equal(t, text, answer.Text)
	return none
}

func (s openAISDK) models(ctx context.Context, t *testing.T) tokens {
	page, err := s.Models.List(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, page.Data)
	model, err := s.Models.Get(ctx, page.Data[0].ID)
	require.NoError(t, err)
	assert.Equal(t, page.Data[0].ID, model.ID)
	return none
}

func (s openAISDK) files(ctx context.Context, t *testing.T) tokens {
	file, err := s.Files.New(ctx, openai.FileNewParams{File: openai.File(strings.NewReader(content), "file.txt", "text/plain"), Purpose: openai.FilePurposeUserData})
	require.NoError(t, err)
	assert.EqualValues(t, len(content), file.Bytes)
	got, err := s.Files.Get(ctx, file.ID)
	require.NoError(t, err)
	assert.Equal(t, "file.txt", got.Filename)
	ids := make(map[string]bool)
	for pager := s.Files.ListAutoPaging(ctx, openai.FileListParams{}); pager.Next(); {
		ids[pager.Current().ID] = true
	}
	assert.True(t, ids[file.ID])
	body, err := s.Files.Content(ctx, file.ID)
	require.NoError(t, err)
	all, err := io.ReadAll(body.Body)
	require.NoError(t, err)
	require.NoError(t, body.Body.Close())
	assert.Equal(t, content, string(all))
	gone, err := s.Files.Delete(ctx, file.ID)
	require.NoError(t, err)
	assert.True(t, gone.Deleted)
	return none
}

func (s openAISDK) batches(ctx context.Context, t *testing.T) tokens {
	const line = `{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5","messages":[]}}`
	file, err := s.Files.New(ctx, openai.FileNewParams{File: openai.File(strings.NewReader(line), "in.jsonl", "application/jsonl"), Purpose: openai.FilePurposeBatch})
	require.NoError(t, err)
	batch, err := s.Batches.New(ctx, openai.BatchNewParams{
		CompletionWindow: openai.BatchNewParamsCompletionWindow24h, Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions, InputFileID: file.ID,
	})
	require.NoError(t, err)
	batch, err = s.Batches.Get(ctx, batch.ID)
	require.NoError(t, err)
	assert.Equal(t, openai.BatchStatusCompleted, batch.Status)
	page, err := s.Batches.List(ctx, openai.BatchListParams{})
	require.NoError(t, err)
	assert.NotEmpty(t, page.Data)
	body, err := s.Files.Content(ctx, batch.OutputFileID)
	require.NoError(t, err)
	var result struct {
		CustomID string `json:"custom_id"`
		Response struct{ Body openai.ChatCompletion }
	}
	require.NoError(t, json.NewDecoder(body.Body).Decode(&result))
	require.NoError(t, body.Body.Close())
	assert.Equal(t, "one", result.CustomID)
	assert.Equal(t, text, result.Response.Body.Choices[0].Message.Content)
	_, err = s.Batches.Cancel(ctx, batch.ID)
	require.NoError(t, err)
	return none
}

func (s openAISDK) tuning(ctx context.Context, t *testing.T) tokens {
	file, err := s.Files.New(ctx, openai.FileNewParams{File: openai.File(strings.NewReader("{}"), "in.jsonl", "application/jsonl"), Purpose: openai.FilePurposeFineTune})
	require.NoError(t, err)
	job, err := s.FineTuning.Jobs.New(ctx, openai.FineTuningJobNewParams{Model: "gpt-4o-mini", TrainingFile: file.ID})
	require.NoError(t, err)
	got, err := s.FineTuning.Jobs.Get(ctx, job.ID)
	require.NoError(t, err)
	assert.Equal(t, job.ID, got.ID)
	page, err := s.FineTuning.Jobs.List(ctx, openai.FineTuningJobListParams{})
	require.NoError(t, err)
	assert.NotEmpty(t, page.Data)
	_, err = s.FineTuning.Jobs.Cancel(ctx, job.ID)
	require.NoError(t, err)
	return none
}
