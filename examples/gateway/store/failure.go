package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// failure is what went wrong, in one line.
type failure struct {
	doing string
	err   error
}

// Error says what was done and what came back, in one line.
func (f *failure) Error() string {
	return "store: " + f.doing + ": " + strings.Join(strings.Fields(f.err.Error()), " ")
}

// Unwrap is what came back.
func (f *failure) Unwrap() error { return f.err }

// failed says what was done when something went wrong; nil is nil.
func failed(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	if len(args) > 0 {
		doing = fmt.Sprintf(doing, args...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = resource.ErrNotFound
	}
	return &failure{doing, err}
}

// unreachable says where the database should be, and what to do.
func unreachable(t target, err error) error {
	return &failure{fmt.Sprintf("cannot reach the %s database at %s (%s)", t.name, t.where, t.advice), err}
}

// unusable says so of a database that is there and cannot be worked with.
func unusable(t target, err error) error {
	return &failure{fmt.Sprintf("cannot use the %s database at %s (%s)", t.name, t.where, t.advice), err}
}

// undoneTries is how often a transaction is tried that the database undoes for others' sake.
const undoneTries = 8

// transact has f work in a transaction that writes. f may run several times.
func (db *DB) transact(ctx context.Context, f func(*sql.Tx) error) error {
	for try := 1; ; try++ {
		err := db.transactOnce(ctx, f)
		if err == nil || try == undoneTries || !db.target.undone(err) {
			return err
		}
		select {
		case <-time.After(time.Duration(try*try) * 5 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (db *DB) transactOnce(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, db.target.write)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	if commit := db.onCommit.Load(); commit != nil {
		return (*commit)(tx)
	}
	return tx.Commit()
}

// count adds 1 to a counter and holds it until the transaction ends.
func (db *DB) count(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := db.exec(ctx, tx, countText, name)
	return err
}
