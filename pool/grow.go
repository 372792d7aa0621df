package pool

// Grow raises the number of agents that the pool keeps to n, if it keeps fewer.
func (p *Pool) Grow(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > p.cfg.MaxAgents {
		p.cfg.MaxAgents = n
		p.order.Resize(n)
	}
}
