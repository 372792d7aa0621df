package transport

import (
	"context"
	"sync/atomic"
)

// progress is where a dial is at the moment. A caller who gives up while others
// still wait for the same dial learns from it what took so long.
type progress struct{ phase atomic.Uint32 }

type progressKey struct{}

func withProgress(ctx context.Context, p *progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// enter notes that a dial has come to a phase.
func enter(ctx context.Context, phase Phase) {
	if p, ok := ctx.Value(progressKey{}).(*progress); ok {
		p.phase.Store(uint32(phase))
	}
	if t := traceOf(ctx); t != nil && t.Phase != nil {
		t.Phase(phase)
	}
}

func (p *progress) now() Phase { return Phase(p.phase.Load()) } //nolint:gosec // only phases are stored
