package quota

import "github.com/aitransport/aitransport/quota/internal/tally"

// newTally is an empty tally for a valid window.
func newTally(w Window) tally.Tally {
	switch {
	case w.kind == WindowRolling:
		return tally.NewRolling(int64(w.length))
	case w.zoned():
		return tally.NewZoned(w.Bounds)
	default:
		return new(tally.Total)
	}
}
