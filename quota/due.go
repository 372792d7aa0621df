package quota

// dueQueue is a binary heap of records, the first due on top. Each record knows its index, so any can be taken out. It is
// container/heap for one type, at a third of the time.
type dueQueue []*record

func (q *dueQueue) push(r *record) {
	r.index = len(*q)
	*q = append(*q, r)
	q.up(r)
}

func (q *dueQueue) remove(r *record) {
	end := len(*q) - 1
	last := (*q)[end]
	(*q)[end] = nil
	*q = (*q)[:end]
	if last != r {
		last.index = r.index
		q.fix(last)
	}
}

// fix puts a record into its place after its due changed.
func (q dueQueue) fix(r *record) {
	q.up(r)
	q.down(r)
}

func (q dueQueue) up(r *record) {
	i := r.index
	for i > 0 {
		parent := (i - 1) / 2
		if q[parent].due <= r.due {
			break
		}
		q.place(i, q[parent])
		i = parent
	}
	q.place(i, r)
}

func (q dueQueue) down(r *record) {
	i := r.index
	for {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1].due < q[child].due {
			child++
		}
		if child >= len(q) || q[child].due >= r.due {
			break
		}
		q.place(i, q[child])
		i = child
	}
	q.place(i, r)
}

func (q dueQueue) place(i int, r *record) { q[i], r.index = r, i }
