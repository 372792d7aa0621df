package store

import (
	"context"
	"database/sql"
	"time"
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

// Abandon ends the program as kill does: nothing is written any more.
func (db *DB) Abandon() error {
	db.writer.cancel()
	db.writer.mu.Lock()
	db.writer.queue, db.writer.rows, db.writer.lost, db.writer.states = nil, 0, newSums(), nil
	db.writer.batch = nil
	db.writer.closing = true
	db.writer.mu.Unlock()
	rouse(db.writer.urgent)
	<-db.writer.ended
	return db.disconnect()
}

const (
	BatchRows = batchRows
	PurgeRows = purgeRows
)
