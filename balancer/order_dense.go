package balancer

import "math/rand/v2"

// dense keeps the places that are ready side by side, for a Picker of the user's,
// which asks for them by number. By itself it goes through them as they stand.
type dense struct {
	places []int
	where  []int // in places; -1: not ready
}

func newDense(n int) *dense {
	d := &dense{where: make([]int, n)}
	for i := range d.where {
		d.where[i] = -1
	}
	return d
}

func (d *dense) len() int { return len(d.places) }

func (d *dense) any() int { return d.places[rand.IntN(len(d.places))] } //nolint:gosec // spreading load needs no secrecy

func (d *dense) add(i int) {
	if d.where[i] < 0 {
		d.where[i] = len(d.places)
		d.places = append(d.places, i)
	}
}

func (d *dense) remove(i int) {
	at := d.where[i]
	if at < 0 {
		return
	}
	last := d.places[len(d.places)-1]
	d.places[at], d.where[last] = last, at
	d.places, d.where[i] = d.places[:len(d.places)-1], -1
}

func (d *dense) next(l looker) int {
	for k := 0; k < len(d.places); {
		i := d.places[k]
		switch l.look(i) {
		case fits:
			return i
		case absent:
			d.remove(i)
		default:
			k++
		}
	}
	return -1
}
