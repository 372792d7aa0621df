package quota

import "github.com/aitransport/aitransport/quota/internal/tally"

// counter is the tally of one unit in one window.
type counter struct {
	unit   Unit
	window Window
	tally  tally.Tally
}

// newCounter is an empty counter for a valid limit.
func newCounter(u Unit, w Window) *counter {
	var c *counter
	switch {
	case w.kind == WindowRolling:
		c = counterWith(*tally.NewRolling(int64(w.length)))
	case w.zoned():
		c = counterWith(*tally.NewZoned(w.Bounds))
	default:
		c = counterWith(tally.Total{})
	}
	c.unit, c.window = u, w
	return c
}

// counterWith puts a counter and its tally side by side: who uses the one uses the other.
func counterWith[T any, P interface {
	*T
	tally.Tally
}](own T) *counter {
	both := &struct {
		counter
		own T
	}{own: own}
	both.tally = P(&both.own)
	return &both.counter
}
