package balancer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestSnapshotForgetsModelsOfWhatIsGone: what a Snapshot shows can be enabled.
func TestSnapshotForgetsModelsOfWhatIsGone(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	relay := func(a *balancer.Account) { a.Provider = provider.OpenAI.At("relay", "https://relay.example.com/v1") }
	lb := newTransport(t, over(fake, account("main"), account("relayed", relay)))
	for _, s := range []health.Subject{
		subject(health.KindProviderModel, "relay https://relay.example.com", "gpt-5"),
		subject(health.KindProviderModel, "openai https://api.openai.com", "gpt-5"),
		subject(health.KindAccountModel, "relayed", "gpt-5"),
	} {
		require.NoError(t, lb.DisableSubject(t.Context(), s, "bad"))
	}
	require.Len(t, snapshotOf(t, lb).Models, 2)
	require.NoError(t, lb.SetAccounts([]balancer.Account{account("main")}))
	s := snapshotOf(t, lb)
	require.Len(t, s.Models, 1)
	assert.Equal(t, "openai https://api.openai.com", s.Models[0].Name)
	require.NoError(t, lb.EnableSubject(t.Context(), s.Models[0].Subject))
	assert.Empty(t, snapshotOf(t, lb).Models)

	require.NoError(t, lb.SetAccounts([]balancer.Account{account("main"), account("relayed", relay)}))
	assert.Len(t, snapshotOf(t, lb).Models, 1, "it is still disabled")
}

// limitedModels is a store in which all models with a made up name are at a limit.
type limitedModels struct{ health.Store }

func (l limitedModels) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	return l.Store.Update(ctx, s, func(state health.State) health.State {
		if state = f(state); strings.HasPrefix(s.Model, "made-up") {
			state = limitedFor(time.Hour)(state)
		}
		return state
	})
}

// TestSnapshotNamesSoManyModels: callers may make up names, and those do not hide what a
// person disabled.
func TestSnapshotNamesSoManyModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owners := map[health.Kind]string{health.KindProviderModel: "openai https://api.openai.com", health.KindAccountModel: "main"}
		cfg := over(nil, account("main"))
		cfg.Health = limitedModels{health.NewMemory(health.MemoryConfig{})}
		lb := newTransport(t, cfg)
		for kind, owner := range owners {
			for i := range 1100 {
				require.NoError(t, lb.EnableSubject(t.Context(), subject(kind, owner, fmt.Sprint("made-up-", i))))
			}
			require.NoError(t, lb.DisableSubject(t.Context(), subject(kind, owner, "zoo"), "too dear"))
			require.NoError(t, lb.DisableSubject(t.Context(), subject(kind, owner, "ant"), "too dear"))
		}
		s := snapshotOf(t, lb)
		for most, models := range map[int][]balancer.DomainSnapshot{1000: s.Models, 100: s.Accounts[0].Models} {
			require.Len(t, models, most)
			assert.Equal(t, "ant", models[0].Model)
			assert.Equal(t, "zoo", models[1].Model)
			assert.Equal(t, "made-up-0", models[2].Model)
		}
	})
}
