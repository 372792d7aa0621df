package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const (
	purgeEvery = time.Hour
	purgeRows  = 500                      // in a transaction
	foldAfter  = 40 * 24 * time.Hour      // longer than any month
	forgotten  = 2 * 365 * 24 * time.Hour // writers, long after their files
)

// maintain puts away what is old, some rows at a time, between batches.
func (w *writer) maintain() {
	if time.Since(w.purgedAt) < purgeEvery || w.isClosing() {
		return
	}
	w.purgedAt = time.Now()
	for more := true; more && !w.isClosing(); {
		ctx, cancel := context.WithTimeout(w.ctx, batchTime)
		var err error
		more, err = w.db.purge(ctx, time.Now())
		cancel()
		if err != nil {
			w.db.log.Error("old records cannot be put away; this is tried again", "error", err, "in", purgeEvery)
			return
		}
		if w.drain() != nil {
			return // it has said so
		}
	}
}

// purge does a step: it takes away rows of the request log that are older than
// Config.Retention, whose sums it keeps, and adds quarters of long ago up. It tells
// whether there is more.
func (db *DB) purge(ctx context.Context, now time.Time) (more bool, err error) {
	if db.config.Retention > 0 {
		if more, err = db.purgeRows(ctx, now.Add(-db.config.Retention)); err != nil {
			return false, failed(err, "purging the request log")
		}
	}
	folded, err := db.foldQuarters(ctx, now.Add(-foldAfter))
	if err != nil {
		return false, failed(err, "adding up old usage of keys")
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		_, err := db.exec(ctx, tx, "DELETE FROM write_batches WHERE written_at < ?", now.Add(-forgotten).UnixMilli())
		return err
	})
	return more || folded, failed(err, "forgetting old writers")
}

// purgeRows takes away the oldest rows. Nobody inserts rows meanwhile.
func (db *DB) purgeRows(ctx context.Context, before time.Time) (more bool, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil {
			return err
		}
		s, rows, last, err := db.oldest(ctx, tx, before)
		if err != nil || rows == 0 {
			more = false
			return err
		}
		if err := db.addDropped(ctx, tx, "purged", s); err != nil {
			return err
		}
		deleted, err := db.exec(ctx, tx,
			"DELETE FROM request_logs WHERE started_at <= ? AND (started_at < ? OR id < ? OR (id = ? AND n <= ?))",
			last.start, last.start, last.id, last.id, last.n)
		if err == nil && deleted != rows {
			err = errors.New("rows were written meanwhile")
		}
		more = rows == purgeRows
		return err
	})
	return more, err
}

// position is where a row stands in the log.
type position struct {
	start int64
	id    string
	n     int64
}

// oldest are the sums of the oldest rows, how many they are, and the last of them.
func (db *DB) oldest(ctx context.Context, tx *sql.Tx, before time.Time) (s sums, n int64, last position, err error) {
	s = newSums()
	rows, err := tx.QueryContext(ctx, db.target.bind(`SELECT started_at, id, n, user_id, key_id, model, account, input_tokens, output_tokens,
		cost, charged, attempts FROM request_logs WHERE started_at < ? ORDER BY started_at, id, n LIMIT ?`), before.UnixMilli(), purgeRows)
	if err != nil {
		return s, 0, last, err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var r resource.Request
		var list string
		err := rows.Scan(&last.start, &last.id, &last.n, &r.UserID, &r.KeyID, &r.Model, &r.Account, &r.InputTokens, &r.OutputTokens,
			&r.Cost, &r.Charged, &list)
		if err == nil && list != "" {
			err = json.Unmarshal([]byte(list), &r.Attempts)
		}
		if err != nil {
			return s, 0, last, err
		}
		r.Start = time.UnixMilli(last.start)
		s.add(&r, purgeRows)
		n++
	}
	return s, n, last, rows.Err()
}
