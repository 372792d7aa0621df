package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// A middleware knows the tenant, a handler the group of accounts: the hints add up.
func ExampleWithHint() {
	fake := providertest.OpenAI(providertest.Config{})
	lb, err := balancer.New(balancer.Config{
		Accounts: []balancer.Account{
			{Name: "cheap", Provider: provider.OpenAI, Secret: "key-1"},
			{Name: "fast", Provider: provider.OpenAI, Secret: "key-2", Groups: []string{"paying"}},
		},
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return inMemory{fake}, nil },
		Hooks: balancer.Hooks{Attempt: func(ctx context.Context, a balancer.Attempt) {
			fmt.Println(a.Account, a.Class)
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	ctx := balancer.WithHint(context.Background(), balancer.Hint{Tenant: "acme"})
	ctx = balancer.WithHint(ctx, balancer.Hint{Group: "paying"}) // the tenant stays
	if err := sayHi(ctx, lb); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sayHi(balancer.WithHint(ctx, balancer.Hint{Group: "golden"}), lb))
	// Output:
	// fast ok
	// Post "https://api.openai.com/v1/chat/completions": balancer: no account available: no account is in the group "golden" (Hint.Group)
}

// Each tenant may make one request a day.
func ExampleConfig_admit() {
	fake := providertest.OpenAI(providertest.Config{})
	lb, err := balancer.New(balancer.Config{
		Accounts: []balancer.Account{{Name: "main", Provider: provider.OpenAI, Secret: "key-1"}},
		Admit: func(_ context.Context, r *balancer.Request) ([]quota.Charge, error) {
			if r.Hint.Tenant == "" {
				return nil, errors.New("whose request is this?")
			}
			daily := quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Daily(0, time.UTC)}
			return []quota.Charge{{Key: "tenant/" + r.Hint.Tenant, Limits: []quota.Limit{daily}}}, nil
		},
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return inMemory{fake}, nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	for _, tenant := range []string{"acme", "acme", "other", ""} {
		err := sayHi(balancer.WithHint(context.Background(), balancer.Hint{Tenant: tenant}), lb)
		var over *quota.ExceededError
		switch {
		case errors.As(err, &over):
			fmt.Println(over.Key, "has no room until", over.RetryAt.Format("15:04"))
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("answered")
		}
	}
	// Output:
	// answered
	// tenant/acme has no room until 00:00
	// answered
	// Post "https://api.openai.com/v1/chat/completions": balancer: whose request is this?
}

// sayHi sends a small request over the balancer's client.
func sayHi(ctx context.Context, lb *balancer.Transport) error {
	body := strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, chatURL, body)
	if err != nil {
		return err
	}
	resp, err := lb.Client().Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
