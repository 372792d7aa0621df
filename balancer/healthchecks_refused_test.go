package balancer_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
)

// TestAReachedPlaceEnablesNoRefusedAccount: that its place is reached says nothing about
// its credential, also where somebody has reset the counts.
func TestAReachedPlaceEnablesNoRefusedAccount(t *testing.T) {
	reach := provider.Probe{Name: "ping", Path: "/models", Proves: []provider.Proof{provider.ProvesReach}}
	key := provider.Probe{Name: "key", Path: "/models", Auth: provider.AuthAccount, Proves: []provider.Proof{provider.ProvesCredential}}
	for _, reset := range []bool{false, true} {
		for _, permanent := range []bool{false, true} {
			for want, probe := range map[string]provider.Probe{"refused": reach, "closed": key} {
				t.Run(fmt.Sprint("reset ", reset, ", permanent ", permanent, ", ", want), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						cfg := checked(answers(200, `{"data":[]}`), account("main"))
						cfg.Health = health.NewMemory(health.MemoryConfig{})
						cfg.HealthChecks.Probes = func(string, *provider.Provider) []provider.Probe { return []provider.Probe{probe} }
						put(t, cfg.Health, subject(health.KindAccount, "main"), func(s health.State) health.State {
							o := health.Outcome{Kind: health.OutcomeDisable, Permanent: permanent, Reason: "no such key"}
							return health.Policy{Rest: 20 * time.Minute}.Apply(s, o, time.Now())
						})
						lb := newTransport(t, cfg)
						if reset {
							require.NoError(t, lb.ResetErrors(t.Context(), false))
						}
						time.Sleep(11 * time.Minute)
						synctest.Wait()
						s := snapshotOf(t, lb).Accounts[0]
						assert.Equal(t, "ok", s.LastCheck.Health)
						if want == "refused" {
							assert.Equal(t, want, s.Cause)
							assert.NotEqual(t, "closed", s.State)
						} else {
							assert.Equal(t, want, s.State)
						}
					})
				})
			}
		}
	}
}
