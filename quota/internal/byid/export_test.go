package byid

// Remembered is how many buckets and unused values take up memory.
func (m *Map[T]) Remembered() int { return len(m.buckets) + m.spares }
