package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// DB is an open database. Its methods may be called from any goroutine. Errors are those
// of the driver, with resource.ErrNotFound and resource.ErrConflict in their place; none
// holds a secret. resource.ErrInvalid says that it is the caller's fault.
type DB struct {
	target target
	config Config
	sql    *sql.DB              // writes
	reads  *sql.DB              // sql, but for SQLite
	kept   map[string]*sql.Stmt // by their texts; nil: none are kept
	vault  vault
	log    *slog.Logger
	id     string // of the database
	writer *writer

	keyUsed bool // something may be encrypted under a key that nothing was before

	onCommit atomic.Pointer[func(*sql.Tx) error] // nil: Commit; for tests
}

// Open connects to the database, brings its tables up to date, checks the master key and
// reads in what an earlier Close could not write. An error is one line that says what to
// do, without the password; ErrKeyUnused tells of what the master key was not used for. Close
// has to be called.
func Open(ctx context.Context, c Config) (*DB, error) {
	db, err := begin(ctx, c)
	switch {
	case err == nil:
		return db, nil
	case db != nil && db.keyUsed:
		return nil, err
	}
	return nil, &keyUnused{err}
}

// begin is Open. With an error, the DB is closed, or nil.
func begin(ctx context.Context, c Config) (*DB, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := targetOf(c.URL)
	if err != nil {
		return nil, err
	}
	if c.SpoolDir == "" {
		c.SpoolDir = t.folder
	}
	if c.SpoolDir == "" {
		c.SpoolDir = "."
	}
	v, err := newVault(c.Key)
	if err != nil {
		return nil, err
	}
	db := &DB{target: t, config: c, vault: v, log: c.Logger}
	db.connect()
	if err := db.prepare(ctx); err != nil {
		return db, errors.Join(err, db.disconnect())
	}
	db.writer = newWriter(db)
	go db.writer.run()
	return db, nil
}

// targetOf reads a Config's URL.
func targetOf(raw string) (target, error) {
	scheme, rest, found := strings.Cut(raw, ":")
	switch {
	case found && (scheme == "postgres" || scheme == "postgresql"):
		return postgresTarget(raw)
	case found && (scheme == "mysql" || scheme == "mariadb"):
		return mysqlTarget(raw)
	case found && (scheme == "sqlite" || scheme == "file"):
		return sqliteTarget(strings.TrimPrefix(rest, "//"))
	case strings.Contains(raw, "://"):
		return target{}, fmt.Errorf("store: databases are named by a path, sqlite:, postgres:// or mysql://, and not %.20q", scheme+"://")
	}
	return sqliteTarget(raw)
}

func (db *DB) connect() {
	db.sql = sql.OpenDB(db.target.connector)
	db.reads = db.sql
	most := 16
	if db.target.readers != nil {
		most = 1 // SQLite has one writer
		db.reads = sql.OpenDB(db.target.readers)
		db.reads.SetMaxOpenConns(4)
		db.reads.SetMaxIdleConns(4)
	}
	db.sql.SetMaxOpenConns(most)
	db.sql.SetMaxIdleConns(min(most, 4))
}

func (db *DB) disconnect() error {
	var err error
	for _, statement := range db.kept {
		err = errors.Join(err, statement.Close())
	}
	err = errors.Join(err, db.sql.Close())
	if db.reads != db.sql {
		err = errors.Join(db.reads.Close(), err) // the writer last: it puts SQLite's log away
	}
	return err
}

// prepare makes a database that can be connected to ready for use.
func (db *DB) prepare(ctx context.Context) error {
	reach, cancel := context.WithTimeout(ctx, connectTime+connectTime/2)
	defer cancel()
	if err := db.sql.PingContext(reach); err != nil {
		return unreachable(db.target, err)
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	// This also shows that it can be written to.
	for _, counter := range []string{"accounts_version", "books", "quarters_folded"} {
		statement := db.target.ignore(insert("counters", "name,value", 1), "name")
		if _, err := db.sql.ExecContext(ctx, db.target.bind(statement), counter, 0); err != nil {
			return unusable(db.target, err)
		}
	}
	id, err := db.ClaimSetting(ctx, "database_id", newID("db"))
	if err != nil {
		return err
	}
	db.id = id
	if err := db.keepStatements(ctx); err != nil {
		return unusable(db.target, err)
	}
	if err := db.checkKey(ctx); err != nil {
		return err
	}
	return db.readSpool(ctx)
}

// SQL is the pool of connections that writes, for other stores in the same database. It
// is closed by Close.
func (db *DB) SQL() *sql.DB { return db.sql }

// Name is what sort of database it is: SQLite, PostgreSQL or MySQL (MariaDB too).
func (db *DB) Name() string { return db.target.name }

// Setting is the value of a setting; resource.ErrNotFound if it was never set.
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	statement := db.target.bind("SELECT value FROM settings WHERE name = ?")
	err = db.reads.QueryRowContext(ctx, statement, name).Scan(&value)
	return value, failed(err, "reading the setting %q", name)
}

// SetSetting sets a setting. The name has at most 64 characters.
func (db *DB) SetSetting(ctx context.Context, name, value string) error {
	if err := fits("the name of a setting", name, 64); err != nil {
		return err
	}
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := db.exec(ctx, tx, db.target.ignore(insert("settings", "name,value", 1), "name"), name, value); err != nil {
			return err
		}
		_, err := db.exec(ctx, tx, "UPDATE settings SET value = ? WHERE name = ?", value, name)
		return err
	})
	return failed(err, "writing the setting %q", name)
}

// ClaimSetting sets a setting unless it is set, and returns what it then is: of any
// number of programs that call it at once, all get the value of one.
func (db *DB) ClaimSetting(ctx context.Context, name, value string) (kept string, err error) {
	if err := fits("the name of a setting", name, 64); err != nil {
		return "", err
	}
	statement := db.target.ignore(insert("settings", "name,value", 1), "name")
	if _, err := db.sql.ExecContext(ctx, db.target.bind(statement), name, value); err != nil {
		return "", failed(err, "claiming the setting %q", name)
	}
	return db.Setting(ctx, name)
}

// fits says whether a text fits into its column.
func fits(what, text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("store: %w: %s has %d bytes, of at most %d", resource.ErrInvalid, what, len(text), most)
	}
	if clean(text, most) != text {
		return fmt.Errorf("store: %w: %s is no UTF-8, has a zero byte, or ends in a space", resource.ErrInvalid, what)
	}
	return nil
}
