package sqlhealth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/internal/sqlerr"
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
	defaultPrefix = "aitransport_health_"
	defaultKeep   = 24 * time.Hour
)

// Config says how the database is used. All programs that share states have the same Prefix.
type Config struct {
	Dialect Dialect // required

	// Prefix begins the name of the table: letters, digits and underscores, not a digit first, at most 40.
	// "": aitransport_health_
	Prefix string

	// Keep is for how long a row that is of no use any more stays: since it was written, its rest ended and its probe
	// lapsed. 0: a day. A disabled subject's row stays until somebody enables it.
	Keep time.Duration

	// Retryable says of which errors the database has done nothing, so that a statement may be tried again: deadlocks and
	// the like. Errors that say so by a method SQLState() string (PostgreSQL) or Code() int (modernc.org/sqlite) are known
	// without it. nil: only those.
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
	if c.Keep < 0 {
		return c, errors.New("sqlhealth: Config.Keep is negative: write 0 for a day")
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	if !goodPrefix.MatchString(c.Prefix) {
		return c, fmt.Errorf("sqlhealth: Config.Prefix %q: write letters, digits and underscores, not a digit first, at most 40", c.Prefix)
	}
	return c, nil
}

// id is the SHA-256 of the subject, whose names may be long and of any bytes; subject is for those who look; stamp is
// another number after each write; expires_at is when Purge may drop the row, in milliseconds since 1970.
var tables = map[Dialect]string{
	SQLite: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id BLOB NOT NULL PRIMARY KEY, subject TEXT NOT NULL, state BLOB NOT NULL, stamp INTEGER NOT NULL, expires_at INTEGER NOT NULL
	) WITHOUT ROWID; CREATE INDEX IF NOT EXISTS {prefix}states_expiry ON {prefix}states (expires_at)`,
	PostgreSQL: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id bytea PRIMARY KEY, subject text NOT NULL, state bytea NOT NULL, stamp bigint NOT NULL, expires_at bigint NOT NULL
	); CREATE INDEX IF NOT EXISTS {prefix}states_expiry ON {prefix}states (expires_at)`,
	MySQL: `CREATE TABLE IF NOT EXISTS {prefix}states (
		id BINARY(32) NOT NULL PRIMARY KEY, subject MEDIUMTEXT NOT NULL, state MEDIUMBLOB NOT NULL, stamp BIGINT NOT NULL, expires_at BIGINT NOT NULL,
		INDEX {prefix}states_expiry (expires_at)
	) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`,
}

// makers is how often a table is asked for while others make it too, which some databases refuse, or hold the database.
const makers = 60

// Migrate makes the table, if it is not there. What it holds is kept. Any number of programs may call it at once, and
// whenever they start; where others hold the database it tries again for a second or two. It needs the right to create
// tables, which the Store does not.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	c, err := c.checked()
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(strings.ReplaceAll(tables[c.Dialect], "{prefix}", c.Prefix), ";") {
		for attempt := range makers {
			if _, err = db.ExecContext(ctx, statement); err == nil || !c.retryable(err) && !madeByOthers(err) || pause(ctx, attempt) != nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("sqlhealth: making the table %sstates: %w", c.Prefix, err)
		}
	}
	return nil
}

// madeByOthers tells whether PostgreSQL refused to make what others are making: they have names of the same, which are
// unique.
func madeByOthers(err error) bool {
	const uniqueViolation, duplicateTable, duplicateObject = "23505", "42P07", "42710"
	state, _ := sqlerr.State(err)
	return state == uniqueViolation || state == duplicateTable || state == duplicateObject
}

// retryable tells whether the database has done nothing and may do it the next time.
func (c *Config) retryable(err error) bool {
	switch {
	case c.Retryable != nil && c.Retryable(err):
		return true
	case c.Dialect == PostgreSQL:
		return sqlerr.UndonePostgreSQL(err)
	case c.Dialect == SQLite:
		return sqlerr.UndoneSQLite(err)
	default:
		return false
	}
}
