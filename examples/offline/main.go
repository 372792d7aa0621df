// Offline is a whole program that needs neither a key nor a network: a fake provider on
// loopback, two accounts of which the first is rate limited, and an official SDK that
// notices nothing of that.
//
//	go run ./examples/offline
package main

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "offline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	fake := providertest.OpenAI(providertest.Config{})
	fake.AlwaysFor("key-1", providertest.RateLimited(0))
	server := httptest.NewServer(fake)
	defer server.Close()

	at := provider.OpenAI.At("fake", server.URL+"/v1")
	lb, err := balancer.New(balancer.Config{Accounts: []balancer.Account{
		{Name: "main", Provider: at, Secret: "key-1", Priority: 1},
		{Name: "spare", Provider: at, Secret: "key-2", Priority: 2},
	}})
	if err != nil {
		return err
	}
	defer func() { _ = lb.Close() }() // returns nil

	// The SDK believes that it talks to OpenAI. Its own key is replaced.
	client := openai.NewClient(option.WithAPIKey("replaced"), option.WithHTTPClient(lb.Client()), option.WithMaxRetries(0))
	ctx, trail := balancer.WithTrail(ctx)
	answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:    "gpt-5",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Say hello.")},
	})
	fmt.Fprint(out, trail)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, answer.Choices[0].Message.Content)
	return nil
}
