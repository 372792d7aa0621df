package store

import "errors"

// ErrKeyUnused is among the errors of an Open that has encrypted nothing under its master
// key: one that was made for it can be thrown away.
var ErrKeyUnused = errors.New("nothing is encrypted under the master key")

// keyUnused is an error that is ErrKeyUnused too, and reads as it did.
type keyUnused struct{ err error }

func (e *keyUnused) Error() string        { return e.err.Error() }
func (e *keyUnused) Unwrap() error        { return e.err }
func (e *keyUnused) Is(target error) bool { return target == ErrKeyUnused }
