package sqlquota

import (
	"errors"
	"strings"

	"github.com/aitransport/aitransport/internal/sqlerr"
)

// retryable reports whether the database undid the transaction of the error, so that it may be tried again.
func (s *Store) retryable(err error) bool {
	if s.config.Retryable != nil && s.config.Retryable(err) {
		return true
	}
	switch s.config.Dialect {
	case PostgreSQL:
		return sqlerr.UndonePostgreSQL(err)
	case SQLite:
		return sqlerr.UndoneSQLite(err)
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
		state, ok := sqlerr.State(err)
		return !ok || strings.HasPrefix(state, broken) || strings.HasPrefix(state, shutdowns)
	case SQLite:
		_, ok := sqlerr.Code(err)
		return !ok
	default:
		return true // its errors have no methods that say what they are
	}
}
