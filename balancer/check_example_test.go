package balancer_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// An account is checked before it is saved, by its own way and with its own key.
func ExampleCheckAccount() {
	fake := httptest.NewServer(providertest.OpenAI(providertest.Config{}))
	defer fake.Close()
	report, err := balancer.CheckAccount(context.Background(), balancer.Config{}, balancer.Account{
		Name: "main", Provider: provider.OpenAI.At("fake", fake.URL+"/v1"), Secret: "sk-test",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range report.Probes {
		fmt.Printf("%s: %s: %s\n", p.Probe, p.Class, p.Advice)
	}
	// Output: openai key: ok: nothing is to be done
}
