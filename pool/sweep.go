package pool

import (
	"context"
	"log/slog"
	"time"
)

// tendTimerLocked lets the sweep timer run exactly while there are agents that can
// expire. It is always the same timer, so that one which fires just as it is stopped
// cannot become a second one.
func (p *Pool) tendTimerLocked() {
	needed := len(p.index.agents) > 0 && p.cfg.Sweep > 0 && (p.cfg.TTL > 0 || p.cfg.MaxAge > 0)
	switch {
	case needed == p.armed:
	case !needed:
		p.timer.Stop()
	case p.timer == nil:
		p.timer = time.AfterFunc(p.cfg.Sweep, p.sweep)
	default:
		p.timer.Reset(p.cfg.Sweep)
	}
	p.armed = needed
}

// sweep takes out what has expired.
func (p *Pool) sweep() {
	now := p.now()
	p.mu.Lock()
	before := p.evictions
	over := p.dropAllLocked(func(e *entry) bool { return e.expired(now, &p.cfg) })
	changed := p.evictions != before
	p.armed = false // it has fired
	p.tendTimerLocked()
	p.mu.Unlock()
	p.finish(over...)
	if changed {
		p.logStats()
	}
}

func (p *Pool) logStats() {
	if !p.cfg.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return // counting connections asks every agent
	}
	s := p.Stats()
	p.cfg.Logger.Debug("agent pool swept",
		slog.Int("agents", s.Agents), slog.Int("draining", s.Draining), slog.Int("inUse", s.InUse), slog.Int("conns", s.Conns),
		slog.Uint64("hits", s.Hits), slog.Uint64("misses", s.Misses), slog.Uint64("evictions", s.Evictions))
}

// Evict takes all agents of an origin (https://api.openai.com:443) out of the
// pool, by whatever route. Their users finish undisturbed; the next request gets
// a new agent, also when one is just being created.
func (p *Pool) Evict(origin string) {
	p.mu.Lock()
	over := p.dropAllLocked(func(e *entry) bool { return e.key.Origin() == origin })
	for k, f := range p.index.flights {
		if k.Origin() == origin {
			f.stale = true
		}
	}
	p.mu.Unlock()
	p.finish(over...)
}

// CloseIdleConnections closes the connections of all agents that no request uses.
// The agents stay.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	agents := make([]Agent, 0, len(p.live))
	for e := range p.live {
		if !e.closed {
			agents = append(agents, e.agent)
		}
	}
	p.mu.Unlock()
	for _, a := range agents {
		a.CloseIdleConnections()
	}
}
