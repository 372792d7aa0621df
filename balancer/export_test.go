package balancer

// HeldBytes is what of all answers is held back now.
func HeldBytes(t *Transport) int64 { return t.held.spent.Load() }
