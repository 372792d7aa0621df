package pool

import (
	"context"
	"errors"
)

// errNoAgent is the error of a create that returned neither an agent nor an error,
// or did not return.
var errNoAgent = errors.New("pool: create made no agent")

// flight is the creation of an agent and the callers that wait for it. It is
// guarded by the pool's mutex until done is closed; afterwards it does not change.
//
// It is no x/sync singleflight because the agent must be in use by all who waited
// from the moment it exists: else the first of them could release it, and have it
// closed, before the others come to hold it; and because callers must not join a
// creation that has landed.
type flight struct {
	key     Key
	done    chan struct{} // closed when entry and err are set
	waiters int
	stale   bool // evicted meanwhile: takes no more callers, and its agent is not kept

	entry *entry
	err   error
}

// joinLocked counts the caller among those who wait for the key's creation, which
// it starts if there is none.
func (p *Pool) joinLocked(ctx context.Context, k Key, create func(context.Context) (Agent, error)) *flight {
	f := p.index.flights[k]
	if f == nil || f.stale {
		f = &flight{key: k, done: make(chan struct{})}
		p.index.flights[k] = f
		p.creating++
		go p.create(context.WithoutCancel(ctx), f, create)
	}
	f.waiters++
	return f
}

// await returns the caller's lease on what the flight made.
func (p *Pool) await(ctx context.Context, f *flight) (Lease, error) {
	var err error
	select {
	case <-f.done:
		if f.err != nil {
			return Lease{}, f.err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return f.entry.leaseLocked(), nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.ctx.Done():
		err = ErrClosed
	}
	p.leave(f)
	return Lease{}, err
}

// leave uncounts a caller who gives up, among those who wait or, if the flight has
// landed at the same moment, among the users.
func (p *Pool) leave(f *flight) {
	p.mu.Lock()
	f.waiters--
	if f.entry == nil {
		p.mu.Unlock()
		return
	}
	p.unuseAndUnlock(f.entry)
}

// create makes the flight's agent. It lands also when the user's func panics or
// ends its goroutine, so that nobody waits for ever.
func (p *Pool) create(ctx context.Context, f *flight, create func(context.Context) (Agent, error)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	var agent Agent
	err := errNoAgent
	defer func() { p.land(f, agent, err) }()
	agent, err = create(ctx)
	if agent == nil && err == nil {
		err = errNoAgent
	}
}

// land ends a flight: its agent comes into the pool or beside it, in use by all
// who wait, or all get the error.
func (p *Pool) land(f *flight, agent Agent, err error) {
	now := p.now()
	e := &entry{pool: p, key: &f.key, agent: agent, created: now, idleSince: now}
	var over []*entry // to be closed
	var temporary bool
	p.mu.Lock()
	p.creating--
	if p.index.flights[f.key] == f {
		delete(p.index.flights, f.key)
	}
	switch {
	case p.killed: // first, since the error may be that of the context which Close ended
		f.err = ErrClosed
		if err == nil {
			e.closed = true
			over = append(over, e)
		}
	case err != nil:
		f.err = err
	default:
		e.users = f.waiters
		f.entry = e
		over, temporary = p.keepLocked(e, f.stale)
	}
	p.drainedLocked()
	limit := p.cfg.MaxAgents
	p.mu.Unlock()
	close(f.done)
	p.finish(over...)
	if temporary {
		p.cfg.Logger.Warn("agent pool is full and all agents are busy: using a temporary agent",
			"maxAgents", limit, "origin", f.key.Origin())
	}
}

// keepLocked puts a new entry into the pool, or beside it if the pool is full of
// busy ones, takes nobody any more, or evicted the origin meanwhile. It returns
// what had to go.
func (p *Pool) keepLocked(e *entry, stale bool) (over []*entry, temporary bool) {
	p.live[e] = struct{}{}
	if !p.closed && !stale {
		evicted, room := p.makeRoomLocked()
		if evicted != nil {
			over = append(over, evicted)
		}
		if room {
			e.pooled = true
			p.index.agents[*e.key] = e
			p.order.Add(e, struct{}{})
			p.tendTimerLocked()
			return over, false
		}
		temporary = true
		p.temporary++
	}
	if unused := p.endLocked(e); unused != nil { // all who waited have given up
		over = append(over, unused)
	}
	return over, temporary
}

// makeRoomLocked takes the least recently used idle agent out if the pool is full.
// It sees busy ones as used just now, as they are, and moves them to the young end.
func (p *Pool) makeRoomLocked() (evicted *entry, room bool) {
	if len(p.index.agents) < p.cfg.MaxAgents {
		return nil, true
	}
	for range len(p.index.agents) {
		e, _, _ := p.order.GetOldest()
		if e.users == 0 {
			return p.dropLocked(e), true
		}
		p.order.Get(e)
	}
	return nil, false
}
