package health

import (
	"context"
	"errors"
)

// ErrSubject is in the errors of a [Store] that are about one subject and say nothing of the others: whoever takes a store
// that fails for one that is broken need not think so of these. A Store may do without it.
var ErrSubject = errors.New("of this subject alone")

// Store keeps the states of subjects. Its methods may be called by any number of goroutines, and for a shared store by
// any number of processes. The suite in healthtest checks these promises.
//
// Each method is one whole act: it either happened or, where the error is not nil, is not known to have happened. With a
// context that is already done it returns an error and nothing happens.
type Store interface {
	// Load returns the states of the subjects, in their order and as many. A subject that the store does not know has the
	// zero State: it is healthy. The slice belongs to the caller.
	Load(ctx context.Context, subjects []Subject) ([]State, error)

	// Update replaces the subject's state by f of it, atomically: of the updates of one subject each sees the result of
	// another, and none is lost. It returns the state that is now kept, as f made it. f may run several times, and the
	// last run counts; it must be quick and must not call the store. Setting the zero State forgets the subject.
	Update(ctx context.Context, subject Subject, f func(State) State) (State, error)
}
