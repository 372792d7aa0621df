package provider

import "sync"

func StarterPrices() *PriceTable { return starterPrices() }

var starterPrices = sync.OnceValue(func() *PriceTable {
	t, err := NewPriceTable([]PriceRow{{Models: []string{"gpt-5", "gpt-5-20*"}, Price: Price{Input: 1.25 * USD, CachedInput: 0.125 * USD, Output: 10 * USD}}})
	if err != nil {
		panic(err)
	}
	return t
})
