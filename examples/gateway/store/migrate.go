package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationWait is for how long others are waited for that migrate.
const migrationWait = 2 * time.Minute

// migrate brings the tables up to date. Any number of programs may do so at once: one
// works, the others wait for it; in SQLite, which has no lock but that of a transaction,
// the others fail, and then find it done.
func (db *DB) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationWait)
	defer cancel()
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return failed(err, "reading the migrations")
	}
	options := []goose.ProviderOption{
		goose.WithTableName("gateway_schema"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
	}
	if db.target.lock != nil {
		options = append(options, goose.WithSessionLocker(sessionLock{db.target.dialect}))
	}
	provider, err := goose.NewProvider(db.target.goose, db.sql, files, options...)
	if err != nil {
		return failed(err, "preparing the migrations")
	}
	up := db.up
	if db.target.lock == nil {
		up = db.upUnlocked
	}
	if err := up(ctx, provider); err != nil {
		return unusable(db.target, err)
	}
	has, knows, err := provider.GetVersions(ctx)
	if err == nil && has > knows {
		return failed(errNewer, "the database at %s has tables of version %d, and this program knows %d", db.target.where, has, knows)
	}
	return failed(err, "reading the version of the tables")
}

func (db *DB) up(ctx context.Context, provider *goose.Provider) error {
	_, err := provider.Up(ctx)
	return err
}

// upUnlocked has each migration done once where there is no lock for all of them: who is
// late is undone, and then finds it done.
func (db *DB) upUnlocked(ctx context.Context, provider *goose.Provider) (err error) {
	for range undoneTries {
		if _, _, err = provider.GetVersions(ctx); err == nil { // which makes the table
			_, err = db.sql.ExecContext(ctx, "CREATE UNIQUE INDEX IF NOT EXISTS gateway_schema_version ON gateway_schema (version_id)")
		}
		if err == nil {
			err = db.up(ctx, provider)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// sessionLock keeps others from migrating, as goose asks for it.
type sessionLock struct{ *dialect }

// SessionLock waits for the lock.
func (l sessionLock) SessionLock(ctx context.Context, c *sql.Conn) error { return l.lock(ctx, c) }

// SessionUnlock gives it back.
func (l sessionLock) SessionUnlock(ctx context.Context, c *sql.Conn) error { return l.unlock(ctx, c) }
