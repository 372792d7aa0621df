package balancer_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A person takes an account out of use, a page shows why, and somebody enables it
// again.
func ExampleTransport_Disable() {
	lb, err := balancer.New(balancer.Config{
		Accounts:     []balancer.Account{{Name: "main", Provider: provider.OpenAI, Secret: "key-1"}},
		HealthChecks: balancer.HealthChecks{Enabled: true}, // every five minutes, idle and resting accounts
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	ctx := context.Background()
	if err := lb.Disable(ctx, "main", "too dear at night"); err != nil {
		log.Fatal(err)
	}
	show := func() {
		s, err := lb.Snapshot(ctx)
		if err != nil {
			log.Fatal(err)
		}
		for _, a := range s.Accounts {
			fmt.Println(a.Name, a.State, a.Ready, a.NotReady)
		}
	}
	show()
	if err := lb.Enable(ctx, "main"); err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// main disabled false disabled: too dear at night (Transport.Enable ends that)
	// main closed true
}

// Two accounts, of which the first is rate limited: the caller gets a good answer,
// and the trail tells why.
func Example() {
	fake := providertest.OpenAI(providertest.Config{})
	fake.AlwaysFor("key-1", providertest.RateLimited(0))
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()

	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	lb, err := balancer.New(balancer.Config{Accounts: []balancer.Account{
		{Name: "main", Provider: at, Secret: "key-1", Priority: 1},
		{Name: "spare", Provider: at, Secret: "key-2", Priority: 2},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = lb.Close() }()

	// The URL names the API; an SDK would send this over lb.Client().
	ctx, trail := balancer.WithTrail(context.Background())
	body := strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := lb.Client().Do(req)
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode)
	for _, a := range trail.Attempts() {
		fmt.Println(a.Account, a.Status, a.Class)
	}
	// Output:
	// 200
	// main 429 rate limited
	// spare 200 ok
}
