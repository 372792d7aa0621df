package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// OnCommit has f commit in place of the transactions.
func (db *DB) OnCommit(f func(*sql.Tx) error) { db.onCommit.Store(&f) }

// KeepApart has at most so many sums be kept apart by model while rows are dropped.
func (db *DB) KeepApart(n int) {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	db.writer.distinct = n
}

// Purge does all the steps of putting away what is old.
func (db *DB) Purge(ctx context.Context, now time.Time) (steps int, err error) {
	for more := true; more && err == nil; steps++ {
		more, err = db.purge(ctx, now)
	}
	return steps, err
}

// Abandon ends the program as kill does: nothing is written any more, nor put into a file.
func (db *DB) Abandon() error {
	db.writer.cancel()
	return errors.Join(db.Close(context.Background()), os.Remove(db.writer.spoolPath()))
}

// PageOfRequests is the query for a page of the request log.
func (db *DB) PageOfRequests(f resource.RequestFilter) (statement string, args []any, err error) {
	statement, args, err = pageOfRequests(f, 51)
	return db.target.bind(statement), args, err
}

const (
	BatchRows  = batchRows
	BatchBytes = batchBytes
	PurgeRows  = purgeRows
)
