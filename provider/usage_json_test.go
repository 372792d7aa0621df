package provider_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// TestUsageAsJSON: others read what is logged and stored, so the names stay.
func TestUsageAsJSON(t *testing.T) {
	tests := map[string]struct {
		usage provider.Usage
		text  string
	}{
		"nothing": {provider.Usage{}, `{"input":0,"output":0,"complete":false}`},
		"tokens":  {provider.Usage{Input: 11, Output: 7, Model: "gpt-5", Complete: true}, `{"input":11,"output":7,"model":"gpt-5","complete":true}`},
		"all": {
			provider.Usage{
				Input: 1 << 53, CachedInput: 2, CacheWrite: 3, CacheWrite1h: 4, AudioInput: 5, ImageInput: 6,
				Output: 7, Reasoning: 8, AudioOutput: 9, ImageOutput: 10, Images: 11, Audio: 1500 * time.Millisecond, WebSearches: 13,
				Tier: "flex", Model: "m", Complete: true,
			},
			`{"input":9007199254740992,"cachedInput":2,"cacheWrite":3,"cacheWrite1h":4,"audioInput":5,"imageInput":6,` +
				`"output":7,"reasoning":8,"audioOutput":9,"imageOutput":10,"images":11,"audioNs":1500000000,"webSearches":13,` +
				`"tier":"flex","model":"m","complete":true}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tt.usage)
			require.NoError(t, err)
			assert.Equal(t, tt.text, string(text))
			var back provider.Usage
			require.NoError(t, json.Unmarshal(text, &back))
			assert.Equal(t, tt.usage, back)
		})
	}
}
