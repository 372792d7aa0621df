package balancer

import (
	"context"
	"time"
)

// chosen asks a Picker of the user's for an account of a tier: its place, or -1, and
// whether the Picker wanted none.
func (c *chooser) chosen(t *tier) (place int, declined bool) {
	v := &view{tier: t, model: c.r.Operation.Model, now: c.now}
	for range tries {
		if v.Len() == 0 {
			return -1, false
		}
		place, declined := v.ask(c.ctx, c.t.cfg.Picker, c.r)
		if declined {
			return -1, true
		}
		switch v.check(place, c) {
		case fits:
			return place, false
		case unfit: // the others may be like it
			return c.chosenOf(t)
		}
		v.n, v.seen = 0, nil
	}
	return c.chosenOf(t) // many have ceased to be ready since somebody looked
}

// chosenOf asks the Picker about those alone that fit.
func (c *chooser) chosenOf(t *tier) (place int, declined bool) {
	v := &view{tier: t, model: c.r.Operation.Model, now: c.now, only: []int{}}
	t.mu.Lock()
	c.tier = t
	d := t.order.(*dense)
	for k := 0; k < len(d.places); {
		i := d.places[k]
		switch c.look(i) {
		case fits:
			v.only = append(v.only, i)
			k++
		case absent:
			d.remove(i)
		default:
			k++
		}
	}
	t.mu.Unlock()
	if len(v.only) == 0 {
		return -1, false
	}
	return v.ask(c.ctx, c.t.cfg.Picker, c.r)
}

// view are the accounts of a tier that are ready, as a Picker sees them.
type view struct {
	tier  *tier
	model string
	now   time.Time
	only  []int       // nil: all that are ready
	n     int         // how many there were
	seen  map[int]int // places that the Picker has asked about, by number
}

// ask has the Picker choose.
func (v *view) ask(ctx context.Context, p Picker, r *Request) (place int, declined bool) {
	k := p.Pick(ctx, r, v)
	if k < 0 || k >= v.Len() {
		return -1, true
	}
	return v.place(k), false
}

// check looks at a place that was picked.
func (v *view) check(place int, c *chooser) fitness {
	v.tier.mu.Lock()
	defer v.tier.mu.Unlock()
	c.tier = v.tier
	fitness := c.look(place)
	if fitness == absent {
		v.tier.order.remove(place)
	}
	return fitness
}

// place is which account the Picker means by a number.
func (v *view) place(k int) int {
	if v.only != nil {
		return v.only[k]
	}
	if place, ok := v.seen[k]; ok {
		return place
	}
	v.tier.mu.Lock()
	d := v.tier.order.(*dense)
	place := 0
	if len(d.places) > 0 {
		place = d.places[min(k, len(d.places)-1)]
	}
	v.tier.mu.Unlock()
	if v.seen == nil {
		v.seen = make(map[int]int)
	}
	v.seen[k] = place
	return place
}

// Len implements [Candidates].
func (v *view) Len() int {
	if v.only != nil {
		return len(v.only)
	}
	if v.n == 0 {
		v.tier.mu.Lock()
		defer v.tier.mu.Unlock()
		v.tier.ripen(v.now.UnixNano())
		v.n = v.tier.order.len()
	}
	return v.n
}

// At implements [Candidates].
func (v *view) At(k int) Candidate {
	m := v.tier.members[v.place(k)]
	c := m.candidateAt(v.now.UnixNano())
	c.Price = m.price(v.model)
	return c
}
