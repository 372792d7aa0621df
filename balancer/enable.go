package balancer

import (
	"context"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/health"
)

// Enable ends an account's rest, or its being disabled, after somebody has mended
// what was wrong. The error is that of a name that no account has, or the health
// store's.
func (t *Transport) Enable(ctx context.Context, account string) error {
	m, ok := t.fleet.Load().byName[account]
	if !ok {
		return fmt.Errorf("balancer: Enable: no account is named %q", account)
	}
	return t.enable(ctx, m)
}

func (t *Transport) enable(ctx context.Context, m *member) error {
	return t.update(ctx, m.domains[0], func(s health.State) health.State { return m.policy.Enable(s, time.Now()) })
}
