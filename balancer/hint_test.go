package balancer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// TestHintsAddUp: an inner hint changes what it says, and keeps what it does not say.
func TestHintsAddUp(t *testing.T) {
	whole := balancer.Hint{Account: "only", Group: "g", Session: "s", Tenant: "t"}
	tests := map[string]struct {
		hints []balancer.Hint // the outermost first
		want  balancer.Hint
	}{
		"none":      {nil, balancer.Hint{}},
		"one":       {[]balancer.Hint{whole}, whole},
		"two":       {[]balancer.Hint{{Tenant: "t"}, {Session: "s"}}, balancer.Hint{Tenant: "t", Session: "s"}},
		"each":      {[]balancer.Hint{{Account: "only"}, {Group: "g"}, {Tenant: "t"}, {Session: "s"}}, whole},
		"empty":     {[]balancer.Hint{whole, {}}, whole},
		"the inner": {[]balancer.Hint{{Session: "outer", Tenant: "t"}, {Session: "s"}}, balancer.Hint{Tenant: "t", Session: "s"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got balancer.Hint
			cfg := over(providertest.OpenAI(providertest.Config{}), account("only", func(a *balancer.Account) { a.Groups = []string{"g"} }))
			cfg.Admit = func(_ context.Context, r *balancer.Request) ([]quota.Charge, error) {
				got = r.Hint
				return nil, nil
			}
			ctx := t.Context()
			for _, h := range tt.hints {
				ctx = balancer.WithHint(ctx, h) //nolint:fatcontext // that is what is tested
			}
			_, _, err := send(ctx, t, newTransport(t, cfg))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}
