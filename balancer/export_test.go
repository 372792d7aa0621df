package balancer

import (
	"log/slog"

	"github.com/aitransport/aitransport/health"
)

// HeldBytes is what of all answers is held back now.
func HeldBytes(t *Transport) int64 { return t.held.spent.Load() }

// Guarded is a store of health, and one of affinity, behind breakers as New makes them.
func Guarded(h health.Store, a AffinityStore) (health.Store, AffinityStore) {
	t := &Transport{cfg: &Config{Logger: slog.New(slog.DiscardHandler)}}
	return guardHealth(h, t.breaker("health", nil)), &guardedAffinity{a, t.breaker("affinity", nil)}
}
