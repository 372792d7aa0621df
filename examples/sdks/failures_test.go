package sdks_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	anthropicv1 "github.com/anthropics/anthropic-sdk-go"
	anthropicv2 "github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genai"

	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider/providertest"
)

// failures are the steps that are errors of a provider.
var failures = map[string]providertest.Step{
	"rate limited": providertest.RateLimited(0), "quota": providertest.QuotaExhausted(), "spend limit": providertest.SpendLimitReached(),
	"capacity": providertest.Capacity(), "unauthorized": providertest.Unauthorized(), "permission": providertest.PermissionDenied(),
	"model": providertest.ModelNotFound(), "context": providertest.ContextTooLong(), "invalid": providertest.InvalidRequest(),
	"too large": providertest.TooLarge(), "server": providertest.ServerError(), "overloaded": providertest.Overloaded(),
}

// status is what an SDK's own error says; 0: it is none of theirs.
func status(err error) int {
	var o *openai.Error
	var a1 *anthropicv1.Error
	var a2 *anthropicv2.Error
	var g genai.APIError
	switch {
	case errors.As(err, &o):
		return o.StatusCode
	case errors.As(err, &a1):
		return a1.StatusCode
	case errors.As(err, &a2):
		return a2.StatusCode
	case errors.As(err, &g):
		return g.Code
	}
	return 0
}

// noRetry asks once whatever comes back: the SDKs would wait and ask again.
type noRetry struct{ http.RoundTripper }

func (n noRetry) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Set("X-Should-Retry", "false")
	}
	return resp, err
}

// TestSDKsReadFailures: each error of each fake is one of the SDK's own errors, with
// the status that went out, and each error inside a stream ends it.
func TestSDKsReadFailures(t *testing.T) {
	fakes := map[string]func(providertest.Config) *providertest.Fake{
		"openai": providertest.OpenAI, "anthropic": providertest.Anthropic, "gemini": providertest.Gemini,
	}
	for name, step := range failures {
		for place, fake := range fakes {
			f := fake(providertest.Config{})
			client := &http.Client{Transport: noRetry{providertest.InMemory(f)}}
			for _, call := range sdks.All(client, "key", models) {
				if call.Provider != place {
					continue
				}
				f.Always(step)
				_, err := call.Do(t.Context())
				hits := f.Hits()
				require.Error(t, err, "%s: %s %s", name, call.SDK, call.Name)
				assert.Equal(t, hits[len(hits)-1].Status, status(err), "%s: %s %s: %v", name, call.SDK, call.Name, err)
				if !call.Streamed {
					continue
				}
				f.Always(providertest.FailInStream(1, step))
				_, err = call.Do(t.Context())
				if call.Name == "responses" { // told as an event like any other
					assert.NoError(t, err)
					continue
				}
				assert.Error(t, err, "%s: %s %s", name, call.SDK, call.Name)
			}
		}
	}
}

// TestSDKReadsDialects: openai-go reads what every compatible provider's fake says,
// streamed and not, and knows their errors by the status.
func TestSDKReadsDialects(t *testing.T) {
	for _, name := range providertest.Names() {
		if name == "openai" || name == "anthropic" || name == "gemini" {
			continue // made with their own SDKs above, at their own paths
		}
		t.Run(name, func(t *testing.T) {
			f := providertest.Compatible(name, fakeConfig())
			client := &http.Client{Transport: noRetry{providertest.InMemory(f)}}
			s := openAISDK{openai.NewClient(openaioption.WithHTTPClient(client), openaioption.WithAPIKey("the-account's"),
				openaioption.WithBaseURL("https://api.example.com/some/prefix/v9"))}
			if _, err := s.Models.List(t.Context()); err != nil {
				require.Contains(t, name, "-anthropic")
				return // another protocol
			}
			for _, op := range []operation{{name: "chat", call: s.chat}, {name: "chat, streamed", call: s.chatStream}} {
				used := op.call(t.Context(), t)
				assert.EqualValues(t, input, used.Input, op.name)
				if name == "xai" {
					used.Output += used.Reasoning // which it leaves out
				}
				assert.EqualValues(t, output, used.Output, op.name)
			}
			for fault, step := range failures {
				f.Always(step)
				_, err := s.Chat.Completions.New(t.Context(), chatParams)
				if name == "minimax" {
					continue // a 200 all the same
				}
				var stringError *json.UnmarshalTypeError
				if errors.As(err, &stringError) {
					assert.Contains(t, []string{"xai", "lmstudio", "vllm"}, name, "openai-go cannot read an error that is a string: %s", fault)
					continue
				}
				hits := f.Hits()
				assert.Equal(t, hits[len(hits)-1].Status, status(err), "%s: %v", fault, err)
			}
		})
	}
}

// TestSDKReadsTwins: anthropic-sdk-go reads the fakes of those who speak its format.
func TestSDKReadsTwins(t *testing.T) {
	for _, name := range []string{"deepseek", "moonshot", "dashscope", "zhipu", "minimax"} {
		f := providertest.Compatible(name+"-anthropic", providertest.Config{Text: text})
		client := &http.Client{Transport: noRetry{providertest.InMemory(f)}}
		for _, call := range append(sdks.AnthropicV1(client, "key", "m"), sdks.AnthropicV2(client, "key", "m")...) {
			f.Always(providertest.OK())
			result, err := call.Do(t.Context())
			require.NoError(t, err, "%s: %s", name, call.SDK)
			assert.Equal(t, text, result.Text)
			for fault, step := range failures {
				f.Always(step)
				_, err := call.Do(t.Context())
				hits := f.Hits()
				assert.Equal(t, hits[len(hits)-1].Status, status(err), "%s: %s: %s: %v", name, call.SDK, fault, err)
			}
		}
	}
}

// TestSDKReadsBigEvents: a response that repeats 20 MiB of its request.
func TestSDKReadsBigEvents(t *testing.T) {
	f := providertest.OpenAI(fakeConfig())
	f.Always(providertest.OK().BigEvent(20 << 20))
	s := openAISDK{openai.NewClient(openaioption.WithHTTPClient(f.Client()), openaioption.WithAPIKey("the-account's"))}
	assert.Equal(t, full, s.responseStream(t.Context(), t))
}
