package balancer_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// countingHealth counts the subjects that are read.
type countingHealth struct {
	health.Store
	loaded atomic.Int64
}

func (c *countingHealth) Load(ctx context.Context, s []health.Subject) ([]health.State, error) {
	c.loaded.Add(int64(len(s)))
	return c.Store.Load(ctx, s)
}

// Names of models that callers made up are not read from the store for ever; what a
// person has disabled is.
func TestModelsThatNobodyAsksForAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := &countingHealth{Store: health.NewMemory(health.MemoryConfig{})}
		cfg := over(fake, account("main"))
		cfg.Health = store
		lb := newTransport(t, cfg)
		fake.Always(providertest.ModelNotFound())
		ask := func(model string) {
			_, _, _ = do(lb, newRequest(t.Context(), t, http.MethodPost, chatURL, strings.Replace(chat, "gpt-5", model, 1)))
		}
		for i := range 50 {
			ask(fmt.Sprint("made-up-", i))
		}
		require.NoError(t, lb.DisableSubject(t.Context(), health.Subject{Kind: health.KindAccountModel, Name: "main", Model: "gpt-5"}, "too expensive"))
		time.Sleep(time.Hour)
		store.loaded.Store(0)
		time.Sleep(10 * time.Second)
		assert.Less(t, store.loaded.Load(), int64(100), "subjects in ten seconds")
		var known []string
		for _, m := range snapshotOf(t, lb).Accounts[0].Models {
			known = append(known, m.Model)
		}
		assert.Contains(t, known, "gpt-5")
		assert.NotContains(t, known, "made-up-7")
	})
}
