package sqlhealth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aitransport/aitransport/health"
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

const defaultPrefix = "aitransport_health_"

// Config says how the database is used. All programs that share states have the same Prefix.
type Config struct {
	Dialect Dialect // required

	// Prefix begins the name of the table: letters, digits and underscores, not a digit first, at most 40.
	// "": aitransport_health_
	Prefix string

	// Retryable says of which errors the database has done nothing, so that a statement may be tried again: deadlocks and
	// the like. nil: none.
	Retryable func(error) bool

	// Unreadable is told of a state that cannot be read, once for each subject, of the first 1000: a later version wrote
	// it, or it is damaged. Load takes it for healthy. It may be called at any time and must return soon. nil: not told.
	Unreadable func(health.Subject, error)
}

var goodPrefix = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,39}$`)

// checked is the Config with its defaults, or what is wrong with it.
func (c Config) checked() (Config, error) {
	if c.Dialect < SQLite || c.Dialect > MySQL {
		return c, errors.New("sqlhealth: Config.Dialect: write sqlhealth.SQLite, PostgreSQL or MySQL, which is MariaDB too")
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if !goodPrefix.MatchString(c.Prefix) {
		return c, fmt.Errorf("sqlhealth: Config.Prefix %q: write letters, digits and underscores, not a digit first, at most 40", c.Prefix)
	}
	return c, nil
}

// id is the SHA-256 of the subject, whose names may be long and of any bytes; subject is for those who look; stamp is
// another number after each write; changed_at is when that was, in milliseconds since 1970.
var tables = map[Dialect]string{
	SQLite: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id BLOB NOT NULL PRIMARY KEY, subject TEXT NOT NULL, state BLOB NOT NULL, stamp INTEGER NOT NULL, changed_at INTEGER NOT NULL
	) WITHOUT ROWID`,
	PostgreSQL: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id bytea PRIMARY KEY, subject bytea NOT NULL, state bytea NOT NULL, stamp bigint NOT NULL, changed_at bigint NOT NULL
	)`,
	MySQL: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id BINARY(32) NOT NULL PRIMARY KEY, subject MEDIUMBLOB NOT NULL, state MEDIUMBLOB NOT NULL, stamp BIGINT NOT NULL, changed_at BIGINT NOT NULL
	) ENGINE = InnoDB`,
}

// makers is how often a table is asked for while others make it too, which some databases refuse.
const makers = 5

// Migrate makes the table, if it is not there. What it holds is kept. Any number of programs may call it at once, and
// whenever they start. It needs the right to create tables, which the Store does not.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	c, err := c.checked()
	if err != nil {
		return err
	}
	statement := strings.ReplaceAll(tables[c.Dialect], "{prefix}", c.Prefix)
	for range makers {
		if _, err = db.ExecContext(ctx, statement); err == nil {
			return nil
		}
		if pause(ctx, patient) != nil {
			break
		}
	}
	return fmt.Errorf("sqlhealth: making the table %sstates: %w", c.Prefix, err)
}
