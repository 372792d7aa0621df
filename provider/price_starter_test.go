package provider_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// TestEveryStarterPriceIsSane holds each row against what any price list obeys.
func TestEveryStarterPriceIsSane(t *testing.T) {
	table := provider.StarterPrices()
	require.NotEmpty(t, table.Rows())
	for _, row := range table.Rows() {
		t.Run(row.Provider+"/"+row.Models[0], func(t *testing.T) {
			seen, err := time.Parse(time.DateOnly, row.AsOf)
			require.NoError(t, err)
			assert.True(t, seen.After(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)), "%v is too old to be of use", seen)
			assert.NotEmpty(t, row.Source)
			assert.NotContains(t, row.Source, "://", "a place to look at, without a scheme")
			sane(t, row.Price)
			for _, l := range row.Long {
				sane(t, l.Price)
				assert.Greater(t, l.Input, row.Input, "long inputs are dearer")
				assert.GreaterOrEqual(t, l.CachedInput, row.CachedInput)
				assert.GreaterOrEqual(t, l.CacheWrite, row.CacheWrite)
				assert.Equal(t, row.CacheWrite == 0, l.CacheWrite == 0)
				assert.Equal(t, row.CachedInput == 0, l.CachedInput == 0)
				assert.Greater(t, l.Output, row.Output)
			}
			for name, f := range row.Tiers {
				assert.Equal(t, name == "priority" || name == "fast", f > provider.Times, "%s is %v times", name, f)
			}
			for _, m := range row.Models {
				at := strings.ReplaceAll(row.Provider, "*", "-eu")
				found, ok := table.Lookup(at, strings.ReplaceAll(m, "*", "26-01-31"))
				require.True(t, ok)
				assert.Equal(t, row, found, "another row answers to %s", m)
			}
		})
	}
}

func sane(t *testing.T, p provider.Price) {
	t.Helper()
	if p.Input != 0 && p.Output != 0 {
		assert.GreaterOrEqual(t, p.Output, p.Input)
	}
	assert.LessOrEqual(t, p.CachedInput, p.Input)
	if p.CacheWrite != 0 {
		assert.GreaterOrEqual(t, p.CacheWrite, p.Input)
	}
	if p.CacheWrite1h != 0 {
		assert.Greater(t, p.CacheWrite1h, p.CacheWrite)
	}
	assert.LessOrEqual(t, p.Input, provider.Rate(100*provider.USD), "as dollars for a thousand tokens?")
	assert.LessOrEqual(t, p.Output, provider.Rate(500*provider.USD))
	assert.Less(t, p.WebSearch, provider.Rate(provider.USD), "as dollars for a thousand searches?")
}

// TestStarterPricesKnowThePlaces looks for models as requests name them.
func TestStarterPricesKnowThePlaces(t *testing.T) {
	million := provider.Usage{Input: 1_000_000, Output: 1_000_000}
	short := provider.Usage{Input: 100_000, Output: 100_000}
	tests := []struct {
		provider, model string
		usage           provider.Usage
		want            int64 // 0: not known
	}{
		{"openai", "gpt-5", million, 11.25 * provider.USD},
		{"openai", "gpt-5-2025-08-07", million, 11.25 * provider.USD},
		{"openrouter", "openai/gpt-5", million, 11.25 * provider.USD},
		{"a relay", "gpt-5", million, 11.25 * provider.USD},
		{"openai", "gpt-6-astra", short, 6 * provider.USD},
		{"openai", "gpt-6-astra", million, 95 * provider.USD},
		{"openai", "gpt-4o-2024-05-13", million, 20 * provider.USD},
		{"openai", "gpt-4o-2024-11-20", million, 12.5 * provider.USD},
		{"anthropic", "claude-opus-4-5-20251101", million, 30 * provider.USD},
		{"openrouter", "anthropic/claude-opus-4.5", million, 30 * provider.USD},
		{"openrouter", "anthropic/claude-opus-5", million, 30 * provider.USD},
		{"openrouter", "anthropic/claude-opus-4.6-fast", million, 0},
		{"anthropic", "claude-haiku-5-5", short, 0.06 * provider.USD},
		{"anthropic", "claude-haiku-5-5", million, 3 * provider.USD},
		{"gemini", "models/gemini-2.5-pro", short, 1.125 * provider.USD},
		{"deepseek", "deepseek-v4-pro", million, 5.28 * provider.USD},
		{"moonshot-cn", "kimi-k3", million, 18 * provider.USD},
		{"groq", "openai/gpt-oss-120b", million, 0.75 * provider.USD},
		{"openai", "whisper-1", provider.Usage{Audio: 10 * time.Minute}, 0.06 * provider.USD},
		{"openai", "gpt-image-1-mini", provider.Usage{Input: 1_000_000, Output: 1_000_000, Images: 4}, 10 * provider.USD},

		{"openai", "gpt-5-turbo", million, 0},                                       // is not gpt-5
		{"openrouter", "openai/gpt-5:free", million, 0},                             // nor is that
		{"openrouter", "deepseek/deepseek-v4-pro", million, 0},                      // an open model elsewhere
		{"groq", "gpt-oss-120b", million, 0},                                        // not its name there
		{"anthropic", "claude-opus-5", provider.Usage{Input: 1, WebSearches: 1}, 0}, // whose price is not in the table
	}
	for _, tt := range tests {
		t.Run(tt.provider+" "+tt.model, func(t *testing.T) {
			nano, ok := provider.StarterPrices().Cost(tt.provider, tt.model, tt.usage)
			assert.Equal(t, tt.want != 0, ok)
			assert.Equal(t, tt.want, nano)
		})
	}
}

func TestStarterPricesAreAFileToStartFrom(t *testing.T) {
	text, err := json.MarshalIndent(provider.StarterPrices(), "", "  ")
	require.NoError(t, err)
	again, err := provider.ParsePriceTable(strings.NewReader(string(text)))
	require.NoError(t, err)
	assert.Equal(t, provider.StarterPrices().Rows(), again.Rows())
	once := provider.StarterPrices()
	assert.Same(t, once, provider.StarterPrices())
}
