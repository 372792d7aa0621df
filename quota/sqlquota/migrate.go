package sqlquota

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// migrationWait is for how long Migrate waits for others that migrate, if its context allows it.
const migrationWait = time.Minute

// migrations bring the tables from each version to the next: the first makes version 1. In MySQL none is undone when the
// one after fails, so doing one again must do no harm. Programs of the version before may be running.
var migrations = []map[Dialect]string{
	{
		// id is the SHA-256 of the key, which may be long and of any bytes; name is the key, for those who look. idle_at is
		// when nothing counts any more, in microseconds since 1970.
		SQLite: `CREATE TABLE IF NOT EXISTS {prefix}keys (
			id BLOB NOT NULL PRIMARY KEY, name BLOB NOT NULL, state BLOB NOT NULL, idle_at INTEGER NOT NULL
		) WITHOUT ROWID; CREATE INDEX IF NOT EXISTS {prefix}keys_idle ON {prefix}keys (idle_at)`,
		PostgreSQL: `CREATE TABLE IF NOT EXISTS {prefix}keys (
			id bytea PRIMARY KEY, name bytea NOT NULL, state bytea NOT NULL, idle_at bigint NOT NULL
		) WITH (fillfactor = 50); CREATE INDEX IF NOT EXISTS {prefix}keys_idle ON {prefix}keys (idle_at)`,
		MySQL: `CREATE TABLE IF NOT EXISTS {prefix}keys (
			id BINARY(32) NOT NULL PRIMARY KEY, name MEDIUMBLOB NOT NULL, state MEDIUMBLOB NOT NULL, idle_at BIGINT NOT NULL,
			INDEX {prefix}keys_idle (idle_at)
		) ENGINE = InnoDB`,
	},
}

// versionTable has one row.
var versionTable = map[Dialect]string{
	SQLite:     `CREATE TABLE IF NOT EXISTS {prefix}schema (id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL)`,
	PostgreSQL: `CREATE TABLE IF NOT EXISTS {prefix}schema (id integer PRIMARY KEY, version integer NOT NULL)`,
	MySQL:      `CREATE TABLE IF NOT EXISTS {prefix}schema (id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL) ENGINE = InnoDB`,
}

// Migrate makes the tables, or brings those of an older version up to date. What they hold is kept. Any number of programs
// may call it at once, and whenever they start: one does it, the others wait for it, up to a minute, and where all is
// done it changes nothing. It is an error if the tables are newer than this package: update the program.
//
// It needs the right to create tables, which New and the Store do not.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	s, err := newStore(db, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, migrationWait)
	defer cancel()
	m := &migration{store: s, steps: migrations}
	migrate := m.inTransaction
	if s.config.Dialect == MySQL {
		migrate = m.underLock
	}
	if err := migrate(ctx); err != nil {
		return failure(ctx, fmt.Sprintf("migrating the tables %s…", s.config.Prefix), err)
	}
	return nil
}

type migration struct {
	store *Store
	steps []map[Dialect]string
}

// inTransaction migrates in one transaction, while others wait: in SQLite for the database, in PostgreSQL for a lock of
// that name.
func (m *migration) inTransaction(ctx context.Context) error {
	return m.store.transact(ctx, func(c *sql.Conn) (bool, error) {
		if m.store.config.Dialect == PostgreSQL {
			if _, err := c.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockNumber(m.store.config.Prefix)); err != nil {
				return false, fmt.Errorf("waiting for others that migrate: %w", err)
			}
		}
		return true, m.steppedUp(ctx, c)
	})
}

// lockNumber is that of the lock, which all databases of a PostgreSQL server have apart.
func lockNumber(prefix string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("aitransport sqlquota " + prefix)) // which never fails
	return int64(h.Sum64())                                  //nolint:gosec // any number
}

// underLock migrates one statement after the other, since MySQL commits each, while others wait for a lock of the server.
func (m *migration) underLock(ctx context.Context) (err error) {
	c, err := m.store.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = c.Close() }() // it goes back to the pool, or was dropped
	name, locked := m.store.config.Prefix+"migrate", sql.NullInt64{}
	if err := c.QueryRowContext(ctx, `SELECT GET_LOCK(?, ?)`, name, int(migrationWait/time.Second)).Scan(&locked); err != nil {
		return fmt.Errorf("waiting for others that migrate: %w", err)
	}
	if locked.Int64 != 1 {
		return fmt.Errorf("waiting for others that migrate: they held the lock %s for %v", name, migrationWait)
	}
	defer func() {
		if _, unlock := c.ExecContext(ctx, `DO RELEASE_LOCK(?)`, name); unlock != nil {
			drop(c) // which releases it
		}
	}()
	return m.steppedUp(ctx, c)
}

// steppedUp does the steps that are missing, alone.
func (m *migration) steppedUp(ctx context.Context, c *sql.Conn) error {
	exec := func(statement string) error {
		for part := range strings.SplitSeq(strings.ReplaceAll(statement, "{prefix}", m.store.config.Prefix), ";") {
			if _, err := c.ExecContext(ctx, part); err != nil {
				return err
			}
		}
		return nil
	}
	if err := exec(versionTable[m.store.config.Dialect]); err != nil {
		return fmt.Errorf("making the table of the version: %w", err)
	}
	version := 0
	err := c.QueryRowContext(ctx, m.store.sql.version).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		err = exec(`INSERT INTO {prefix}schema (id, version) VALUES (1, 0)`)
	}
	if err != nil {
		return fmt.Errorf("reading the version: %w", err)
	}
	if version > len(m.steps) {
		return fmt.Errorf("they are of version %d, and this program knows %d: update the program", version, len(m.steps))
	}
	for version < len(m.steps) {
		step := m.steps[version][m.store.config.Dialect]
		version++
		if err := exec(step); err != nil {
			return fmt.Errorf("making version %d: %w", version, err)
		}
		if err := exec(fmt.Sprintf(`UPDATE {prefix}schema SET version = %d WHERE id = 1`, version)); err != nil {
			return fmt.Errorf("noting version %d: %w", version, err)
		}
	}
	return nil
}
