package server_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go/v2"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genai"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestGoClientsUnderstandTheErrors makes each official Go client meet the gateway's own
// errors: each comes as the client's own error, with its status.
func TestGoClientsUnderstandTheErrors(t *testing.T) {
	for name, c := range map[string]struct {
		rule   func(*resource.Key)
		prime  int // requests before
		status int
	}{
		"expired":       {func(k *resource.Key) { k.Expires = time.Now().Add(-time.Hour) }, 0, 401},
		"quota":         {func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 1}} }, 0, 402},
		"another model": {func(k *resource.Key) { k.Models = []string{"frog"} }, 0, 403},
		"too fast":      {func(k *resource.Key) { k.RequestsPerMinute = 1 }, 1, 429},
	} {
		t.Run(name, func(t *testing.T) {
			for _, api := range []string{"openai", "anthropic", "gemini"} {
				call := goClients(t, newRig(t, withKey(c.rule)))[api]
				for range c.prime {
					_, err := call(t.Context())
					require.NoError(t, err)
				}
				status, err := call(t.Context())
				require.Error(t, err, api)
				assert.Equal(t, c.status, status, api)
			}
		})
	}
	r := newRig(t)
	for _, f := range []*providertest.Fake{r.openai, r.anthropic, r.gemini} {
		f.Always(providertest.Unauthorized())
	}
	for api, call := range goClients(t, r) {
		status, err := call(t.Context())
		require.Error(t, err, api)
		assert.Equal(t, 503, status, api)
	}
	r = newRig(t)
	for api, call := range goClients(t, r) {
		_, err := call(t.Context())
		require.NoError(t, err, api)
	}
}

// goClients are calls of the official Go clients; each returns the status of its error.
func goClients(t *testing.T, r *rig) map[string]func(context.Context) (int, error) {
	t.Helper()
	client := &http.Client{Transport: providertest.InMemory(r.s)}
	oai := openai.NewClient(openaioption.WithHTTPClient(client), openaioption.WithAPIKey(secret), openaioption.WithBaseURL("http://gateway/v1"), openaioption.WithMaxRetries(0))
	ant := anthropic.NewClient(anthropicoption.WithHTTPClient(client), anthropicoption.WithAPIKey(secret), anthropicoption.WithBaseURL("http://gateway"), anthropicoption.WithMaxRetries(0))
	gem, err := genai.NewClient(t.Context(), &genai.ClientConfig{APIKey: secret, HTTPClient: client, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: "http://gateway/"}})
	require.NoError(t, err)
	return map[string]func(context.Context) (int, error){
		"openai": func(ctx context.Context) (int, error) {
			_, err := oai.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{Model: "gpt-5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
			var failed *openai.Error
			if errors.As(err, &failed) {
				assert.NotEmpty(t, failed.Message)
				return failed.StatusCode, err
			}
			return 0, err
		},
		"anthropic": func(ctx context.Context) (int, error) {
			_, err := ant.Messages.New(ctx, anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))}})
			var failed *anthropic.Error
			if errors.As(err, &failed) {
				assert.NotEmpty(t, failed.RequestID)
				return failed.StatusCode, err
			}
			return 0, err
		},
		"gemini": func(ctx context.Context) (int, error) {
			_, err := gem.Models.GenerateContent(ctx, "gemini-2.5-pro", genai.Text("hi"), nil)
			var failed genai.APIError
			if errors.As(err, &failed) {
				assert.NotEmpty(t, failed.Status)
				return failed.Code, err
			}
			return 0, err
		},
	}
}
