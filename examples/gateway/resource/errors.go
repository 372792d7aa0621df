package resource

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that there is none of that id, name or hash.
	ErrNotFound = errors.New("not found")

	// ErrConflict says that a name is taken, or that what was to be changed has been
	// changed by somebody else since it was read.
	ErrConflict = errors.New("conflict")

	// ErrNameTaken is the ErrConflict of a name that another one has.
	ErrNameTaken = fmt.Errorf("the name is taken: %w", ErrConflict)

	// ErrInvalid says that what was given cannot be kept or asked for.
	ErrInvalid = errors.New("invalid")
)
