package store

import (
	"context"
	"database/sql/driver"
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
	provider, err := goose.NewProvider(db.target.goose, db.sql, files,
		goose.WithTableName("gateway_schema"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return failed(err, "preparing the migrations")
	}
	up := db.upLocked
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

// upLocked migrates while others wait. goose's own locks are taken too late: it looks for
// its table before.
func (db *DB) upLocked(ctx context.Context, provider *goose.Provider) (err error) {
	c, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it goes back to the pool, or was dropped
	if err := db.target.lock(ctx, c); err != nil {
		return err
	}
	defer func() {
		if db.target.unlock(context.WithoutCancel(ctx), c) != nil {
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // dropping it gives the lock back
		}
	}()
	_, err = provider.Up(ctx)
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
			_, err = provider.Up(ctx)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}
