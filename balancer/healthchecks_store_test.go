package balancer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// muteFor is a store of which Update does not answer for some subjects.
type muteFor struct {
	health.Store
	mute func(health.Subject) bool
}

func (m muteFor) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	if m.mute(s) {
		<-ctx.Done()
		return health.State{}, ctx.Err()
	}
	return m.Store.Update(ctx, s, f)
}

// TestHealthChecksWithAStoreThatIsMuteForSome: the others are asked all the same.
func TestHealthChecksWithAStoreThatIsMuteForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := checked(fake, many(8)...)
		cfg.HealthRefresh = -1
		cfg.Health = muteFor{health.NewMemory(health.MemoryConfig{}), func(s health.Subject) bool {
			return s.Kind == health.KindAccount && s.Name < "a4"
		}}
		told := make(chan error, 1000)
		cfg.Hooks.StoreError = func(_ context.Context, store string, err error) {
			assert.Equal(t, "health", store)
			told <- err
		}
		newTransport(t, cfg)
		time.Sleep(time.Hour)
		synctest.Wait()
		for i := range 4 {
			assert.GreaterOrEqual(t, fake.CountFor(fmt.Sprint("key-a", 4+i)), 10, "a%d", 4+i)
			assert.Zero(t, fake.CountFor(fmt.Sprint("key-a", i)), "a%d", i)
		}
		assert.GreaterOrEqual(t, len(told), 4*10)
		assert.ErrorIs(t, <-told, context.DeadlineExceeded)
	})
}
