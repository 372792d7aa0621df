package balancer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

func TestSessionOfARequest(t *testing.T) {
	const both = `{"model":"m","messages":[{"role":"user","content":"hi"}],"prompt_cache_key":"k","user":"u","metadata":{"user_id":"mu"}}`
	long := strings.Repeat("x", 513)
	for _, c := range []struct {
		name       string
		hint       balancer.Hint
		header     string
		body       string
		openings   bool
		tenant, id string
	}{
		{"nothing", balancer.Hint{}, "", chat, false, "", ""},
		{"the body", balancer.Hint{}, "", both, false, "u", "k"},
		{"the header before the body", balancer.Hint{}, "h", both, true, "u", "h"},
		{"the hint before all", balancer.Hint{Session: "s", Tenant: "t"}, "h", both, true, "t", "s"},
		{"only a tenant", balancer.Hint{Tenant: "t"}, "", chat, false, "t", ""},
		{"only a session", balancer.Hint{Session: "s"}, "", chat, true, "", "s"},
		{"metadata", balancer.Hint{}, "", `{"model":"m","metadata":{"user_id":"mu"}}`, true, "", "mu"},
		{"long names", balancer.Hint{Session: long, Tenant: long[1:]}, "", chat, false, long[1:], "sha256-"},
		{"the opening if asked for", balancer.Hint{}, "", chat, true, "", "opening-"},
		{"a body that cannot be read", balancer.Hint{}, "", "\x1f\x8b", true, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRequest(t.Context(), t, http.MethodPost, chatURL, "")
			if c.header != "" {
				r.Header.Set("X-Claude-Code-Session-Id", c.header)
			}
			op := provider.OpenAI.API.Describe(r, []byte(c.body))
			tenant, id := balancer.SessionOf(c.hint, &op, r.Header, []byte(c.body), c.openings)
			assert.Equal(t, c.tenant, tenant)
			if prefix, _, hashed := strings.Cut(c.id, "-"); hashed {
				require.True(t, strings.HasPrefix(id, prefix+"-"), id)
				assert.LessOrEqual(t, len(id), 80)
				return
			}
			assert.Equal(t, c.id, id)
		})
	}
	// An API of a user's own may not know the header.
	tenant, id := balancer.SessionOf(balancer.Hint{}, &provider.Operation{}, http.Header{"X-Claude-Code-Session-Id": {"h"}}, nil, true)
	assert.Equal(t, "h", tenant+id)
	a, b := long+"a", long+"b"
	_, ida := balancer.SessionOf(balancer.Hint{Session: a}, &provider.Operation{}, nil, nil, false)
	_, idb := balancer.SessionOf(balancer.Hint{Session: b}, &provider.Operation{}, nil, nil, false)
	assert.NotEqual(t, ida, idb, "long names are told apart")
}

func TestSessionOfARequestAllocatesNothing(t *testing.T) {
	r := newRequest(t.Context(), t, http.MethodPost, chatURL, "")
	op := provider.Operation{Session: "s", Tenant: "t"}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		balancer.SessionOf(balancer.Hint{}, &op, r.Header, nil, true)
	}))
}
