package balancer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/balancer/affinitytest"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
)

func TestGuardedStoresKeepTheirPromises(t *testing.T) {
	t.Run("health", func(t *testing.T) {
		healthtest.Run(t, func(*testing.T) health.Store {
			s, _ := balancer.Guarded(health.NewMemory(health.MemoryConfig{}), nil)
			return s
		})
	})
	t.Run("affinity", func(t *testing.T) {
		affinitytest.Run(t, func(*testing.T) balancer.AffinityStore {
			_, s := balancer.Guarded(nil, balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{}))
			return s
		})
	})
}

// tellsChanges is a store that tells of changes, in a way.
type tellsChanges struct{ health.Store }

func (tellsChanges) Changes(context.Context, string) (health.Changes, error) {
	return health.Changes{Next: "next"}, nil
}

func TestAGuardedStoreTellsOfChangesIfItDid(t *testing.T) {
	memory := health.NewMemory(health.MemoryConfig{})
	plain, _ := balancer.Guarded(memory, nil)
	_, tells := plain.(health.Changer)
	assert.False(t, tells)
	changer, _ := balancer.Guarded(tellsChanges{memory}, nil)
	page, err := changer.(health.Changer).Changes(t.Context(), "")
	assert.NoError(t, err)
	assert.Equal(t, "next", page.Next)
}
