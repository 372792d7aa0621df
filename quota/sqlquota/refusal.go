package sqlquota

import (
	"errors"
	"strings"
)

// retryable reports whether the database undid the transaction of the error, so that it may be tried again.
func (s *Store) retryable(err error) bool {
	if s.config.Retryable != nil && s.config.Retryable(err) {
		return true
	}
	switch s.config.Dialect {
	case PostgreSQL:
		const serializationFailure, deadlockDetected = "40001", "40P01"
		state, _ := stateOf(err)
		return state == serializationFailure || state == deadlockDetected
	case SQLite:
		const busy, locked = 5, 6
		code, ok := codeOf(err)
		return ok && (code&0xff == busy || code&0xff == locked)
	default:
		return false
	}
}

// stale reports whether a transaction could not begin because its connection was broken, as far as the error can say: it
// is not what a database answers that is sound and refuses.
func (s *Store) stale(err error) bool {
	if !errors.As(err, new(*beginError)) {
		return false
	}
	switch s.config.Dialect {
	case PostgreSQL:
		const broken, shutdowns = "08", "57P0" // the class of connections; the server ends, or begins
		state, ok := stateOf(err)
		return !ok || strings.HasPrefix(state, broken) || strings.HasPrefix(state, shutdowns)
	case SQLite:
		_, ok := codeOf(err)
		return !ok
	default:
		return true // its errors have no methods that say what they are
	}
}

// stateOf is the SQLSTATE of an error, as drivers of PostgreSQL tell it.
func stateOf(err error) (state string, ok bool) {
	var e interface{ SQLState() string }
	if ok = errors.As(err, &e); ok {
		state = e.SQLState()
	}
	return state, ok
}

// codeOf is SQLite's code of an error, as modernc.org/sqlite tells it.
func codeOf(err error) (code int, ok bool) {
	var e interface{ Code() int }
	if ok = errors.As(err, &e); ok {
		code = e.Code()
	}
	return code, ok
}
