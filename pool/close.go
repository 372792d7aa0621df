package pool

import (
	"context"
	"sync"
)

// Close ends the pool at once: every agent is closed, those in use included, whose
// requests then fail; callers that wait for a creation get [ErrClosed]. It returns
// when all agents are closed. A creation that is under way has its context ended
// but is not waited for; its agent is closed when it comes. Close may be called
// more than once, also during Shutdown, and returns nil.
func (p *Pool) Close() error {
	p.stop(true)
	p.kill()
	p.mu.Lock()
	busy := make([]*entry, 0, len(p.live))
	for e := range p.live {
		if !e.closed {
			e.closed = true
			busy = append(busy, e)
		}
	}
	p.mu.Unlock()
	var closing sync.WaitGroup
	for _, e := range busy { // together: one that is slow to close keeps no other alive
		closing.Go(func() { p.finish(e) })
	}
	closing.Wait()
	<-p.drained // those that others are just closing
	return nil
}

// Shutdown lets the present users finish, those included that wait for a creation,
// and takes no new ones: Acquire returns [ErrClosed]. It returns when all agents
// are closed. When the context ends first, what is left is closed as by Close, and
// the context's error returned. It may be called more than once and together with
// Close.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.stop(false)
	select {
	case <-p.drained: // whatever the context says
		return nil
	default:
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		_ = p.Close()
		return ctx.Err()
	}
}

// stop refuses new work and closes what nobody uses. kill says that creations under
// way are not waited for, and that what they make is not used.
func (p *Pool) stop(kill bool) {
	p.mu.Lock()
	p.closed = true
	p.killed = p.killed || kill
	over := p.dropAllLocked(func(*entry) bool { return true })
	p.drainedLocked()
	p.mu.Unlock()
	p.finish(over...)
}

// drainedLocked says so when the pool takes nobody any more and nothing is left.
func (p *Pool) drainedLocked() {
	if !p.closed || len(p.live) > 0 || (p.creating > 0 && !p.killed) {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}
