package balancer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// lossyHealth is a store that does what it is asked for and, while lose is not nil,
// fails to say so.
type lossyHealth struct {
	health.Store
	lose func()
}

func (s *lossyHealth) Update(ctx context.Context, k health.Subject, f func(health.State) health.State) (health.State, error) {
	state, err := s.Store.Update(ctx, k, f)
	if lose := s.lose; lose != nil {
		s.lose = nil
		lose()
		return health.State{}, errBroken
	}
	return state, err
}

// A caller goes while the probe of an account is claimed, and the store cannot say
// whether it was: it is given back all the same, so that nobody has to wait for it.
func TestACallerWhoGoesWhileAProbeIsClaimedGivesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lossyHealth{Store: health.NewMemory(health.MemoryConfig{})}
		past := time.Now().Add(-time.Second).UTC().Round(0)
		_, err := store.Update(t.Context(), health.Subject{Kind: health.KindAccount, Name: "main"}, func(health.State) health.State {
			return health.State{ProbeDue: true, Cause: health.CauseFailure, Rests: 1, RestUntil: past, Since: past, Version: 1}
		})
		require.NoError(t, err)
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main"))
		cfg.Health, cfg.NoLastResort = store, true
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		store.lose = cancel
		_, _, err = send(ctx, t, lb)
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(30 * time.Second) // longer than a refresh, shorter than a probe is held
		_, _, err = send(t.Context(), t, lb)
		assert.NoError(t, err, "nobody holds the probe")
	})
}
