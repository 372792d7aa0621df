package balancer

import (
	"cmp"
	"math/rand/v2"
)

// loss is what it costs to forget something of which only so much is remembered, since
// callers make up names of models. It is ordered by its fields, the first first.
type loss struct {
	kind  int   // 0: nothing is lost
	seen  int64 // when it was asked for last: what was asked for once, and never again, has 0
	until int64 // when it would be over by itself
}

func (l loss) compare(other loss) int {
	return cmp.Or(cmp.Compare(l.kind, other.kind), cmp.Compare(l.seen, other.seen), cmp.Compare(l.until, other.until))
}

// pile is a set from which some can be drawn by chance. Its owner holds a lock.
type pile[V comparable] struct {
	list  []V
	place map[V]int // in list
}

func (p *pile[V]) len() int { return len(p.list) }

func (p *pile[V]) has(v V) bool {
	_, in := p.place[v]
	return in
}

// add puts in what is not in yet.
func (p *pile[V]) add(v V) {
	if p.place == nil {
		p.place = make(map[V]int)
	}
	p.place[v] = len(p.list)
	p.list = append(p.list, v)
}

// remove takes out what is in.
func (p *pile[V]) remove(v V) {
	i, end := p.place[v], len(p.list)-1
	last := p.list[end]
	p.list[i], p.place[last] = last, i
	delete(p.place, v)
	clear(p.list[end:])
	p.list = p.list[:end]
}

// drawn is how many are looked at to find one that may be forgotten.
const drawn = 32

// dispensable is what costs least to forget of a few that are drawn by chance: so each
// that is forgotten costs the same, however many there are, and what is asked for again
// and again stays. The pile is not empty.
func (p *pile[V]) dispensable(cost func(V) loss) (found V, lost loss) {
	for n := range drawn {
		v := p.list[rand.IntN(len(p.list))] //nolint:gosec // it needs no secrecy
		if l := cost(v); n == 0 || l.compare(lost) < 0 {
			found, lost = v, l
		}
	}
	return found, lost
}
