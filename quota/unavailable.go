package quota

import (
	"errors"
	"time"
)

// ErrUnavailable is what every *UnavailableError is: errors.Is(err, ErrUnavailable).
var ErrUnavailable = errors.New("quota: the store is broken")

// UnavailableError is the error of a Guard whose store is broken, where the policy does not answer in its place.
type UnavailableError struct {
	// RetryAt is when the Guard calls the store again, at the earliest, by the clock of this process. Where a call is just
	// trying it, that is when the Guard would try it after that one.
	RetryAt time.Time

	// Err is the store's own error, which may hold its address and what it was asked for: it is for logs. nil: the store
	// was not called, since it has just failed for another caller. What it said to him was told to GuardHooks.Broken alone.
	Err error
}

// Error says that the store is broken, and what it said, if it was called.
func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return ErrUnavailable.Error() + ", and was not asked so soon after it failed"
	}
	return ErrUnavailable.Error() + ": " + e.Err.Error()
}

// Is makes errors.Is(err, ErrUnavailable) true.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// Unwrap is Err.
func (e *UnavailableError) Unwrap() error { return e.Err }
