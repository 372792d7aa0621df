package pool

// Stats is a picture of the pool at one moment.
type Stats struct {
	Agents    int    // in the pool
	Draining  int    // outside the pool: retired or temporary, with users or just being closed
	InUse     int    // leases out, on agents that are not closed
	Conns     int    // open connections of all agents that count them
	Hits      uint64 // Acquire found an agent
	Misses    uint64 // Acquire found none
	Evictions uint64 // agents that left the pool
	Temporary uint64 // agents made outside a full pool
	Origins   map[string]OriginStats
}

// OriginStats is the part of [Stats] that belongs to one origin, over all routes.
type OriginStats struct {
	Agents int // in the pool or draining
	InUse  int // leases out
	Conns  int // open connections
}

// Stats counts. It asks each agent for its connections without holding the pool.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	s := Stats{
		Agents: len(p.index.agents), Draining: len(p.live) - len(p.index.agents),
		Hits: p.hits, Misses: p.misses, Evictions: p.evictions, Temporary: p.temporary,
		Origins: make(map[string]OriginStats),
	}
	type counter struct {
		ConnCounter
		origin string
	}
	counters := make([]counter, 0, len(p.live))
	for e := range p.live {
		o := s.Origins[e.key.Origin()]
		o.Agents++
		o.InUse += e.users
		s.InUse += e.users
		s.Origins[e.key.Origin()] = o
		if c, ok := e.agent.(ConnCounter); ok {
			counters = append(counters, counter{c, e.key.Origin()})
		}
	}
	p.mu.Unlock()
	for _, c := range counters {
		n := c.OpenConns()
		o := s.Origins[c.origin]
		o.Conns += n
		s.Conns += n
		s.Origins[c.origin] = o
	}
	return s
}
