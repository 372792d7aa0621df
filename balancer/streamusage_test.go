package balancer_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
)

const plainStream = `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"hi"}]}`

// A streamed chat is metered although its caller did not ask for the usage, and
// looks to the caller as if nobody had.
func TestStreamUsageIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		body              string
		no                bool
		wantSeen, metered bool
	}{
		"not asked":     {plainStream, false, false, true},
		"asked":         {`{"stream_options":{"include_usage":true},` + plainStream[1:], false, true, true},
		"refused":       {`{"stream_options":{"include_usage":false},` + plainStream[1:], false, false, true},
		"left as it is": {plainStream, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := over(fake, account("only"))
			cfg.NoStreamUsage = c.no
			var got balancer.Attempt
			cfg.Hooks.Attempt = func(_ context.Context, a balancer.Attempt) { got = a }
			lb := newTransport(t, cfg)
			status, body, err := do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, c.body))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, "data: [DONE]")
			if c.wantSeen {
				require.Contains(t, body, `"usage":{`)
			} else {
				require.NotContains(t, body, `"usage":{`)
				require.NotContains(t, body, `"choices":[]`)
			}
			require.Equal(t, c.metered, got.Usage.Complete)
			require.Equal(t, c.metered, got.Usage.Output == 7)
			if c.no {
				require.Equal(t, c.body, string(fake.Hits()[0].Body))
			}
		})
	}
}
