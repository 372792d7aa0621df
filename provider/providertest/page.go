package providertest

import (
	"slices"
	"strconv"
)

// row is one thing in a list.
type row struct {
	id   string
	body object
}

// rows are kept things as a list has them.
func rows(items []*item, show func(*item) object) []row {
	out := make([]row, 0, len(items))
	for _, it := range items {
		out = append(out, row{it.id, show(it)})
	}
	return out
}

// pageOf is a part of a list: the rows after one of them, or before it, that
// many at most; more tells whether there are more in that direction. ok is
// false if that one is not in the list.
func pageOf(all []row, after, before string, limit int) (part []row, more, ok bool) {
	at := func(id string) int { return slices.IndexFunc(all, func(r row) bool { return r.id == id }) }
	switch {
	case after != "":
		i := at(after)
		if i < 0 {
			return nil, false, false
		}
		all = all[i+1:]
	case before != "":
		i := at(before)
		if i < 0 {
			return nil, false, false
		}
		all = all[:i]
		from := max(len(all)-limit, 0)
		return all[from:], from > 0, true
	}
	n := min(len(all), limit)
	return all[:n], n < len(all), true
}

// limit is the size of a page that the query's parameter of that name wants;
// ok is false if it is not a number from 1 to most.
func (c *call) limit(name string, usual, most int) (n int, ok bool) {
	s := c.query.Get(name)
	if s == "" {
		return usual, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= most
}

// bodies are the rows as JSON has them.
func bodies(part []row) list {
	out := list{}
	for _, r := range part {
		out = append(out, r.body)
	}
	return out
}

func reversed(all []row) []row {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}
