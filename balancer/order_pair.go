package balancer

// paired draws two places by weight and takes the one that would be done sooner.
type paired struct {
	*weighted
	lighter func(i, j int) bool // i would be done sooner than j
}

func (p *paired) next(l looker) int {
	first := p.weighted.next(l)
	if first < 0 || p.n < 2 {
		return first
	}
	// One draw for the other: where it does not fit, the first is good enough.
	second := p.draw()
	if second == first {
		return first
	}
	switch l.look(second) {
	case fits:
		if p.lighter(second, first) {
			return second
		}
	case absent:
		p.remove(second)
	}
	return first
}
