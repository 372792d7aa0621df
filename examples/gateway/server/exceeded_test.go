package server_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// Whoever has no money left is told which limit it is, how far it is used and when there is
// room again; whoever asks for too much, how much that is. The clock stands at 2000-01-01, a
// Saturday; a request is estimated at 15 and 1024 tokens, $0.01025875, and takes 18, $0.00008375.
func TestARefusalForWantOfQuotaSaysWhatToDo(t *testing.T) {
	big := `{"model":"gpt-5","max_tokens":20000,"messages":[{"role":"user","content":"hi"}]}`
	for name, c := range map[string]struct {
		quota resource.Quota
		rate  float64
		fits  int
		body  string
		says  string
	}{
		"tokens of a day": {resource.Quota{Window: "day", Tokens: 1100}, 0, 4, chatBody,
			"Daily limit exceeded: This API key may use 1100 tokens per day from 00:00 UTC. Used: 72 tokens. Left: 1028 tokens. The request may take 1039 tokens. There is room for it at 2000-01-02T00:00:00Z; sooner, ask for fewer tokens."},
		"money of a day": {resource.Quota{Window: "day", USD: 0.0105, Zone: "Asia/Tokyo"}, 0, 3, chatBody,
			"Daily limit exceeded: This API key may use $0.0105 per day from 00:00 Asia/Tokyo. Used: $0.000252. Left: $0.010248. The request may take $0.010259. There is room for it at 2000-01-01T15:00:00Z; sooner, ask for fewer tokens."},
		"at a price rate, as it is charged": {resource.Quota{Window: "day", USD: 0.021}, 2, 3, chatBody,
			"Daily limit exceeded: This API key may use $0.021 per day from 00:00 UTC. Used: $0.000503. Left: $0.020497. The request may take $0.020518. There is room for it at 2000-01-02T00:00:00Z; sooner, ask for fewer tokens."},
		"in all": {resource.Quota{Window: "total", Tokens: 1100}, 0, 4, chatBody,
			"Quota exceeded: This API key may use 1100 tokens in total. Used: 72 tokens. Left: 1028 tokens. The request may take 1039 tokens. There is no more until the limit is raised: ask for fewer tokens."},
		"of a month": {resource.Quota{Window: "month", Tokens: 1100}, 0, 4, chatBody,
			"Quota exceeded: This API key may use 1100 tokens per month from day 1 00:00 UTC. Used: 72 tokens. Left: 1028 tokens. The request may take 1039 tokens. There is room for it at 2000-02-01T00:00:00Z; sooner, ask for fewer tokens."},
		"more than there ever is": {resource.Quota{Window: "5h", Tokens: 10_000}, 0, 0, big,
			"Quota exceeded: This API key may use 10000 tokens per 5h. The request alone may take 20020 tokens: ask for fewer tokens."},
		"more money than there ever is": {resource.Quota{Window: "week", USD: 0.1}, 0, 0, big,
			"Quota exceeded: This API key may use $0.1 per week from Monday 00:00 UTC. The request alone may take $0.200025: ask for fewer tokens."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withKey(func(k *resource.Key) { k.PriceRate, k.Quotas = c.rate, []resource.Quota{c.quota} }))
				for range c.fits {
					require.Equal(t, 200, r.chat().status)
				}
				got := r.ask("POST", "/v1/chat/completions", c.body)
				require.Equal(t, 402, got.status, got.body)
				var told struct{ Error struct{ Message string } }
				require.NoError(t, json.Unmarshal([]byte(got.body), &told))
				assert.Equal(t, c.says, told.Error.Message)
			})
		})
	}
}

// A limit with nothing left says no estimate: it is not that which does not fit.
func TestAQuotaThatIsUsedUpSaysWhenThereIsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := resource.KeyUsage{KeyID: key(secret).ID, Start: time.Now(), Requests: 3, InputTokens: 1000, OutputTokens: 500}
		r := newRig(t, withKey(func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 1100}} }), func(c *server.Config) {
			c.Store.(*memory).usage = []resource.KeyUsage{used}
		})
		got := r.chat()
		require.Equal(t, 402, got.status)
		assert.Contains(t, got.body, "Daily limit exceeded: This API key may use 1100 tokens per day from 00:00 UTC. Used: 1500 tokens. Left: 0 tokens. There is room again at 2000-01-02T00:00:00Z.")
	})
}
