package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/quota"
)

// patient is a store that hangs, and has said how long its calls may take.
type patient struct {
	hung
	limit time.Duration
}

func (p *patient) TimeLimit() time.Duration { return p.limit }

func TestGuardGivesAStoreTheTimeThatItAsksFor(t *testing.T) {
	cases := []struct {
		name             string
		asks, cfg, given time.Duration
	}{
		{"it asks", 4 * time.Second, 0, 4 * time.Second},
		{"the program knows better", 4 * time.Second, time.Second, time.Second},
		{"it asks for nothing", 0, 0, 500 * time.Millisecond},
		{"it asks for nonsense", -1, 0, 500 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := quota.NewGuard(&patient{limit: c.asks}, quota.GuardConfig{Timeout: c.cfg})
				begun := time.Now()
				_, err := g.Reserve(context.Background(), "a", hundred, oneRequest, time.Minute)
				assert.ErrorIs(t, err, quota.ErrUnavailable)
				assert.Equal(t, c.given, time.Since(begun))
			})
		})
	}
}

func TestNewGuardWantsAStore(t *testing.T) {
	assert.PanicsWithValue(t, "quota: NewGuard without a Store: give it one, and look at the error of what made it", func() {
		quota.NewGuard(nil, quota.GuardConfig{})
	})
}
