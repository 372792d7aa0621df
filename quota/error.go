package quota

import (
	"errors"
	"fmt"
	"time"
)

// ErrExceeded is what every *ExceededError is: errors.Is(err, ErrExceeded).
var ErrExceeded = errors.New("quota: exceeded")

// ErrFull is what errors are by which a store keeps its own bounds: it has no room for another key, or for another
// reservation of the key. Others are served; a Guard does not take the store for broken.
var ErrFull = errors.New("the store has no room for more")

// ErrNotGivenBack is what the error of a ReserveAll also is that could not give back what it had reserved for the
// charges before the one that has no room: it stands as used until it expires.
var ErrNotGivenBack = errors.New("quota: what was reserved with it could not be given back and stands as used until it expires")

// ExceededError says which limit has no room.
type ExceededError struct {
	Key   string
	Limit Limit
	Used  int64 // of the limit, before this; above Limit.Max: debt; below 0: more was granted than used
	Asked int64
	Left  int64 // Max less Used, at least 0

	// RetryAt is when there will be room if nobody else spends. It is zero where no time is known: for InFlight there is
	// room when one of those in flight ends; otherwise (WindowTotal, or more asked for than Max) waiting does not help.
	RetryAt time.Time
}

// Error says which limit it is, how much is left, and when there is room again or what to do.
func (e *ExceededError) Error() string {
	u := e.Limit.Unit
	return fmt.Sprintf("quota: %q has no room: %v, of which %s used and %s left, %s asked for: %s",
		e.Key, e.Limit, u.number(e.Used), u.number(e.Left), u.number(e.Asked), e.advice())
}

func (e *ExceededError) advice() string {
	switch {
	case e.Asked > e.Limit.Max:
		return "more than the limit ever allows; ask for less or raise Max"
	case !e.RetryAt.IsZero():
		return "room again at " + e.RetryAt.Add(time.Millisecond-1).UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	case e.Limit.Unit == InFlight:
		return "room again when one of them ends"
	default:
		return "room only after a reset or with a higher Max"
	}
}

// Is makes errors.Is(err, ErrExceeded) true.
func (e *ExceededError) Is(target error) bool { return target == ErrExceeded }

// Standing is what a store knows of a limit when it refuses a reservation.
type Standing struct {
	Used int64
	// RoomAt is when there will be room for what is asked. It is not looked at where there is room now, where waiting does
	// not help and for InFlight.
	RoomAt time.Time
}

// NewExceededError is for stores: the error of a Reserve of a under the limits, whose standings are given in their order
// and as many. It is about the limit that will have room last; where all have room, it is nil.
func NewExceededError(key string, limits []Limit, a Amount, standings []Standing) *ExceededError {
	var worst *ExceededError
	for i, limit := range limits {
		s, asked := standings[i], a.Of(limit.Unit)
		room := left(limit.Max, s.Used)
		if asked <= room {
			continue
		}
		e := &ExceededError{Key: key, Limit: limit, Used: s.Used, Asked: asked, Left: max(0, room)}
		if asked <= limit.Max && limit.Unit != InFlight && limit.Window.kind != WindowTotal {
			e.RetryAt = s.RoomAt.Round(0) // others compare it, and write it down: it is of the wall
		}
		if worst == nil || e.outlasts(worst) {
			worst = e
		}
	}
	return worst
}

// outlasts reports whether e will have room later than f: a limit that waiting does not help outlasts one that has a
// time, and that one outlasts what is in flight.
func (e *ExceededError) outlasts(f *ExceededError) bool {
	if a, b := e.patience(), f.patience(); a != b {
		return a > b
	}
	return e.RetryAt.After(f.RetryAt)
}

func (e *ExceededError) patience() int {
	switch {
	case e.Asked <= e.Limit.Max && !e.RetryAt.IsZero():
		return 1
	case e.Asked <= e.Limit.Max && e.Limit.Unit == InFlight:
		return 0
	default:
		return 2
	}
}
