package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// An account that may cost a dollar a day, bought at a discount of a fifth.
func ExampleConfig_prices() {
	fake := providertest.OpenAI(providertest.Config{InputTokens: 2000, OutputTokens: 500})
	lb, err := balancer.New(balancer.Config{
		Prices: provider.StarterPrices(),
		Accounts: []balancer.Account{{
			Name: "main", Provider: provider.OpenAI, Secret: "key-1", PriceFactor: 0.8,
			Limits: []quota.Limit{{Unit: quota.Cost, Max: 1 * provider.USD, Window: quota.Rolling(24 * time.Hour)}},
		}},
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return inMemory{fake}, nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	for _, model := range []string{"gpt-5", "gpt-of-tomorrow"} {
		cost, err := costOf(lb, model)
		fmt.Println(model, cost, err != nil)
	}
	// Output:
	// gpt-5 6000000 false
	// gpt-of-tomorrow 0 true
}

// costOf asks a model and returns what the answer has cost, in nano-USD.
func costOf(lb *balancer.Transport, model string) (int64, error) {
	ctx, trail := balancer.WithTrail(context.Background())
	body := strings.NewReader(`{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, chatURL, body)
	if err != nil {
		return 0, err
	}
	resp, err := lb.Client().Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	var nano int64
	for _, a := range trail.Attempts() {
		nano += a.Cost
	}
	return nano, nil
}
