package provider_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// prices makes a table of rows that are right.
func prices(t testing.TB, rows ...provider.PriceRow) *provider.PriceTable {
	t.Helper()
	table, err := provider.NewPriceTable(rows)
	require.NoError(t, err)
	return table
}

// full is a price whose every rate is another.
var full = provider.Price{
	Input: 2 * provider.USD, CachedInput: 0.2 * provider.USD, CacheWrite: 2.5 * provider.USD, CacheWrite1h: 4 * provider.USD,
	AudioInput: 32 * provider.USD, ImageInput: 5 * provider.USD,
	Output: 10 * provider.USD, Reasoning: 11 * provider.USD, AudioOutput: 64 * provider.USD, ImageOutput: 30 * provider.USD,
	Image: 0.04 * provider.USD, AudioHour: 0.36 * provider.USD, WebSearch: 0.01 * provider.USD,
}

func TestCostChargesEachTokenOnce(t *testing.T) {
	const million = 1_000_000
	tests := map[string]struct {
		price provider.Price
		usage provider.Usage
		want  int64
	}{
		"nothing":               {full, provider.Usage{}, 0},
		"input and output":      {full, provider.Usage{Input: million, Output: million}, 12 * provider.USD},
		"cached":                {full, provider.Usage{Input: million, CachedInput: million / 2}, 1.1 * provider.USD},
		"written to the cache":  {full, provider.Usage{Input: million, CacheWrite: million}, 2.5 * provider.USD},
		"some of it for 1 h":    {full, provider.Usage{Input: million, CacheWrite: million, CacheWrite1h: million / 2}, 3.25 * provider.USD},
		"read and written":      {full, provider.Usage{Input: 3 * million, CachedInput: million, CacheWrite: million}, 4.7 * provider.USD},
		"sound in":              {full, provider.Usage{Input: million, AudioInput: million / 2}, 17 * provider.USD},
		"pictures in":           {full, provider.Usage{Input: million, ImageInput: million / 2}, 3.5 * provider.USD},
		"cached sound":          {full, provider.Usage{Input: million, AudioInput: million, CachedInput: million / 2}, 16.1 * provider.USD},
		"reasoning":             {full, provider.Usage{Output: million, Reasoning: million / 2}, 10.5 * provider.USD},
		"sound out":             {full, provider.Usage{Output: million, AudioOutput: million}, 64 * provider.USD},
		"pictures by the token": {full, provider.Usage{Output: million, ImageOutput: million}, 30 * provider.USD},
		"pictures":              {full, provider.Usage{Images: 3}, 0.12 * provider.USD},
		"a minute of sound":     {full, provider.Usage{Audio: time.Minute}, 0.006 * provider.USD},
		"searches":              {full, provider.Usage{WebSearches: 2}, 0.02 * provider.USD},
		"a part above the whole": {full, provider.Usage{Input: 1, CachedInput: million},
			0.2 * provider.USD},
		"parts without a whole": {full, provider.Usage{AudioInput: million, Reasoning: million}, 43 * provider.USD},
		"negative":              {full, provider.Usage{Input: -1, CachedInput: -5, CacheWrite: -5, Output: -1, Images: -1, Audio: -1, WebSearches: -1}, 0},
		"one token":             {full, provider.Usage{Input: 1}, 2000},
		"rounded up":            {provider.Price{Input: 1}, provider.Usage{Input: 1}, 1},
		"rounded once":          {provider.Price{Input: 1, Output: 1}, provider.Usage{Input: 500_000, Output: 500_000}, 1},
		"rounded once, in all":  {provider.Price{Input: 1, AudioHour: 1}, provider.Usage{Input: 500_000, Audio: 30 * time.Minute}, 1},

		"cached as input":       {provider.Price{Input: 2 * provider.USD}, provider.Usage{Input: million, CachedInput: million}, 2 * provider.USD},
		"written as input":      {provider.Price{Input: 2 * provider.USD}, provider.Usage{Input: million, CacheWrite: million, CacheWrite1h: 1}, 2 * provider.USD},
		"1 h as minutes":        {provider.Price{Input: 2 * provider.USD, CacheWrite: 3 * provider.USD}, provider.Usage{Input: million, CacheWrite: million, CacheWrite1h: million}, 3 * provider.USD},
		"reasoning as output":   {provider.Price{Output: 2 * provider.USD}, provider.Usage{Output: million, Reasoning: million}, 2 * provider.USD},
		"modalities as text":    {provider.Price{Input: 1, Output: 1}, provider.Usage{Input: 2 * million, AudioInput: million, ImageInput: million, Output: 2 * million, AudioOutput: million, ImageOutput: million}, 4},
		"free":                  {provider.Price{Input: provider.Free, Output: 1}, provider.Usage{Input: million}, 0},
		"a free cache":          {provider.Price{Input: 2, CachedInput: provider.Free}, provider.Usage{Input: million, CachedInput: million}, 0},
		"too much":              {full, provider.Usage{Input: math.MaxInt64, Output: math.MaxInt64}, math.MaxInt64},
		"too much of each part": {full, provider.Usage{Input: math.MaxInt64, CachedInput: math.MaxInt64, CacheWrite: math.MaxInt64, AudioInput: math.MaxInt64}, math.MaxInt64},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table := prices(t, provider.PriceRow{Models: []string{"m"}, Price: tt.price})
			got, ok := table.Cost("anywhere", "m", tt.usage)
			require.True(t, ok)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestAnUnknownCostIsNotZero(t *testing.T) {
	tokens := provider.Price{Input: provider.USD, Output: provider.USD}
	table := prices(t,
		provider.PriceRow{Provider: "openai", Models: []string{"chat"}, Price: tokens, Tiers: map[string]provider.Factor{"Flex": 0.5 * provider.Times}},
		provider.PriceRow{Provider: "openai", Models: []string{"embed"}, Price: provider.Price{Input: provider.USD}},
		provider.PriceRow{Provider: "openai", Models: []string{"draw"}, Price: provider.Price{Image: provider.USD}})
	tests := map[string]struct {
		provider, model string
		usage           provider.Usage
	}{
		"another model":                {"openai", "chat-2", provider.Usage{Input: 1}},
		"another provider":             {"relay", "chat", provider.Usage{Input: 1}},
		"no model":                     {"openai", "", provider.Usage{Input: 1}},
		"pictures at a model of words": {"openai", "chat", provider.Usage{Input: 1, Images: 1}},
		"sound by the hour":            {"openai", "chat", provider.Usage{Audio: time.Second}},
		"a search":                     {"openai", "chat", provider.Usage{Input: 1, WebSearches: 1}},
		"output of a model of inputs":  {"openai", "embed", provider.Usage{Input: 1, Output: 1}},
		"tokens at a model of pieces":  {"openai", "draw", provider.Usage{Input: 1, Images: 1}},
		"an unknown tier":              {"openai", "chat", provider.Usage{Input: 1, Tier: "priority"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			nano, ok := table.Cost(tt.provider, tt.model, tt.usage)
			assert.False(t, ok)
			assert.Zero(t, nano)
		})
	}
	var none *provider.PriceTable
	_, ok := none.Cost("openai", "chat", provider.Usage{})
	assert.False(t, ok, "no table knows no price")
	assert.False(t, none.Knows("openai", "chat"))
	assert.Empty(t, none.Rows())
}

func TestLongInputsAndServiceTiersCostOtherwise(t *testing.T) {
	table := prices(t, provider.PriceRow{
		Models: []string{"m"},
		Price: provider.Price{
			Input: 10 * provider.USD, CachedInput: 1 * provider.USD, Output: 50 * provider.USD, WebSearch: 0.01 * provider.USD,
		},
		Long: []provider.LongPrice{
			{Above: 200_000, Price: provider.Price{Input: 20 * provider.USD, CachedInput: 2 * provider.USD, Output: 75 * provider.USD}},
			{Above: 500_000, Price: provider.Price{Input: 40 * provider.USD, Output: 75 * provider.USD}},
		},
		Tiers: map[string]provider.Factor{"flex": 0.5 * provider.Times, "priority": 2 * provider.Times},
	})
	tests := map[string]struct {
		usage provider.Usage
		want  int64
	}{
		"at the line":              {provider.Usage{Input: 200_000}, 2 * provider.USD},
		"above it, the whole":      {provider.Usage{Input: 200_001}, 4.00002 * provider.USD},
		"what was cached counts":   {provider.Usage{Input: 300_000, CachedInput: 300_000}, 0.6 * provider.USD},
		"above the next":           {provider.Usage{Input: 600_000}, 24 * provider.USD},
		"its own cache rate":       {provider.Usage{Input: 600_000, CachedInput: 600_000}, 24 * provider.USD},
		"searches as in the row":   {provider.Usage{Input: 200_001, WebSearches: 1}, 4.01002 * provider.USD},
		"half":                     {provider.Usage{Input: 100_000, Tier: "flex"}, 0.5 * provider.USD},
		"double, in capitals":      {provider.Usage{Input: 100_000, Tier: "PRIORITY"}, 2 * provider.USD},
		"pieces cost the same":     {provider.Usage{WebSearches: 1, Tier: "flex"}, 0.01 * provider.USD},
		"default":                  {provider.Usage{Input: 100_000, Tier: "default"}, provider.USD},
		"standard":                 {provider.Usage{Input: 100_000, Tier: "standard"}, provider.USD},
		"on demand":                {provider.Usage{Input: 100_000, Tier: "on_demand"}, provider.USD},
		"long and half":            {provider.Usage{Input: 300_000, Tier: "flex"}, 3 * provider.USD},
		"rounded after the factor": {provider.Usage{Input: 0, Output: 0, Tier: "flex"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := table.Cost("p", "m", tt.usage)
			require.True(t, ok)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFactorOf(t *testing.T) {
	half := provider.Factor(0.5 * provider.Times)
	assert.Equal(t, int64(2), half.Of(3), "rounded up")
	assert.Equal(t, int64(0), half.Of(-3))
	assert.Equal(t, int64(0), provider.Factor(-1).Of(3))
	assert.Equal(t, int64(math.MaxInt64), provider.Factor(2*provider.Times).Of(math.MaxInt64))
	assert.Equal(t, int64(math.MaxInt64), provider.Factor(provider.Times).Of(math.MaxInt64))
	assert.Equal(t, int64(math.MaxInt64-1), provider.Factor(provider.Times).Of(math.MaxInt64-1))
}

// slowCost is Cost as one would write it without a care for speed: exact
// fractions, and a list of how many tokens cost what.
func slowCost(p provider.Price, u provider.Usage, factor *big.Rat) (*big.Int, bool) {
	or := func(rates ...provider.Rate) provider.Rate {
		for _, r := range rates {
			if r != 0 {
				return r
			}
		}
		return 0
	}
	number := func(n int64) *big.Int { return big.NewInt(max(n, 0)) }
	add := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	less := func(a, b *big.Int) *big.Int {
		d := new(big.Int).Sub(a, b)
		if d.Sign() < 0 {
			return new(big.Int)
		}
		return d
	}
	largest := func(first *big.Int, more ...*big.Int) *big.Int {
		for _, n := range more {
			if n.Cmp(first) > 0 {
				first = n
			}
		}
		return first
	}
	least := func(a, b *big.Int) *big.Int {
		if a.Cmp(b) < 0 {
			return a
		}
		return b
	}

	total, known := new(big.Rat), true
	charge := func(n *big.Int, r provider.Rate, unit int64, factor *big.Rat) {
		switch {
		case n.Sign() == 0 || r == provider.Free:
		case r == 0:
			known = false
		default:
			c := new(big.Rat).SetFrac(new(big.Int).Mul(n, big.NewInt(int64(r))), big.NewInt(unit))
			total.Add(total, c.Mul(c, factor))
		}
	}
	tokens := func(n *big.Int, r provider.Rate) { charge(n, r, 1_000_000, factor) }

	cached, write, write1h := number(u.CachedInput), number(u.CacheWrite), number(u.CacheWrite1h)
	write = largest(write, write1h)
	audio, image := number(u.AudioInput), number(u.ImageInput)
	fresh := less(largest(number(u.Input), add(cached, write), add(audio, image)), add(cached, write))
	audio = least(audio, fresh)
	image = least(image, less(fresh, audio))
	tokens(cached, or(p.CachedInput, p.Input))
	tokens(less(write, write1h), or(p.CacheWrite, p.Input))
	tokens(write1h, or(p.CacheWrite1h, p.CacheWrite, p.Input))
	tokens(audio, or(p.AudioInput, p.Input))
	tokens(image, or(p.ImageInput, p.Input))
	tokens(less(fresh, add(audio, image)), p.Input)

	audio, image = number(u.AudioOutput), number(u.ImageOutput)
	output := largest(number(u.Output), number(u.Reasoning), add(audio, image))
	image = least(image, less(output, audio))
	reasoning := least(number(u.Reasoning), less(output, add(audio, image)))
	tokens(audio, or(p.AudioOutput, p.Output))
	tokens(image, or(p.ImageOutput, p.Output))
	tokens(reasoning, or(p.Reasoning, p.Output))
	tokens(less(output, add(add(audio, image), reasoning)), p.Output)

	one := big.NewRat(1, 1)
	charge(number(u.Images), p.Image, 1, one)
	charge(number(int64(u.Audio)), p.AudioHour, int64(time.Hour), one)
	charge(number(u.WebSearches), p.WebSearch, 1, one)

	up := new(big.Int).Add(total.Num(), new(big.Int).Sub(total.Denom(), big.NewInt(1)))
	return up.Div(up, total.Denom()), known
}

// TestCostAgreesWithExactArithmetic compares Cost with slowCost, which cannot
// overflow, at random prices and usages of every size.
func TestCostAgreesWithExactArithmetic(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 2026))
	rate := func() provider.Rate {
		switch random.IntN(6) {
		case 0:
			return 0
		case 1:
			return provider.Free
		default:
			return provider.Rate(random.Int64N(int64(1) << random.IntN(50)))
		}
	}
	count := func() int64 {
		switch random.IntN(8) {
		case 0, 1:
			return 0
		case 2:
			return math.MaxInt64 - random.Int64N(3)
		case 3:
			return -random.Int64N(10)
		default:
			return random.Int64N(int64(1) << (1 + random.IntN(61)))
		}
	}
	tooMuch, unknown := 0, 0
	for range 20_000 {
		p := provider.Price{
			Input: rate(), CachedInput: rate(), CacheWrite: rate(), CacheWrite1h: rate(), AudioInput: rate(), ImageInput: rate(),
			Output: rate(), Reasoning: rate(), AudioOutput: rate(), ImageOutput: rate(), Image: rate(), AudioHour: rate(), WebSearch: rate(),
		}
		if p == (provider.Price{}) {
			continue
		}
		u := provider.Usage{
			Input: count(), CachedInput: count(), CacheWrite: count(), CacheWrite1h: count(), AudioInput: count(), ImageInput: count(),
			Output: count(), Reasoning: count(), AudioOutput: count(), ImageOutput: count(), Images: count(), Audio: time.Duration(count()), WebSearches: count(),
			Tier: "x",
		}
		factor := 1 + random.Int64N(1000*provider.Times)
		table := prices(t, provider.PriceRow{Models: []string{"m"}, Price: p, Tiers: map[string]provider.Factor{"x": provider.Factor(factor)}})

		got, ok := table.Cost("p", "m", u)
		want, known := slowCost(p, u, big.NewRat(factor, provider.Times))
		require.Equal(t, known, ok, "%+v %+v", p, u)
		switch {
		case !known:
			unknown++
			require.Zero(t, got)
		case !want.IsInt64():
			tooMuch++
			require.Equal(t, int64(math.MaxInt64), got, "%+v %+v", p, u)
		default:
			require.Equal(t, want.Int64(), got, "%+v %+v", p, u)
		}
	}
	assert.Positive(t, tooMuch)
	assert.Positive(t, unknown)
}

func TestCostAllocatesNothing(t *testing.T) {
	table := prices(t,
		provider.PriceRow{Provider: "open*", Models: []string{"openai/*"}, Price: full},
		provider.PriceRow{Models: []string{"m-20*", "m"}, Price: full, Tiers: map[string]provider.Factor{"flex": provider.Times}})
	u := provider.Usage{Input: 1000, CachedInput: 500, Output: 200, Tier: "FLEX"}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if _, ok := table.Cost("openrouter", "vendor/m-2026-01-01", u); !ok {
			t.Fatal("not found")
		}
		if table.Knows("openrouter", "other") {
			t.Fatal("found")
		}
	}))
}

// BenchmarkCost is what an answer pays to be priced, at a table of a usual size.
func BenchmarkCost(b *testing.B) {
	table := provider.StarterPrices()
	u := provider.Usage{Input: 12_000, CachedInput: 10_000, Output: 800, Reasoning: 300, Tier: "default"}
	for name, model := range map[string]string{"exact": "gpt-5", "dated": "gpt-5-2025-08-07", "path": "openai/gpt-5-2025-08-07"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := table.Cost("openai", model, u); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}
