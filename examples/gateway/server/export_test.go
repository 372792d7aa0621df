package server

import (
	"context"

	"github.com/aitransport/aitransport/balancer"
)

// RefuseAddress is refuseAddress: no test dials the addresses that it refuses.
var RefuseAddress = refuseAddress

// Attempted tells the gateway of an attempt, as the balancer does.
func Attempted(ctx context.Context, s *Server, a balancer.Attempt) { s.attempted(ctx, a) }

// Member is member, for fuzzing.
var Member = member
