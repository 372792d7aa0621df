package store

import (
	"bytes"
	"context"
	"database/sql/driver"
	"embed"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// uncovered are migrations as a database is to read them: of the comments that begin with the
// names of databases, as in /*SQLite,PostgreSQL …*/, those that name it are uncovered, and the
// others are left out.
type uncovered struct {
	fs.FS
	database string
}

var covered = regexp.MustCompile(`(?s)/\*([A-Za-z]+(?:,[A-Za-z]+)*)\s(.*?)\*/`)

// Open opens a folder, or a migration.
func (u uncovered) Open(name string) (fs.File, error) {
	file, err := u.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	text = covered.ReplaceAllFunc(text, func(comment []byte) []byte {
		parts := covered.FindSubmatch(comment)
		if slices.Contains(strings.Split(string(parts[1]), ","), u.database) {
			return parts[2]
		}
		return nil
	})
	return migration{file, bytes.NewReader(text)}, nil
}

// migration is a file with another text.
type migration struct {
	fs.File
	text io.Reader
}

func (m migration) Read(p []byte) (int, error) { return m.text.Read(p) }

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
	provider, err := goose.NewProvider(db.target.goose, db.sql, uncovered{files, db.target.name},
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
