package sqlquota

import (
	"errors"
	"fmt"
	"regexp"
)

// Dialect is which SQL the database speaks.
type Dialect uint8

// The dialects.
const (
	DialectUnknown Dialect = iota // not said: an error
	SQLite
	PostgreSQL
	MySQL // and MariaDB
)

// String is its name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	default:
		return fmt.Sprintf("dialect(%d)", d)
	}
}

const (
	defaultPrefix       = "aitransport_quota_"
	defaultReservations = 10_000
)

// Config says how the database is used. All programs that share counts have the same Prefix.
type Config struct {
	Dialect Dialect // required

	// Prefix begins the names of the tables: letters, digits and underscores, not a digit first, at most 40.
	// "": aitransport_quota_
	Prefix string

	// MaxReservations bounds how many reservations of a key can still be settled, those that expired less than a ttl ago
	// included; 0: 10,000; negative: no bound. It bounds what is written with each call for the key. A Reserve beyond it
	// is an error, not ErrExceeded.
	MaxReservations int

	// Retryable says of which errors the database has undone the whole transaction, so that it may be tried again:
	// deadlocks and the like. Errors that say so by a method SQLState() string (PostgreSQL) or Code() int
	// (modernc.org/sqlite) are known without it. nil: only those.
	Retryable func(error) bool
}

var goodPrefix = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,39}$`)

// checked is the Config with its defaults, or what is wrong with it.
func (c Config) checked() (Config, error) {
	if c.Dialect < SQLite || c.Dialect > MySQL {
		return c, errors.New("sqlquota: Config.Dialect: write sqlquota.SQLite, PostgreSQL or MySQL, which is MariaDB too")
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if !goodPrefix.MatchString(c.Prefix) {
		return c, fmt.Errorf("sqlquota: Config.Prefix %q: write letters, digits and underscores, not a digit first, at most 40", c.Prefix)
	}
	if c.MaxReservations == 0 {
		c.MaxReservations = defaultReservations
	}
	return c, nil
}
