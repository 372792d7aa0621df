// Package byid keeps what stores know of reservations: values by their numbers, which come and go with every call. It does
// what Go's map does with pointers to values, in less time: numbers given in turn need no hash worth the name, and the
// memory of values that went serves those that come.
package byid

const (
	maxSpare   = 32 // values whose memory is kept for the next
	minBuckets = 8
	golden     = 0x9E3779B97F4A7C15 // 2^64 by the golden ratio: spreads numbers that follow each other
)

// Map holds values of T by their numbers. The zero Map is empty. It takes memory in proportion to what it holds, and a
// little more. It is not safe for use by several goroutines.
type Map[T any] struct {
	buckets []*entry[T] // as many as a power of two; each is a list
	shift   uint        // what is left of 64 bits is the bucket's number
	held    int
	spare   *entry[T] // a list, at most maxSpare long
	spares  int
}

type entry[T any] struct {
	id    uint64
	next  *entry[T]
	value T
}

// Len is how many values there are.
func (m *Map[T]) Len() int { return m.held }

// Get is the value of that number; nil: there is none. The pointer is good until the value is deleted.
func (m *Map[T]) Get(id uint64) *T {
	if m.held == 0 {
		return nil
	}
	for e := *m.bucket(id); e != nil; e = e.next {
		if e.id == id {
			return &e.value
		}
	}
	return nil
}

// Add makes a zero value of a number that has none.
func (m *Map[T]) Add(id uint64) *T {
	if m.held == len(m.buckets) {
		m.resize(max(2*m.held, minBuckets))
	}
	e := m.spare
	if e != nil {
		m.spare = e.next
		m.spares--
	} else {
		e = new(entry[T])
	}
	at := m.bucket(id)
	e.id, e.next = id, *at
	*at = e
	m.held++
	return &e.value
}

// Delete forgets the value of that number, if there is one.
func (m *Map[T]) Delete(id uint64) {
	if m.held == 0 {
		return
	}
	at := m.bucket(id)
	for *at != nil && (*at).id != id {
		at = &(*at).next
	}
	if *at == nil {
		return
	}
	m.drop(at)
	m.shrink()
}

// DeleteFunc forgets the values for which over is true. It calls over for each, once; over leaves the Map alone.
func (m *Map[T]) DeleteFunc(over func(*T) bool) {
	for i := range m.buckets {
		for at := &m.buckets[i]; *at != nil; {
			if over(&(*at).value) {
				m.drop(at)
			} else {
				at = &(*at).next
			}
		}
	}
	m.shrink()
}

// drop takes out what at points to. What the value held is not kept from being collected.
func (m *Map[T]) drop(at **entry[T]) {
	e := *at
	*at = e.next
	m.held--
	*e = entry[T]{}
	if m.spares < maxSpare {
		e.next = m.spare
		m.spare = e
		m.spares++
	}
}

func (m *Map[T]) shrink() {
	n := len(m.buckets)
	if m.held >= n/8 {
		return
	}
	for n > minBuckets && m.held < n/4 {
		n /= 2
	}
	if n < len(m.buckets) {
		m.resize(n)
	}
}

// resize puts what there is into so many buckets, a power of two.
func (m *Map[T]) resize(n int) {
	old := m.buckets
	m.buckets, m.shift = make([]*entry[T], n), 64
	for size := 1; size < n; size *= 2 {
		m.shift--
	}
	for _, e := range old {
		for e != nil {
			next := e.next
			at := m.bucket(e.id)
			e.next = *at
			*at = e
			e = next
		}
	}
}

// bucket is where the list of the number begins. There are buckets.
func (m *Map[T]) bucket(id uint64) **entry[T] { return &m.buckets[id*golden>>m.shift] }
