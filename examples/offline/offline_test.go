package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

func TestTheProgramWorks(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], "main (fake): 429 rate limited: ")
	assert.Contains(t, lines[1], "spare (fake): 200 ok")
	assert.NotEmpty(t, lines[2])
	assert.NotContains(t, out.String(), "key-1")
}

// TestAnSDKsErrorHoldsOurs: as the README says.
func TestAnSDKsErrorHoldsOurs(t *testing.T) {
	lb, err := balancer.New(balancer.Config{Accounts: []balancer.Account{
		{Name: "main", Provider: provider.OpenAI, Secret: "key", Models: map[string]string{"other": ""}},
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, lb.Close()) }()
	client := openai.NewClient(option.WithAPIKey("replaced"), option.WithHTTPClient(lb.Client()), option.WithMaxRetries(0))
	_, err = client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
		Model: "gpt-5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
	})
	var failure *balancer.Error
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	assert.ErrorContains(t, err, `no account serves the model "gpt-5": see Account.Models`)
}
