package balancer_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// muteRenewals renews the reservations of accounts, and is mute about all others.
type muteRenewals struct {
	*quota.Memory
	renewed []string
}

func (s *muteRenewals) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (quota.Reservation, error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if !strings.HasPrefix(r.Key, "account/") {
		<-ctx.Done()
		return r, ctx.Err()
	}
	s.renewed = append(s.renewed, r.Key)
	return s.Memory.Renew(ctx, r, ttl)
}

// TestATenantsSlowRenewalLeavesTheAccountsItsTime has an answer that comes so late that both are renewed.
func TestATenantsSlowRenewalLeavesTheAccountsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := inMemory{providertest.OpenAI(providertest.Config{})}
		store := &muteRenewals{Memory: quota.NewMemory(quota.MemoryConfig{})}
		ten := []quota.Limit{{Unit: quota.InFlight, Max: 10}}
		cfg := over(fake, account("main", limits(ten...)))
		cfg.Quota = store
		cfg.Admit = func(context.Context, *balancer.Request) ([]quota.Charge, error) {
			return []quota.Charge{{Key: "tenant/acme", Limits: ten}}, nil
		}
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				time.Sleep(20 * time.Minute)
				return fake.RoundTrip(r)
			}), nil
		}
		_, _, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, []string{"account/main"}, store.renewed)
	})
}
