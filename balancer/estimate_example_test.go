package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// promptKey is where a program's own contexts have the length of the prompt.
type promptKey struct{}

// A tenant may cost a cent. What a request may cost is reserved before it is sent, by the
// length of its prompt and the longest answer that it may get, so that a request that is
// too dear is refused and not regretted.
func ExampleConfig_estimate() {
	prices := provider.StarterPrices()
	const longestAnswer = 500 // tokens; what max_completion_tokens says
	cent := []quota.Limit{{Unit: quota.Cost, Max: provider.USD / 100, Window: quota.Total()}}
	fake := providertest.OpenAI(providertest.Config{})
	lb, err := balancer.New(balancer.Config{
		Prices:   prices,
		Accounts: []balancer.Account{{Name: "main", Provider: provider.OpenAI, Secret: "key-1"}},
		Admit: func(context.Context, *balancer.Request) ([]quota.Charge, error) {
			return []quota.Charge{{Key: "tenant/acme", Limits: cent}}, nil
		},
		Estimate: func(ctx context.Context, r *balancer.Request) quota.Amount {
			length, _ := ctx.Value(promptKey{}).(int)
			use := provider.Usage{Input: int64(length) / 3, Output: longestAnswer} // a token has some four letters
			cost, _ := prices.Cost(provider.OpenAI.Name, r.Operation.Model, use)   // 0 for a model whose price is not known
			return quota.Amount{InputTokens: use.Input, OutputTokens: use.Output, Cost: cost}
		},
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return inMemory{fake}, nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	for _, prompt := range []string{"hi", strings.Repeat("A long story. ", 2000)} {
		ctx := context.WithValue(context.Background(), promptKey{}, len(prompt))
		body := fmt.Sprintf(`{"model":"gpt-5","max_completion_tokens":%d,"messages":[{"role":"user","content":%q}]}`, longestAnswer, prompt)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, chatURL, strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		resp, err := lb.Client().Do(req)
		var over *quota.ExceededError
		switch {
		case errors.As(err, &over):
			fmt.Println("refused: it may cost", over.Asked, "nano-USD")
		case err != nil:
			log.Fatal(err)
		default:
			_ = resp.Body.Close()
			fmt.Println(resp.StatusCode)
		}
	}
	fmt.Println("sent:", fake.Count())
	// Output:
	// 200
	// refused: it may cost 16666250 nano-USD
	// sent: 1
}
