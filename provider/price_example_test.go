package provider_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/aitransport/aitransport/provider"
)

// A table of one's own, as a file would have it, over the one to start from.
func ExamplePriceTable_Over() {
	own, err := provider.ParsePriceTable(strings.NewReader(`{"prices": [
		{"provider": "openai", "models": ["gpt-5"], "input": 1.00, "cachedInput": 0.10, "output": 8.00,
		 "asOf": "2026-11-20", "source": "our contract"},
		{"provider": "local", "models": ["*"], "input": 0, "output": 0}
	]}`))
	if err != nil {
		log.Fatal(err)
	}
	prices, err := own.Over(provider.StarterPrices())
	if err != nil {
		log.Fatal(err)
	}

	used := provider.Usage{Input: 12_000, CachedInput: 10_000, Output: 500, Complete: true}
	for _, place := range []string{"openai", "openrouter", "local"} {
		nano, known := prices.Cost(place, "gpt-5", used)
		fmt.Println(place, nano, known)
	}
	_, known := prices.Cost("openai", "gpt-of-tomorrow", used)
	fmt.Println("known:", known)
	// Output:
	// openai 7000000 true
	// openrouter 8750000 true
	// local 0 true
	// known: false
}
