package sdks_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genai"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestGeminiSDK makes every call of genai that the fake serves. Gemini does not say
// what was written to a cache.
func TestGeminiSDK(t *testing.T) {
	runOperations(t, provider.Gemini, "", providertest.Gemini, geminiOperations(t))
}

// TestGeminiSDKOddStreams makes the streamed ones with streams that are written
// oddly. genai v1.77 knows neither comments nor two data lines, and Gemini sends
// neither.
func TestGeminiSDKOddStreams(t *testing.T) {
	runOddities(t, provider.Gemini, providertest.Gemini, geminiOperations(t), "signs of life", "two data lines")
}

func geminiOperations(t *testing.T) func(c *http.Client) []operation {
	return func(c *http.Client) []operation {
		told := full
		told.Written = 0
		client, err := genai.NewClient(t.Context(), &genai.ClientConfig{APIKey: "the caller's", Backend: genai.BackendGeminiAPI, HTTPClient: c})
		require.NoError(t, err)
		s := geminiSDK{client}
		return []operation{
			{"generate", s.generate, told}, {"generate, streamed", s.stream, told}, {"count tokens", s.count, none},
			{"embed", s.embed, none}, {"models", s.models, none}, {"files", s.files, none}, {"caches", s.caches, none},
		}
	}
}

type geminiSDK struct{ *genai.Client }

// tokens has the thoughts within the output, as everybody else has them.
func (geminiSDK) tokens(u *genai.GenerateContentResponseUsageMetadata) tokens {
	return tokens{
		Input: int64(u.PromptTokenCount + u.ToolUsePromptTokenCount), Cached: int64(u.CachedContentTokenCount),
		Output: int64(u.CandidatesTokenCount + u.ThoughtsTokenCount), Reasoning: int64(u.ThoughtsTokenCount),
	}
}

func (s geminiSDK) generate(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Models.GenerateContent(ctx, models.Gemini, genai.Text("hi"), nil)
	require.NoError(t, err)
	assert.Equal(t, text, answer.Text())
	return s.tokens(answer.UsageMetadata)
}

func (s geminiSDK) stream(ctx context.Context, t *testing.T) tokens {
	var said strings.Builder
	var used tokens
	for chunk, err := range s.Models.GenerateContentStream(ctx, models.Gemini, genai.Text("hi"), nil) {
		require.NoError(t, err)
		said.WriteString(chunk.Text())
		used = s.tokens(chunk.UsageMetadata)
	}
	assert.Equal(t, text, said.String())
	return used
}

func (s geminiSDK) count(ctx context.Context, t *testing.T) tokens {
	count, err := s.Models.CountTokens(ctx, models.Gemini, genai.Text("hi"), nil)
	require.NoError(t, err)
	assert.EqualValues(t, input, count.TotalTokens)
	return none // counting is free
}

// embed says nothing of what it used.
func (s geminiSDK) embed(ctx context.Context, t *testing.T) tokens {
	answer, err := s.Models.EmbedContent(ctx, "gemini-embedding-001", genai.Text("hi"), nil)
	require.NoError(t, err)
	require.Len(t, answer.Embeddings, 1)
	assert.NotEmpty(t, answer.Embeddings[0].Values)
	return none
}

func (s geminiSDK) models(ctx context.Context, t *testing.T) tokens {
	page, err := s.Models.List(ctx, nil)
	require.NoError(t, err)
	require.NotEmpty(t, page.Items)
	model, err := s.Models.Get(ctx, page.Items[0].Name, nil)
	require.NoError(t, err)
	assert.Equal(t, page.Items[0].Name, model.Name)
	return none
}

func (s geminiSDK) files(ctx context.Context, t *testing.T) tokens {
	file, err := s.Files.Upload(ctx, strings.NewReader(content), &genai.UploadFileConfig{MIMEType: "text/plain", DisplayName: "file.txt"})
	require.NoError(t, err)
	got, err := s.Files.Get(ctx, file.Name, nil)
	require.NoError(t, err)
	assert.Equal(t, "file.txt", got.DisplayName)
	require.NotNil(t, got.SizeBytes)
	assert.EqualValues(t, len(content), *got.SizeBytes)
	page, err := s.Files.List(ctx, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, page.Items)
	_, err = s.Files.Delete(ctx, file.Name, nil)
	require.NoError(t, err)
	return none
}

func (s geminiSDK) caches(ctx context.Context, t *testing.T) tokens {
	made, err := s.Caches.Create(ctx, models.Gemini, &genai.CreateCachedContentConfig{Contents: genai.Text(content), TTL: time.Minute})
	require.NoError(t, err)
	got, err := s.Caches.Get(ctx, made.Name, nil)
	require.NoError(t, err)
	assert.Equal(t, made.Name, got.Name)
	page, err := s.Caches.List(ctx, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, page.Items)
	_, err = s.Caches.Delete(ctx, made.Name, nil)
	require.NoError(t, err)
	return none
}
